-- Where the trail is streamed to, and how far each receiver has it. Written by chores: a cursor deserves no entry.

create table sink (
  kind text not null primary key,
  target text not null,
  log bigint not null,
  next_seq bigint not null,
  mark text,
  failed text,
  attempts bigint not null,
  sent_at bigint,
  told_at bigint,
  alarm text
);
