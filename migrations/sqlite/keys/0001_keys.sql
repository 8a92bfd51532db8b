-- Wrapped data keys, in a database of their own with its own, shorter backup retention: destroying one erases what it sealed.

create table data_key (
  id text not null primary key,
  subject text not null unique,
  kek integer not null,
  wrapped blob,
  made_at integer not null,
  destroyed_at integer
) strict;
create index data_key_kek on data_key (kek);

create table canary (
  kek integer not null primary key,
  sealed blob not null
) strict;
