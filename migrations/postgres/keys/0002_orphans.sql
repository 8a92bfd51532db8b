-- Since when nothing was found that a key sealed; none when it is in use or was not looked at.
alter table data_key add column orphan_since bigint;
create index data_key_orphan on data_key (orphan_since);
