-- An interview, a test or an examination recorded without a file holds nothing until somebody else than who recorded it confirmed it.

alter table objective_record add column confirmed_by text references person (id);
alter table objective_record add column confirmed_at bigint;
create index objective_record_confirmed_by on objective_record (confirmed_by);
create index objective_record_waiting on objective_record (made_at) where confirmed_at is null and withdrawn_at is null;

-- What waits for somebody is found without a look at what does not.
create index artifact_given_back on artifact (rejected_at) where submitted_at is null and approved_at is null and superseded_at is null and rejected_at is not null;
create index objective_state_due on objective_state (owner_id, due_on) where due_on is not null;
