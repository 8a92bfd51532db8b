//! The statements of this slice. In a write to a guarded table `$1` is the event's id.

pub const INSERT_TEMPLATE: &str = "insert into template (id, name, name_fold, version, made_at, changed_at, last_audit_id) values ($2, $3, $4, 1, $5, $5, $1)";
pub const NEXT_TEMPLATE: &str = "update template set version = $4, changed_at = $5, last_audit_id = $1 where id = $2 and version = $3";
pub const INSERT_TEXT: &str = "insert into template_text (template_id, version, text, author_id, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $1)";
pub const TEMPLATES: &str = "select t.id, t.name, t.version, x.text, p.display_name as author, t.changed_at from template t join template_text x on x.template_id = t.id and x.version = t.version join person p on p.id = x.author_id order by t.name_fold limit 500";
pub const TEMPLATE: &str = "select t.id, t.name, t.version, x.text, p.display_name as author, t.changed_at from template t join template_text x on x.template_id = t.id and x.version = t.version join person p on p.id = x.author_id where t.id = $1";
pub const TEMPLATE_OF: &str = "select t.id, t.name, x.version, x.text, p.display_name as author, x.made_at as changed_at from template t join template_text x on x.template_id = t.id join person p on p.id = x.author_id where t.id = $1 and x.version = $2";
pub const VERSIONS: &str = "select t.id, t.name, x.version, x.text, p.display_name as author, x.made_at as changed_at from template t join template_text x on x.template_id = t.id join person p on p.id = x.author_id where t.id = $1 order by x.version desc limit 20";
pub const LOCK_TEMPLATES: &str = "insert into fixed (name, value) values ('template_lock', '') on conflict (name) do update set value = excluded.value";
pub const COUNT_TEMPLATES: &str = "select count(*) from template";

/// A campaign as `Campaign` reads it.
macro_rules! campaign {
    ($rest:literal) => {
        concat!(
            "select c.id, c.name, c.author_id, a.display_name as author, c.template_id, c.template_version, c.lists, c.gateway, c.scheduled_at, c.per_minute, c.needs_consent, c.state, c.reason, c.version, c.round, c.gathered, c.recipients, c.refused, c.segments, c.reasons, c.audience_sha256, c.hash, c.approved_hash, c.approved_by, b.display_name as approver, c.approved_at, c.approval_id, c.begun_at, c.resumed_at, c.ended_at, c.made_at, c.changed_at from campaign c join person a on a.id = c.author_id left join person b on b.id = c.approved_by ",
            $rest
        )
    };
}
pub const BY_ID: &str = campaign!("where c.id = $1");
pub const PAGE: &str = campaign!("where c.id < $1 order by c.id desc limit $2");
pub const IN_STATE: &str =
    campaign!("where c.state = $1 and (c.scheduled_at is null or c.scheduled_at <= $2 or c.state <> 'scheduled') order by c.id limit 200");
pub const INSERT: &str = "insert into campaign (id, name, author_id, template_id, template_version, lists, gateway, scheduled_at, per_minute, needs_consent, state, version, round, gathered, recipients, refused, segments, reasons, audience_sha256, made_at, changed_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'draft', 1, 0, '', 0, 0, 0, '{}', '', $12, $12, $1)";
/// Whatever is changed before it runs makes a draft of it again: nothing that was approved stays so.
pub const EDIT: &str = "update campaign set name = $4, author_id = $5, template_id = $6, template_version = $7, lists = $8, gateway = $9, scheduled_at = $10, per_minute = $11, needs_consent = $12, changed_at = $13, state = 'draft', reason = null, version = version + 1, hash = null, approved_hash = null, approved_by = null, approved_at = null, approval_id = null, last_audit_id = $1 where id = $2 and version = $3 and state in ('draft', 'gathering', 'review', 'approved', 'scheduled')";
pub const SUBMIT: &str = "update campaign set state = 'gathering', reason = null, version = version + 1, round = round + 1, gathered = '', recipients = 0, refused = 0, segments = 0, reasons = '{}', audience_sha256 = $4, hash = null, approved_hash = null, approved_by = null, approved_at = null, approval_id = null, changed_at = $5, last_audit_id = $1 where id = $2 and version = $3 and state = 'draft'";
pub const GATHER: &str = "update campaign set gathered = $5, recipients = $6, refused = $7, segments = $8, reasons = $9, audience_sha256 = $10, last_audit_id = $1 where id = $2 and version = $3 and state = 'gathering' and gathered = $4";
pub const READY: &str =
    "update campaign set state = $4, reason = $5, hash = $6, changed_at = $7, last_audit_id = $1 where id = $2 and version = $3 and state = 'gathering'";
/// By somebody else than who wrote it, and of exactly what was shown.
pub const APPROVE: &str = "update campaign set state = $4, approved_hash = $5, approved_by = $6, approved_at = $7, approval_id = $1, version = version + 1, last_audit_id = $1 where id = $2 and version = $3 and state = 'review' and hash = $5 and author_id <> $6";
pub const REJECT: &str = "update campaign set state = 'draft', reason = 'rejected', hash = null, version = version + 1, changed_at = $4, last_audit_id = $1 where id = $2 and version = $3 and state = 'review'";
pub const BEGIN: &str = "update campaign set state = 'running', reason = null, begun_at = $3, resumed_at = $3, last_audit_id = $1 where id = $2 and (state = 'approved' or (state = 'scheduled' and scheduled_at <= $3)) and approved_hash = hash";
pub const PAUSE: &str = "update campaign set state = 'paused', reason = $3, last_audit_id = $1 where id = $2 and state = 'running'";
pub const RESUME: &str =
    "update campaign set state = 'running', reason = null, resumed_at = $3, last_audit_id = $1 where id = $2 and state = 'paused' and approved_hash = hash";
