-- Sign-offs of ranges of the trail. A review is never changed nor deleted: a correction is another one that names it, and each
-- is corrected once at most. Filter and comment lie sealed under the reviewer's key.

create table review (
  id text not null primary key,
  log bigint not null,
  from_seq bigint not null,
  to_seq bigint not null,
  whole bigint not null,
  matched bigint not null,
  root text not null,
  finding text not null,
  method text not null,
  seed text,
  drawn text not null,
  sealed bytea not null,
  person_id text not null references person (id),
  corrects text references review (id),
  made_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create unique index review_corrects on review (corrects);
create index review_place on review (log, to_seq desc);
create index review_person on review (person_id);
create index review_last_audit on review (last_audit_id);

create trigger review_audit_change before update or delete on review for each row execute function audit_refuse();
create trigger review_audit_truncate before truncate on review for each statement execute function audit_refuse();
