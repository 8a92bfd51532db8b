-- Templates of messages. A version is never changed: what was approved can be read again.

create table template (
  id text not null primary key,
  name text not null,
  name_fold text not null unique,
  version integer not null,
  made_at integer not null,
  changed_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index template_last_audit on template (last_audit_id);

create table template_text (
  template_id text not null references template (id),
  version integer not null,
  text text not null,
  author_id text not null references person (id),
  made_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred,
  primary key (template_id, version)
) strict;
create index template_text_author on template_text (author_id);
create index template_text_last_audit on template_text (last_audit_id);

create trigger template_audit_insert before insert on template
when exists (select 1 from template where id = new.id) begin select raise(abort, 'a template may not be replaced'); end;
create trigger template_audit_update before update on template
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'a template changed without an audit entry'); end;
create trigger template_audit_delete before delete on template begin select raise(abort, 'a template is never deleted'); end;
create trigger template_text_audit_insert before insert on template_text
when exists (select 1 from template_text where template_id = new.template_id and version = new.version) begin select raise(abort, 'a version may not be replaced'); end;
create trigger template_text_audit_update before update on template_text begin select raise(abort, 'a version is never changed'); end;
create trigger template_text_audit_delete before delete on template_text begin select raise(abort, 'a version is never deleted'); end;