pub const CANCEL: &str =
    "update campaign set state = 'cancelled', ended_at = $3, hash = null, last_audit_id = $1 where id = $2 and state not in ('cancelled', 'done')";
pub const DONE: &str = "update campaign set state = 'done', ended_at = $3, last_audit_id = $1 where id = $2 and state = 'running'";
pub const HISTORY: &str = "select e.action, e.at, e.outcome, c.seq from audit_event e left join audit_chain c on c.event_id = e.id and c.log = $2 where e.object_id = $1 and e.outcome <> 'denied' order by e.id desc limit 20";
pub const ENTRY: &str = "select c.seq from audit_chain c where c.event_id = $1 and c.log = $2";

pub const KNOWN: &str = "select count(*) from campaign_recipient where campaign_id = $1 and round = $2 and number_ix = $3";
pub const INSERT_RECIPIENT: &str = "insert into campaign_recipient (id, campaign_id, round, number_ix, contact_id, contact_version, masked, zones, segments, state, reason, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $1)";
pub const LAST_CONSENT: &str = "select id, kind from consent where contact_id = $1 order by id desc limit 1";
pub const PLACES: &str =
    "select zones from campaign_recipient where campaign_id = $1 and round = $2 and state = 'pending' and zones > $3 order by zones limit 1";
pub const PENDING: &str = "select id, campaign_id, number_ix, contact_id, contact_version, masked, zones, segments, state, reason, message_id from campaign_recipient where campaign_id = $1 and round = $2 and state = 'pending' and zones = $3 order by id limit $4";
pub const ANY_PENDING: &str = "select count(*) from (select id from campaign_recipient where campaign_id = $1 and round = $2 and state = 'pending' limit 1) r";
pub const QUEUE: &str = "update campaign_recipient set state = 'queued', message_id = $3, last_audit_id = $1 where id = $2 and state = 'pending'";
pub const SKIP: &str = "update campaign_recipient set state = 'refused', reason = $3, last_audit_id = $1 where id = $2 and state = 'pending'";
/// What the claim of a message asks: may this campaign send as it was approved, and where is this recipient?
pub const CLAIM: &str = "select c.state, c.hash, c.approved_hash, c.needs_consent, r.contact_id, r.zones from campaign c join campaign_recipient r on r.campaign_id = c.id and r.round = c.round where c.id = $1 and r.id = $2";
pub const SPAN: &str = "select min(ended_at), max(ended_at) from message where campaign_id = $1 and ended_at is not null";
pub const BUCKETS: &str = "select state, (ended_at - $2) / $3 as bucket, count(*) as n from message where campaign_id = $1 and ended_at is not null group by state, (ended_at - $2) / $3";
pub const OPEN: &str = "select count(*) from message where campaign_id = $1 and state in ('queued', 'sending')";
pub const COUNT_MESSAGES: &str = "select state, count(*) as n from message where campaign_id = $1 group by state";
pub const COUNT_RECIPIENTS: &str = "select state, count(*) as n from campaign_recipient where campaign_id = $1 and round = $2 group by state";
/// The newest results since the campaign last began to run.
pub const RESULTS: &str = "select state, reason from message where campaign_id = $1 and ended_at >= $2 order by ended_at desc limit 50";
pub const RECIPIENTS: &str = "select r.id, r.masked, r.state, r.reason, r.message_id, m.state as message_state, m.reason as message_reason, m.ended_at from campaign_recipient r left join message m on m.id = r.message_id where r.campaign_id = $1 and r.round = $2 and r.id > $3 order by r.id limit $4";
pub const SAMPLE: &str = "select id, campaign_id, number_ix, contact_id, contact_version, masked, zones, segments, state, reason, message_id from campaign_recipient where campaign_id = $1 and round = $2 and state <> 'refused' order by id limit 3";

/// Every statement of this slice, for the test that prepares them all.
pub const ALL: &[&str] = &[
    INSERT_TEMPLATE,
    NEXT_TEMPLATE,
    INSERT_TEXT,
    TEMPLATES,
    TEMPLATE,
    TEMPLATE_OF,
    VERSIONS,
    LOCK_TEMPLATES,
    COUNT_TEMPLATES,
    BY_ID,
    PAGE,
    IN_STATE,
    INSERT,
    EDIT,
    SUBMIT,
    GATHER,
    READY,
    APPROVE,
    REJECT,
    BEGIN,
    PAUSE,
    RESUME,
    CANCEL,
    DONE,
    HISTORY,
    ENTRY,
    KNOWN,
    INSERT_RECIPIENT,
    LAST_CONSENT,
    PLACES,
    PENDING,
    ANY_PENDING,
    QUEUE,
    SKIP,
    CLAIM,
    SPAN,
    BUCKETS,
    OPEN,
    COUNT_MESSAGES,
    COUNT_RECIPIENTS,
    RESULTS,
    RECIPIENTS,
    SAMPLE,
];
