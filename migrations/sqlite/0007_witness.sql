-- Cosignatures of witnesses over checkpoints, and what is known of each witness. Written by a chore.

create table audit_cosignature (
  log integer not null,
  size integer not null,
  witness text not null,
  line text not null,
  at integer not null,
  primary key (log, size, witness)
) strict;

create table witness_state (
  log integer not null,
  witness text not null,
  size integer not null,
  cosigned_at integer,
  tried_at integer not null,
  state text not null,
  primary key (log, witness)
) strict;

create trigger audit_cosignature_update before update on audit_cosignature begin select raise(abort, 'a cosignature is never changed'); end;
create trigger audit_cosignature_delete before delete on audit_cosignature begin select raise(abort, 'a cosignature is never deleted'); end;
