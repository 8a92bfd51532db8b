-- Wrapped data keys, in a database of their own with its own, shorter backup retention: destroying one erases what it sealed.

create table data_key (
  id text not null primary key,
  subject text not null unique,
  kek bigint not null,
  wrapped bytea,
  made_at bigint not null,
  destroyed_at bigint
);
create index data_key_kek on data_key (kek);

create table canary (
  kek bigint not null primary key,
  sealed bytea not null
);
