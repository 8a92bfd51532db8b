-- When what a system is was last changed, and when an objective was last found to be what it is: what does not apply is looked
-- at again once the first is the later of the two. Rows of before have neither: their last change stands for it.

alter table system add column scoped_at bigint;
alter table objective_state add column found_at bigint;
