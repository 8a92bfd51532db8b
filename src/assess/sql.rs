//! The statements of this slice. In a write to a guarded table `$1` is the event's id.

pub const LIVE_FRAMEWORK: &str = "select id from framework where key = $1 and replaced_at is null";
pub const FRAMEWORK_BODY: &str = "select body from framework where id = $1";
pub const FRAMEWORKS: &str = "select id, key, title, version, sha256, made_at from framework where replaced_at is null order by key limit $1";
pub const REPLACE_FRAMEWORK: &str = "update framework set replaced_at = $3, last_audit_id = $1 where id = $2 and replaced_at is null";
pub const INSERT_FRAMEWORK: &str =
    "insert into framework (id, key, title, version, sha256, body, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $1)";

pub const SYSTEMS: &str = "select id, name, scope, boundary, cage_codes, version, made_at, changed_at from system order by name, id limit $1";
pub const SYSTEM: &str = "select id, name, scope, boundary, cage_codes, version, made_at, changed_at from system where id = $1";
pub const INSERT_SYSTEM: &str = "insert into system (id, name, scope, boundary, cage_codes, version, made_by, made_at, changed_at, last_audit_id) values ($2, $3, $4, $5, $6, 1, $7, $8, $8, $1)";
pub const EDIT_SYSTEM: &str = "update system set name = $4, scope = $5, boundary = $6, cage_codes = $7, changed_at = $8, scoped_at = case when scope <> $5 or boundary <> $6 then $8 else scoped_at end, version = version + 1, last_audit_id = $1 where id = $2 and version = $3";

/// Whose work it is to look again at what was found not to apply to a system.
pub const NOT_APPLYING: &str = "select distinct p.id from objective_state s join assessment a on a.id = s.assessment_id join person p on p.id = coalesce(s.owner_id, s.changed_by) where a.system_id = $1 and s.finding = 'not_applicable' and p.disabled_at is null and p.deleted_at is null order by p.id limit 100";

/// An assessment with the names of its system and of who began it.
macro_rules! assessment {
    ($rest:literal) => {
        concat!(
            "select a.id, a.system_id, s.name as system, a.framework, a.name, p.display_name as made_by, a.made_at ",
            "from assessment a join system s on s.id = a.system_id join person p on p.id = a.made_by ",
            $rest
        )
    };
}
pub const ASSESSMENT: &str = assessment!("where a.id = $1");
pub const ASSESSMENTS: &str = assessment!("order by a.id desc limit $1");
pub const ASSESSMENTS_OF: &str = assessment!("where a.system_id = $1 order by a.id desc limit $2");
pub const INSERT_ASSESSMENT: &str =
    "insert into assessment (id, system_id, framework, name, made_by, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $1)";

/// A state with the names of its owner and of who changed it last.
macro_rules! state {
    ($rest:literal) => {
        concat!(
            "select s.objective, s.stage, s.finding, s.because, s.notes, s.owner_id, o.display_name as owner, s.due_on, s.version, ",
            "p.display_name as changed_by, s.changed_at, ",
            "case when s.finding = 'not_applicable' and y.scoped_at > coalesce(s.found_at, s.changed_at) then y.scoped_at end as outdated_at ",
            "from objective_state s join person p on p.id = s.changed_by join assessment a on a.id = s.assessment_id ",
            "join system y on y.id = a.system_id left join person o on o.id = s.owner_id ",
            $rest
        )
    };
}
pub const STATES: &str = state!("where s.assessment_id = $1 limit 30000");
pub const STATE: &str = state!("where s.assessment_id = $1 and s.objective = $2");
pub const VERSION: &str = "select version from objective_state where assessment_id = $1 and objective = $2";
pub const INSERT_STATE: &str = "insert into objective_state (assessment_id, objective, stage, finding, because, notes, owner_id, due_on, version, changed_by, changed_at, found_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11, $11, $1)";
pub const EDIT_STATE: &str = "update objective_state set stage = $4, finding = $5, because = $6, notes = $7, owner_id = $8, due_on = $9, changed_by = $10, changed_at = $11, found_at = $11, version = version + 1, last_audit_id = $1 where assessment_id = $2 and objective = $3 and version = $12";
pub const ASSIGN_STATE: &str = "update objective_state set owner_id = $4, due_on = $5, changed_by = $6, changed_at = $7, version = version + 1, last_audit_id = $1 where assessment_id = $2 and objective = $3";
/// Whoever completes an objective and whoever takes away what one rests on wait for each other here.
pub const LOCK: &str = "insert into fixed (name, value) values ('assess_lock', '') on conflict (name) do update set value = excluded.value";
/// What an objective rests on, in numbers: live links to evidence of which a version is there, and records that were not withdrawn.
pub const PROVEN: &str = "select (select count(*) from objective_link l join artifact a on a.line_id = l.evidence_id join evidence e on e.id = a.evidence_id where l.assessment_id = $1 and l.objective = $2 and l.removed_at is null and e.deleted_at is null) + (select count(*) from objective_record r where r.assessment_id = $1 and r.objective = $2 and r.withdrawn_at is null)";
pub const STAGE: &str = "select stage from objective_state where assessment_id = $1 and objective = $2";
/// Who may be given work.
pub const PEOPLE: &str = "select p.id, p.username, p.display_name from person p where p.disabled_at is null and p.deleted_at is null and exists (select 1 from person_role r where r.person_id = p.id and r.revoked_at is null and r.role in ('contributor', 'compliance')) order by p.display_name, p.id limit 500";

