-- Sections of a system security plan, by system and framework; and the documents of a seal, made with it and never changed.

create table ssp_section (
  system_id text not null references system (id),
  framework text not null,
  section text not null,
  body text not null,
  responsible text not null,
  version bigint not null,
  changed_by text not null references person (id),
  changed_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred,
  primary key (system_id, framework, section)
);
create index ssp_section_changed_by on ssp_section (changed_by);
create index ssp_section_last_audit on ssp_section (last_audit_id);

create trigger ssp_section_audit_update before update on ssp_section for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger ssp_section_audit_delete before delete on ssp_section for each row execute function audit_refuse();
create trigger ssp_section_audit_truncate before truncate on ssp_section for each statement execute function audit_refuse();

-- SHA-256 over the sums of the documents; none for a seal that was made before there were any.
alter table seal add column documents text;

create table seal_document (
  seal_id text not null references seal (id),
  place bigint not null,
  name text not null,
  sha256 text not null,
  size bigint not null,
  body bytea not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred,
  primary key (seal_id, place)
);
create index seal_document_last_audit on seal_document (last_audit_id);

create trigger seal_document_audit_change before update or delete on seal_document for each row execute function audit_refuse();
create trigger seal_document_audit_truncate before truncate on seal_document for each statement execute function audit_refuse();
