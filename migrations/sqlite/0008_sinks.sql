-- Where the trail is streamed to, and how far each receiver has it. Written by chores: a cursor deserves no entry.

create table sink (
  kind text not null primary key,
  target text not null,
  log integer not null,
  next_seq integer not null,
  mark text,
  failed text,
  attempts integer not null,
  sent_at integer,
  told_at integer,
  alarm text
) strict;