pub const PARTS: &str = "select requirement, because from requirement_state where assessment_id = $1 and partial_at is not null limit 5000";
pub const HAS_PART_ROW: &str = "select count(*) from requirement_state where assessment_id = $1 and requirement = $2";
pub const INSERT_PART: &str = "insert into requirement_state (assessment_id, requirement, partial_at, because, changed_by, changed_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $1)";
pub const EDIT_PART: &str = "update requirement_state set partial_at = $4, because = $5, changed_by = $6, changed_at = $7, last_audit_id = $1 where assessment_id = $2 and requirement = $3";

/// A link with the version that it follows: the one in force, else the newest that is there, else the newest.
macro_rules! link {
    ($rest:literal) => {
        concat!(
            "select l.objective, l.evidence_id, e.id as version_id, e.owner_id, e.name, e.sha256, l.method, p.display_name as made_by, l.made_at, ",
            "e.made_at as uploaded_at, e.deleted_at, a.number, (select max(v.number) from artifact v where v.line_id = l.evidence_id) as versions, ",
            "a.submitted_at, a.approved_at, a.approved_by, a.superseded_at, a.altered_at, a.period_from, a.period_to, a.expires_on, a.tags ",
            "from objective_link l join artifact a on a.evidence_id = (select x.evidence_id from artifact x join evidence d on d.id = x.evidence_id ",
            "where x.line_id = l.evidence_id order by case when d.deleted_at is not null then 2 when x.approved_at is not null and x.superseded_at is null ",
            "then 0 else 1 end, x.number desc limit 1) join evidence e on e.id = a.evidence_id join person p on p.id = l.made_by ",
            $rest
        )
    };
}
pub const LINKS: &str = link!("where l.assessment_id = $1 and l.removed_at is null limit 30000");
pub const LINKS_OF: &str = link!("where l.assessment_id = $1 and l.objective = $2 and l.removed_at is null order by l.made_at, l.evidence_id limit 200");
pub const IS_LINKED: &str = "select removed_at from objective_link where assessment_id = $1 and objective = $2 and evidence_id = $3";
pub const COUNT_LINKS: &str = "select count(*) from objective_link where assessment_id = $1 and objective = $2 and removed_at is null";
pub const INSERT_LINK: &str =
    "insert into objective_link (assessment_id, objective, evidence_id, method, made_by, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $1)";
pub const REVIVE_LINK: &str = "update objective_link set removed_at = null, method = $5, made_by = $6, made_at = $7, last_audit_id = $1 where assessment_id = $2 and objective = $3 and evidence_id = $4 and removed_at is not null";
pub const REMOVE_LINK: &str =
    "update objective_link set removed_at = $5, last_audit_id = $1 where assessment_id = $2 and objective = $3 and evidence_id = $4 and removed_at is null";
/// Where a piece of evidence serves.
pub const USES: &str = "select a.id, a.name, l.objective from objective_link l join assessment a on a.id = l.assessment_id where l.evidence_id = (select v.line_id from artifact v where v.evidence_id = $1) and l.removed_at is null order by a.id desc, l.objective limit 200";
/// The first version of a piece of evidence: what links go to.
pub const LINE: &str = "select line_id from artifact where evidence_id = $1";

pub const WINDOW: &str = "select from_on, to_on from assessment_window where assessment_id = $1";
pub const INSERT_WINDOW: &str =
    "insert into assessment_window (assessment_id, from_on, to_on, changed_by, changed_at, last_audit_id) values ($2, $3, $4, $5, $6, $1)";
pub const EDIT_WINDOW: &str =
    "update assessment_window set from_on = $3, to_on = $4, changed_by = $5, changed_at = $6, last_audit_id = $1 where assessment_id = $2";

