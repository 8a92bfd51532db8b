-- Segments: contacts that a filter fits, whoever they are when it is asked. A filter is never changed; another is another segment.

create table segment (
  id text not null primary key,
  name text not null,
  name_fold text not null,
  sealed blob not null,
  author_id text not null references person (id),
  made_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create unique index segment_name on segment (name_fold);
create index segment_author on segment (author_id);
create index segment_last_audit on segment (last_audit_id);

create trigger segment_audit_insert before insert on segment
when exists (select 1 from segment where id = new.id) begin select raise(abort, 'a segment may not be replaced'); end;
create trigger segment_audit_update before update on segment begin select raise(abort, 'a segment is never changed'); end;
create trigger segment_audit_delete before delete on segment begin select raise(abort, 'a segment is never deleted'); end;
