//! The statements of this slice. In a write to a guarded table `$1` is the event's id.

/// A seal with the names of what it is of and of who made it, and the place of its entry.
macro_rules! seal {
    ($rest:literal) => {
        concat!(
            "select l.id, l.assessment_id, a.name as assessment, s.name as system, l.status_date, l.digest, l.log_digest, l.files, l.bytes, ",
            "l.documents, l.verified, l.projected, l.sealed_by, p.display_name as by_name, l.made_at, l.retain_until, c.log as entry_log, c.seq as entry_seq ",
            "from seal l join assessment a on a.id = l.assessment_id join system s on s.id = a.system_id join person p on p.id = l.sealed_by ",
            "left join audit_chain c on c.event_id = l.last_audit_id ",
            $rest
        )
    };
}
pub const SEAL: &str = seal!("where l.id = $1");
pub const SEALS: &str = seal!("order by l.id desc limit $1");
pub const SEALS_OF: &str = seal!("where l.assessment_id = $1 order by l.id desc limit $2");
/// Those that were given to somebody and still are.
pub const SEALS_FOR: &str = seal!(
    "where exists (select 1 from seal_grant g where g.seal_id = l.id and g.person_id = $1 and g.revoked_at is null and g.ends_at > $2) order by l.id desc limit $3"
);
/// The scores of every seal of a system under a framework.
pub const TREND: &str = "select l.id, a.name as assessment, l.status_date, l.made_at, l.verified, l.projected from seal l join assessment a on a.id = l.assessment_id where a.system_id = $1 and a.framework = $2 order by l.id desc limit $3";
pub const BODY: &str = "select body from seal where id = $1";
pub const ARTIFACTS: &str = "select place, file, sha256, size from seal_artifact where seal_id = $1 and place > $2 order by place limit $3";
pub const INSERT: &str = "insert into seal (id, assessment_id, status_date, digest, log_digest, files, bytes, verified, projected, body, sealed_by, made_at, retain_until, documents, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $1)";
pub const INSERT_ARTIFACT: &str =
    "insert into seal_artifact (seal_id, place, evidence_id, file, sha256, size, retain_until, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $1)";
pub const DOCUMENTS: &str = "select place, name, sha256, size from seal_document where seal_id = $1 order by place limit $2";
pub const DOCUMENT: &str = "select body from seal_document where seal_id = $1 and place = $2";
pub const INSERT_DOCUMENT: &str = "insert into seal_document (seal_id, place, name, sha256, size, body, last_audit_id) values ($2, $3, $4, $5, $6, $7, $1)";
/// The files that an assessment rests on now, once for each objective.
pub const FILES: &str = "select l.objective, e.id, e.name, e.kind, e.sha256, e.size, e.made_at from objective_link l join artifact a on a.evidence_id = (select x.evidence_id from artifact x join evidence d on d.id = x.evidence_id where x.line_id = l.evidence_id and d.deleted_at is null order by case when x.approved_at is not null and x.superseded_at is null then 0 else 1 end, x.number desc limit 1) join evidence e on e.id = a.evidence_id where l.assessment_id = $1 and l.removed_at is null order by e.id, l.objective limit 30001";
/// Who deletes evidence and who seals an assessment wait for each other here.
pub const LOCK: &str = "insert into fixed (name, value) values ('seal_lock', '') on conflict (name) do update set value = excluded.value";
/// The last entry of every row that a seal is made of: no row changes without another one, so equal ones are an equal state.
pub const STAMP: &str = "select last_audit_id from objective_state where assessment_id = $1 union all select last_audit_id from requirement_state where assessment_id = $1 union all select last_audit_id from objective_link where assessment_id = $1 union all select last_audit_id from objective_record where assessment_id = $1 union all select e.last_audit_id from objective_link l join artifact v on v.line_id = l.evidence_id join evidence e on e.id = v.evidence_id where l.assessment_id = $1 union all select v.last_audit_id from objective_link l join artifact v on v.line_id = l.evidence_id where l.assessment_id = $1 union all select last_audit_id from assessment_window where assessment_id = $1 union all select last_audit_id from plan_item where assessment_id = $1 union all select last_audit_id from plan_clock where assessment_id = $1 union all select o.last_audit_id from operational_plan o join assessment a on a.system_id = o.system_id where a.id = $1 union all select s.last_audit_id from assessment a join system s on s.id = a.system_id where a.id = $1 union all select x.last_audit_id from assessment a join ssp_section x on x.system_id = a.system_id and x.framework = a.framework where a.id = $1 limit 200000";

/// A view that was given, with the name of whom it was given to.
pub const GRANTS: &str = "select g.id, g.person_id, p.display_name as person, g.ends_at, g.made_at, g.revoked_at from seal_grant g join person p on p.id = g.person_id where g.seal_id = $1 order by g.id desc limit 200";
pub const GRANTED: &str = "select count(*) from seal_grant where seal_id = $1 and person_id = $2 and revoked_at is null and ends_at > $3";
pub const INSERT_GRANT: &str = "insert into seal_grant (id, seal_id, person_id, ends_at, made_by, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $1)";
pub const REVOKE_GRANT: &str =
    "update seal_grant set revoked_at = $4, last_audit_id = $1 where id = $2 and seal_id = $3 and revoked_at is null and ends_at > $4";
/// Who may be let in.
pub const ASSESSORS: &str = "select p.id, p.username, p.display_name from person p where p.disabled_at is null and p.deleted_at is null and exists (select 1 from person_role r where r.person_id = p.id and r.revoked_at is null and r.role = 'assessor') order by p.display_name, p.id limit 500";

/// An affirmation with what it is of.
pub const AFFIRMATIONS: &str = "select f.id, f.seal_id, f.status, f.sealed, f.affirmed_on, f.next_on, f.triennial_on, f.person_id, f.made_at from affirmation f where f.seal_id = $1 order by f.id desc limit 100";
pub const INSERT_AFFIRMATION: &str = "insert into affirmation (id, seal_id, status, sealed, affirmed_on, next_on, triennial_on, person_id, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, $10, $1)";
/// The assessment whose affirmation is due first, among the newest one of each; not once a later seal of its system was affirmed.
pub const FIRST_DUE: &str = "select f.id, f.next_on from affirmation f join seal l on l.id = f.seal_id join assessment a on a.id = l.assessment_id where f.next_on <= $1 and not exists (select 1 from affirmation g join seal m on m.id = g.seal_id join assessment b on b.id = m.assessment_id where b.system_id = a.system_id and g.id > f.id) order by f.next_on limit 1";
pub const LAST_REMINDER: &str = "select at from audit_event where action = 'affirmation.remind' order by id desc limit 1";

/// Every statement of this slice, for the test that prepares them all.
pub const ALL: &[&str] = &[
    SEAL,
    SEALS,
    SEALS_OF,
    SEALS_FOR,
    TREND,
    BODY,
    ARTIFACTS,
    INSERT,
    INSERT_ARTIFACT,
    DOCUMENTS,
    DOCUMENT,
    INSERT_DOCUMENT,
    FILES,
    LOCK,
    STAMP,
    GRANTS,
    GRANTED,
    INSERT_GRANT,
    REVOKE_GRANT,
    ASSESSORS,
    AFFIRMATIONS,
    INSERT_AFFIRMATION,
    FIRST_DUE,
    LAST_REMINDER,
];
