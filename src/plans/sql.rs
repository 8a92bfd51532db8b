//! The statements of this slice. In a write to a guarded table `$1` is the event's id.

/// An item with the name of its owner.
macro_rules! item {
    ($rest:literal) => {
        concat!(
            "select i.id, i.assessment_id, i.requirement, i.weakness, i.risk, i.remediation, i.milestones, i.owner_id, o.display_name as owner, i.due_on, ",
            "i.version, i.changed_at from plan_item i left join person o on o.id = i.owner_id ",
            $rest
        )
    };
}
pub const ITEMS: &str = item!("where i.assessment_id = $1 and i.removed_at is null order by i.requirement, i.id limit $2");
pub const ITEM: &str = item!("where i.id = $1 and i.removed_at is null");
pub const COUNT_ITEMS: &str = "select count(*) from plan_item where assessment_id = $1 and removed_at is null";
pub const HAS_ITEM: &str = "select count(*) from plan_item where assessment_id = $1 and requirement = $2 and removed_at is null";
pub const INSERT_ITEM: &str = "insert into plan_item (id, assessment_id, requirement, weakness, risk, remediation, milestones, owner_id, due_on, version, made_by, made_at, changed_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $12, $12, $1)";
pub const EDIT_ITEM: &str = "update plan_item set weakness = $4, risk = $5, remediation = $6, milestones = $7, owner_id = $8, due_on = $9, changed_at = $10, version = version + 1, last_audit_id = $1 where id = $2 and version = $3 and removed_at is null";
/// No item leaves the plan once the clock runs: the status is conditional on it.
pub const REMOVE_ITEM: &str = "update plan_item set removed_at = $3, last_audit_id = $1 where id = $2 and removed_at is null and not exists (select 1 from plan_clock k where k.assessment_id = plan_item.assessment_id)";

pub const CLOCK: &str = "select conditional_on, closed_out_on, set_at from plan_clock where assessment_id = $1";
pub const INSERT_CLOCK: &str = "insert into plan_clock (assessment_id, conditional_on, set_by, set_at, last_audit_id) values ($2, $3, $4, $5, $1)";
pub const CLOSE_OUT: &str = "update plan_clock set closed_out_on = $3, last_audit_id = $1 where assessment_id = $2 and closed_out_on is null";

/// An operational plan with the name of its owner.
macro_rules! operational {
    ($rest:literal) => {
        concat!(
            "select x.id, x.system_id, x.requirement, x.deficiency, x.remediation, x.owner_id, o.display_name as owner, x.opened_on, x.resolution, ",
            "x.resolved_at, x.version, x.changed_at from operational_plan x left join person o on o.id = x.owner_id ",
            $rest
        )
    };
}
pub const OPERATIONAL: &str = operational!("where x.system_id = $1 order by x.id desc limit $2");
pub const ONE_OPERATIONAL: &str = operational!("where x.id = $1");
pub const COUNT_OPERATIONAL: &str = "select count(*) from operational_plan where system_id = $1";
pub const INSERT_OPERATIONAL: &str = "insert into operational_plan (id, system_id, requirement, deficiency, remediation, owner_id, opened_on, resolution, version, made_by, made_at, changed_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, '', 1, $9, $10, $10, $1)";
pub const EDIT_OPERATIONAL: &str = "update operational_plan set deficiency = $4, remediation = $5, owner_id = $6, changed_at = $7, version = version + 1, last_audit_id = $1 where id = $2 and version = $3 and resolved_at is null";
pub const RESOLVE: &str = "update operational_plan set resolution = $4, resolved_at = $5, changed_at = $5, version = version + 1, last_audit_id = $1 where id = $2 and version = $3 and resolved_at is null";

/// Every statement of this slice, for the test that prepares them all.
pub const ALL: &[&str] = &[
    ITEMS,
    ITEM,
    COUNT_ITEMS,
    HAS_ITEM,
    INSERT_ITEM,
    EDIT_ITEM,
    REMOVE_ITEM,
    CLOCK,
    INSERT_CLOCK,
    CLOSE_OUT,
    OPERATIONAL,
    ONE_OPERATIONAL,
    COUNT_OPERATIONAL,
    INSERT_OPERATIONAL,
    EDIT_OPERATIONAL,
    RESOLVE,
];
