-- Sign-offs of ranges of the trail. A review is never changed nor deleted: a correction is another one that names it, and each
-- is corrected once at most. Filter and comment lie sealed under the reviewer's key.

create table review (
  id text not null primary key,
  log integer not null,
  from_seq integer not null,
  to_seq integer not null,
  whole integer not null,
  matched integer not null,
  root text not null,
  finding text not null,
  method text not null,
  seed text,
  drawn text not null,
  sealed blob not null,
  person_id text not null references person (id),
  corrects text references review (id),
  made_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create unique index review_corrects on review (corrects);
create index review_place on review (log, to_seq desc);
create index review_person on review (person_id);
create index review_last_audit on review (last_audit_id);

create trigger review_audit_insert before insert on review
when exists (select 1 from review where id = new.id or corrects = new.corrects) begin select raise(abort, 'a review may not be replaced'); end;
create trigger review_audit_update before update on review begin select raise(abort, 'a review is never changed'); end;
create trigger review_audit_delete before delete on review begin select raise(abort, 'a review is never deleted'); end;
