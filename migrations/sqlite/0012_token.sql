-- Time-stamps over checkpoints: the note as it was then, with its cosignatures, and the token of RFC 3161 over it. Written by a chore.

create table audit_token (
  log integer not null,
  size integer not null,
  note text not null,
  token blob not null,
  tsa text not null,
  at integer not null,
  kept_at integer not null,
  primary key (log, size)
) strict;

create trigger audit_token_update before update on audit_token begin select raise(abort, 'a time-stamp is never changed'); end;
create trigger audit_token_delete before delete on audit_token begin select raise(abort, 'a time-stamp is never deleted'); end;
