-- Two records of one person become one: the other stays, closed, with a pointer, and goes with the one it went into.
alter table intake_record add column merged_into text references intake_record (id);
alter table intake_record add column merged_at integer;
create index intake_record_merged on intake_record (merged_into);

-- What a number began on a day lies here and no longer in its records, which outlive the day.
drop index intake_record_sender;
alter table intake_record drop column sender_ix;
create table intake_start (
  sender_ix text not null primary key,
  day_at integer not null,
  starts integer not null
) strict;
create index intake_start_day on intake_start (day_at);
