-- Systems are listed by name, page by page.

create index system_name on system (name, id);
