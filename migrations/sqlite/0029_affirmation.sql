-- Affirmations of a sealed status by the affirming official (32 CFR 170.22). One is never changed nor deleted; who affirmed, and as
-- what, lies sealed under the key of whoever signed.

create table affirmation (
  id text not null primary key,
  seal_id text not null references seal (id),
  status text not null,
  sealed blob not null,
  affirmed_on text not null,
  next_on text not null,
  triennial_on text not null,
  person_id text not null references person (id),
  made_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index affirmation_seal on affirmation (seal_id, id desc);
create index affirmation_next on affirmation (next_on);
create index affirmation_person on affirmation (person_id);
create index affirmation_last_audit on affirmation (last_audit_id);

create trigger affirmation_audit_insert before insert on affirmation
when exists (select 1 from affirmation where id = new.id) begin select raise(abort, 'an affirmation may not be replaced'); end;
create trigger affirmation_audit_update before update on affirmation begin select raise(abort, 'an affirmation is never changed'); end;
create trigger affirmation_audit_delete before delete on affirmation begin select raise(abort, 'an affirmation is never deleted'); end;
