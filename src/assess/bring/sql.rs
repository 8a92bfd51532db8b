//! The statements of imports of trackers. In a write to a guarded table `$1` is the event's id.

/// An import with the names of its assessment and of who brought it, as `Brought` reads it.
macro_rules! brought {
    ($plan:literal, $rest:literal) => {
        concat!(
            "select t.id, t.assessment_id, a.name as assessment, t.person_id, p.display_name as person, t.sheet_name, t.sheet_sha256, t.archive_name, ",
            "t.archive_sha256, ",
            $plan,
            " as plan, t.made_at, t.applied_at, t.ended_at from tracker_import t join assessment a on a.id = t.assessment_id join person p on p.id = t.person_id ",
            $rest
        )
    };
}
pub const BROUGHT: &str = brought!("t.plan", "where t.id = $1");
pub const BROUGHT_TO: &str = brought!("''", "where t.assessment_id = $1 order by t.id desc limit $2");
pub const OLD: &str = brought!("''", "where t.applied_at is null and t.ended_at is null and t.made_at < $1 order by t.id limit 100");
pub const INSERT: &str = "insert into tracker_import (id, assessment_id, person_id, sheet_name, sheet_sha256, archive_name, archive_sha256, plan, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, $10, $1)";
pub const APPLY: &str = "update tracker_import set applied_at = $3, last_audit_id = $1 where id = $2 and applied_at is null and ended_at is null";
/// What is set aside keeps who brought what, and when; what it said of people and rows goes.
pub const END: &str = "update tracker_import set ended_at = $3, plan = '{}', last_audit_id = $1 where id = $2 and applied_at is null and ended_at is null";
/// Archives that a person brought since a time and did not take over, whose files may still lie here.
pub const LEFT: &str = "select count(*) from tracker_import where person_id = $1 and archive_sha256 is not null and applied_at is null and made_at > $2";
/// The line of evidence that is there.
pub const LIVE_LINE: &str = "select a.line_id from artifact a join evidence e on e.id = a.evidence_id where a.evidence_id = $1 and e.deleted_at is null";

/// Every statement of this file, for the test that prepares them all.
pub const ALL: &[&str] = &[BROUGHT, BROUGHT_TO, OLD, INSERT, APPLY, END, LEFT, LIVE_LINE];
