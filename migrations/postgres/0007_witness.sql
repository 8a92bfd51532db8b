-- Cosignatures of witnesses over checkpoints, and what is known of each witness. Written by a chore.

create table audit_cosignature (
  log bigint not null,
  size bigint not null,
  witness text not null,
  line text not null,
  at bigint not null,
  primary key (log, size, witness)
);

create table witness_state (
  log bigint not null,
  witness text not null,
  size bigint not null,
  cosigned_at bigint,
  tried_at bigint not null,
  state text not null,
  primary key (log, witness)
);

create trigger audit_cosignature_change before update or delete on audit_cosignature for each row execute function audit_refuse();
create trigger audit_cosignature_truncate before truncate on audit_cosignature for each statement execute function audit_refuse();
