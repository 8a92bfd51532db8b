-- Parts of the trail that a node found in doubt, so that every node of one database stops adding to it. Written by a chore.

create table audit_doubt (
  part text not null primary key,
  node text not null,
  at integer not null
) strict;