/// A record with the name of who made it.
macro_rules! record {
    ($rest:literal) => {
        concat!(
            "select r.id, r.objective, r.method, r.with_whom, r.said, r.held_on, r.made_by as maker, p.display_name as made_by, r.made_at, c.display_name as confirmed_by, r.confirmed_at ",
            "from objective_record r join person p on p.id = r.made_by left join person c on c.id = r.confirmed_by ",
            $rest
        )
    };
}
pub const RECORDS: &str = record!("where r.assessment_id = $1 and r.withdrawn_at is null limit 30000");
pub const RECORDS_OF: &str = record!("where r.assessment_id = $1 and r.objective = $2 and r.withdrawn_at is null order by r.id limit 200");
pub const COUNT_RECORDS: &str = "select count(*) from objective_record where assessment_id = $1 and objective = $2 and withdrawn_at is null";
pub const INSERT_RECORD: &str = "insert into objective_record (id, assessment_id, objective, method, with_whom, said, held_on, made_by, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, $10, $1)";
/// Not by whoever recorded it.
pub const CONFIRM_RECORD: &str = "update objective_record set confirmed_by = $5, confirmed_at = $6, last_audit_id = $1 where id = $2 and assessment_id = $3 and objective = $4 and withdrawn_at is null and confirmed_at is null and made_by <> $5";
pub const WITHDRAW_RECORD: &str =
    "update objective_record set withdrawn_at = $5, last_audit_id = $1 where id = $2 and assessment_id = $3 and objective = $4 and withdrawn_at is null";

pub const COMMENTS: &str = "select c.id, c.text, p.display_name as by_whom, c.made_at from objective_comment c join person p on p.id = c.made_by where c.assessment_id = $1 and c.objective = $2 order by c.id desc limit 100";
pub const INSERT_COMMENT: &str =
    "insert into objective_comment (id, assessment_id, objective, text, made_by, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $1)";
pub const COUNT_COMMENTS: &str = "select objective, count(*) from objective_comment where assessment_id = $1 group by objective limit 30000";

pub const HISTORY: &str = "select c.seq, e.at, e.action, e.body, p.display_name as by_whom from audit_event e join audit_chain c on c.event_id = e.id left join person p on p.id = e.actor_id where e.object_id = $1 and c.log = $2 and e.outcome = 'ok' order by e.id desc limit $3";

/// A section with the name of who wrote it last.
macro_rules! section {
    ($rest:literal) => {
        concat!(
            "select s.section, s.body, s.responsible, s.version, p.display_name as changed_by, s.changed_at from ssp_section s ",
            "join person p on p.id = s.changed_by where s.system_id = $1 and s.framework = $2 ",
            $rest
        )
    };
}
pub const SECTIONS: &str = section!("order by s.section limit 5100");
pub const SECTION: &str = section!("and s.section = $3");
pub const INSERT_SECTION: &str = "insert into ssp_section (system_id, framework, section, body, responsible, version, changed_by, changed_at, last_audit_id) values ($2, $3, $4, $5, $6, 1, $7, $8, $1)";
pub const EDIT_SECTION: &str = "update ssp_section set body = $5, responsible = $6, changed_by = $7, changed_at = $8, version = version + 1, last_audit_id = $1 where system_id = $2 and framework = $3 and section = $4 and version = $9";

/// Every statement of this slice, for the test that prepares them all.
pub const ALL: &[&str] = &[
    LIVE_FRAMEWORK,
    FRAMEWORK_BODY,
    FRAMEWORKS,
    REPLACE_FRAMEWORK,
    INSERT_FRAMEWORK,
    SYSTEMS,
    SYSTEM,
    INSERT_SYSTEM,
    EDIT_SYSTEM,
    NOT_APPLYING,
    ASSESSMENT,
    ASSESSMENTS,
    ASSESSMENTS_OF,
    INSERT_ASSESSMENT,
    STATES,
    STATE,
    VERSION,
    INSERT_STATE,
    EDIT_STATE,
    ASSIGN_STATE,
    LOCK,
    PROVEN,
    STAGE,
    PEOPLE,
    PARTS,
    HAS_PART_ROW,
    INSERT_PART,
    EDIT_PART,
    LINKS,
    LINKS_OF,
    IS_LINKED,
    COUNT_LINKS,
    INSERT_LINK,
    REVIVE_LINK,
    REMOVE_LINK,
    USES,
    LINE,
    WINDOW,
    INSERT_WINDOW,
    EDIT_WINDOW,
    RECORDS,
    RECORDS_OF,
    COUNT_RECORDS,
    INSERT_RECORD,
    CONFIRM_RECORD,
    WITHDRAW_RECORD,
    COMMENTS,
    INSERT_COMMENT,
    COUNT_COMMENTS,
    HISTORY,
    SECTIONS,
    SECTION,
    INSERT_SECTION,
    EDIT_SECTION,
];
