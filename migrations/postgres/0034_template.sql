-- Templates of messages. A version is never changed: what was approved can be read again.

create table template (
  id text not null primary key,
  name text not null,
  name_fold text not null unique,
  version bigint not null,
  made_at bigint not null,
  changed_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index template_last_audit on template (last_audit_id);

create table template_text (
  template_id text not null references template (id),
  version bigint not null,
  text text not null,
  author_id text not null references person (id),
  made_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred,
  primary key (template_id, version)
);
create index template_text_author on template_text (author_id);
create index template_text_last_audit on template_text (last_audit_id);

create trigger template_audit_update before update on template for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger template_audit_delete before delete on template for each row execute function audit_refuse();
create trigger template_audit_truncate before truncate on template for each statement execute function audit_refuse();
create trigger template_text_audit_update before update on template_text for each row execute function audit_refuse();
create trigger template_text_audit_delete before delete on template_text for each row execute function audit_refuse();
create trigger template_text_audit_truncate before truncate on template_text for each statement execute function audit_refuse();
