-- Time-stamps over checkpoints: the note as it was then, with its cosignatures, and the token of RFC 3161 over it. Written by a chore.

create table audit_token (
  log bigint not null,
  size bigint not null,
  note text not null,
  token bytea not null,
  tsa text not null,
  at bigint not null,
  kept_at bigint not null,
  primary key (log, size)
);

create trigger audit_token_change before update or delete on audit_token for each row execute function audit_refuse();
create trigger audit_token_truncate before truncate on audit_token for each statement execute function audit_refuse();
