-- The size in which a person reads pages: large or larger; none for the ordinary one.

alter table person add column text_size text;
