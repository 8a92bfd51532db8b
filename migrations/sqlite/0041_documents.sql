-- Sections of a system security plan, by system and framework; and the documents of a seal, made with it and never changed.

create table ssp_section (
  system_id text not null references system (id),
  framework text not null,
  section text not null,
  body text not null,
  responsible text not null,
  version integer not null,
  changed_by text not null references person (id),
  changed_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred,
  primary key (system_id, framework, section)
) strict;
create index ssp_section_changed_by on ssp_section (changed_by);
create index ssp_section_last_audit on ssp_section (last_audit_id);

create trigger ssp_section_audit_insert before insert on ssp_section
when exists (select 1 from ssp_section where system_id = new.system_id and framework = new.framework and section = new.section)
begin select raise(abort, 'a section may not be replaced'); end;
create trigger ssp_section_audit_update before update on ssp_section
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'a section changed without an audit entry'); end;
create trigger ssp_section_audit_delete before delete on ssp_section begin select raise(abort, 'a section is never deleted'); end;

-- SHA-256 over the sums of the documents; none for a seal that was made before there were any.
alter table seal add column documents text;

create table seal_document (
  seal_id text not null references seal (id),
  place integer not null,
  name text not null,
  sha256 text not null,
  size integer not null,
  body blob not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred,
  primary key (seal_id, place)
) strict;
create index seal_document_last_audit on seal_document (last_audit_id);

create trigger seal_document_audit_insert before insert on seal_document
when exists (select 1 from seal_document where seal_id = new.seal_id and place = new.place)
begin select raise(abort, 'a document of a seal may not be replaced'); end;
create trigger seal_document_audit_update before update on seal_document begin select raise(abort, 'a document of a seal is never changed'); end;
create trigger seal_document_audit_delete before delete on seal_document begin select raise(abort, 'a document of a seal is never deleted'); end;
