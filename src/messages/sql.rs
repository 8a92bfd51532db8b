//! The statements of this slice. In a write to a guarded table `$1` is the event's id.

pub const INSERT: &str = "insert into message (id, author_id, gateway, number_sealed, text_sealed, number_ix, masked, state, reason, made_at, campaign_id, recipient_id, thread_id, answers, confirms, route, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $1)";
pub const ATTEMPT: &str = "update message set state = 'sending', attempted_at = $3, attempts = attempts + 1, last_audit_id = $1 where id = $2 and state = 'queued' and gateway = $4 and attempts = $5";
pub const SETTLE: &str = "update message set state = $3, reason = $4, provider_id = $5, ended_at = $6, last_audit_id = $1 where id = $2 and state = $7 and attempts = $8 and ended_at is null";

/// A message as `Message` reads it.
macro_rules! message {
    ($rest:literal) => {
        concat!(
            "select m.id, m.author_id, p.display_name as author, m.gateway, m.number_sealed, m.text_sealed, m.number_ix, m.masked, m.state, m.reason, m.made_at, m.attempted_at, m.ended_at, m.provider_id, m.attempts, m.provider_status, m.provider_rank, m.campaign_id, m.recipient_id, m.thread_id, m.answers, m.confirms, m.route from message m join person p on p.id = m.author_id ",
            $rest
        )
    };
}
/// Back to its turn, at this gateway or the next: certainly not sent. It names the attempt, so that a result that is written twice
/// ends no other.
pub const AGAIN: &str = "update message set state = 'queued', reason = $3, gateway = $5, last_audit_id = $1 where id = $2 and state = 'sending' and attempts = $4 and ended_at is null";
pub const JOB_AGAIN: &str = "update job set due_at = $2, lease_until = 0, lane = $3 where kind = 'message.attempt' and subject = $1 and done_at is null";
pub const JOB_REST: &str = "update job set due_at = $2, lease_until = 0 where kind = 'message.attempt' and subject = $1 and done_at is null";
/// To the next gateway before anything was attempted at this one.
pub const REROUTE: &str = "update message set gateway = $3, last_audit_id = $1 where id = $2 and state = 'queued' and gateway = $4";
/// What its gateway says of it; nothing else may have been said since it was read.
pub const REPORTED: &str = "update message set state = $3, reason = $4, provider_id = $5, provider_status = $6, provider_rank = $7, ended_at = coalesce(ended_at, $8), last_audit_id = $1 where id = $2 and state = $9 and provider_rank = $10";
pub const ACCEPTED_BY: &str = "select id from message where state = 'accepted' and gateway = $1 and id > $2 and provider_rank < 3 order by id limit 100";
pub const UNKNOWN: &str = "select id from message where state = 'unknown' and id > $1 order by id limit 50";
/// Others of its number whose own message at the gateway could be taken for this one's.
pub const RIVALS: &str = "select count(*) from message where number_ix = $1 and id <> $2 and state in ('unknown', 'sending') and attempted_at >= $3";
pub const CLAIMED: &str = "select count(*) from message where provider_id = $2 and gateway = $1 and id <> $3";
pub const BY_ID: &str = message!("where m.id = $1");
pub const BY_PROVIDER: &str = message!("where m.provider_id = $2 and m.gateway = $1");
pub const PAGE_OLDER: &str = "select m.id, m.author_id, p.display_name as author, m.gateway, m.masked, m.state, m.reason, m.made_at from message m join person p on p.id = m.author_id where m.id < $1 order by m.id desc limit $2";
pub const PAGE_NEWER: &str = "select m.id, m.author_id, p.display_name as author, m.gateway, m.masked, m.state, m.reason, m.made_at from message m join person p on p.id = m.author_id where m.id > $1 order by m.id limit $2";
pub const HISTORY: &str = "select e.action, e.at, c.seq, e.body from audit_event e left join audit_chain c on c.event_id = e.id and c.log = $2 where e.object_id = $1 and e.outcome <> 'denied' and e.action in ('message.send', 'campaign.send', 'thread.reply', 'message.attempt', 'message.result', 'message.reconcile', 'message.route') order by e.id desc limit 30";
pub const SENDING: &str = "select id from message where state = 'sending' and id > $1 order by id limit 100";
pub const SENDING_LEFT: &str = "select m.id from message m join job j on j.kind = 'message.attempt' and j.subject = m.id where m.state = 'sending' and m.id > $1 and j.done_at is null and j.lease_until <= $2 order by m.id limit 100";

pub const INSERT_JOB: &str = "insert into job (id, kind, subject, due_at, attempts, lease_until, lane) values ($1, 'message.attempt', $2, $3, 0, 0, $4)";
pub const DUE: &str = "select id, subject from job where kind = 'message.attempt' and done_at is null and lane = $2 and due_at <= $1 and lease_until <= $1 order by due_at limit 64";
/// Of gateways that are not there (any more).
pub const DUE_ELSEWHERE: &str = "select id, subject from job where kind = 'message.attempt' and done_at is null and lane not in ($2, $3, $4, $5, $6) and due_at <= $1 and lease_until <= $1 order by due_at limit 64";
pub const CLAIM: &str = "update job set lease_until = $2, attempts = attempts + 1 where done_at is null and lease_until <= $1 and id in ($3, $4, $5, $6, $7, $8, $9, $10) returning id";
pub const JOB_DONE: &str = "update job set done_at = $2 where kind = 'message.attempt' and subject = $1 and done_at is null";
pub const RELEASE: &str = "update job set lease_until = 0 where kind = 'message.attempt' and done_at is null and lease_until > 0";
pub const SWEEP_JOBS: &str = "delete from job where kind = 'message.attempt' and done_at < $1";

pub const DELIVER: &str = "insert into sandbox_delivery (provider_id, message_id, sealed, at) values ($1, $2, $3, $4)";
pub const DELIVERIES: &str = "select provider_id, message_id, sealed, at from sandbox_delivery order by at desc, provider_id limit 50";
pub const SWEEP_DELIVERIES: &str = "delete from sandbox_delivery where at < $1";

pub const INBOUND_ANY: &str = "select count(*) from (select id from inbound_event where gateway = $1 limit 1) e";
pub const INBOUND_KNOWN: &str = "select count(*) from inbound_event where gateway = $1 and event_key = $2";
pub const INBOUND_SEALED: &str = "select sealed from inbound_event where id = $1";
pub const INSERT_INBOUND: &str = "insert into inbound_event (id, gateway, event_key, kind, number_ix, sealed, provider_id, status, received_at, thread_id, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $1)";

/// A conversation as `Thread` reads it.
macro_rules! thread {
    ($rest:literal) => {
        concat!(
            "select t.id, t.channel, t.gateway, t.number_ix, t.sealed, t.masked, t.state, t.assigned_to, a.display_name as assignee, t.newest_at, t.inbound_at, t.heard_at, t.unread_at, t.read_at, r.display_name as reader from thread t left join person a on a.id = t.assigned_to left join person r on r.id = t.read_by ",
            $rest
        )
    };
}
pub const THREAD: &str = thread!("where t.id = $1");
pub const THREADS_IN: &str = thread!("where t.state = $1 and (t.newest_at, t.id) < ($2, $3) order by t.newest_at desc, t.id desc limit $4");
pub const THREADS_UNREAD: &str = thread!("where t.unread_at is not null and (t.newest_at, t.id) < ($1, $2) order by t.newest_at desc, t.id desc limit $3");
pub const THREADS_OF: &str =
    thread!("where t.assigned_to = $1 and t.state = 'open' and (t.newest_at, t.id) < ($2, $3) order by t.newest_at desc, t.id desc limit $4");
pub const THREADS_OF_NOBODY: &str =
    thread!("where t.assigned_to is null and t.state = 'open' and (t.newest_at, t.id) < ($1, $2) order by t.newest_at desc, t.id desc limit $3");
pub const THREADS_WITH: &str = thread!("where t.number_ix = $1 order by t.newest_at desc, t.id desc limit 30");
pub const THREAD_BETWEEN: &str = "select id from thread where number_ix = $1 and own_ix = $2";
pub const INSERT_THREAD: &str = "insert into thread (id, channel, gateway, number_ix, own_ix, sealed, masked, state, newest_at, inbound_at, heard_at, unread_at, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, 'open', $9, $10, $9, $9, $9, $1)";
/// `heard_at` grows with each word, however late it comes and however the clock stands: it says what a reader saw.
pub const HEARD: &str = "update thread set state = 'open', newest_at = $3, inbound_at = case when coalesce(inbound_at, 0) > $4 then inbound_at else $4 end, heard_at = case when heard_at >= $3 then heard_at + 1 else $3 end, unread_at = coalesce(unread_at, $3), gateway = $5, last_audit_id = $1 where id = $2";
pub const WINDOW: &str = "select count(*) from thread where id = $1 and (channel <> 'whatsapp' or inbound_at > $2)";

pub const SAID_THERE: &str = "select id, sealed, received_at from inbound_event where thread_id = $1 and id < $2 order by id desc limit $3";
/// What belongs to no conversation was sent by text.
pub const SAID_HERE: &str = "select m.id, m.text_sealed, m.state, m.reason, m.made_at, m.answers, m.campaign_id, p.display_name as author from message m join person p on p.id = m.author_id where m.number_ix = $1 and (m.thread_id = $2 or (m.thread_id is null and $3 = 'sms')) and m.id < $4 order by m.id desc limit $5";

pub const INSERT_MEDIA: &str = "insert into inbound_media (id, inbound_id, thread_id, number_ix, claimed, url_sealed, state, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, 'waiting', $8, $1)";
pub const INSERT_MEDIA_JOB: &str = "insert into job (id, kind, subject, due_at, attempts, lease_until) values ($1, 'media.fetch', $2, $3, 0, 0)";
pub const MEDIA_DUE: &str =
    "select id, subject, attempts from job where kind = 'media.fetch' and done_at is null and due_at <= $1 and lease_until <= $1 order by due_at limit 8";
pub const CLAIM_MEDIA: &str =
    "update job set lease_until = $3, attempts = attempts + 1 where id = $1 and kind = 'media.fetch' and done_at is null and lease_until <= $2";
pub const MEDIA_AGAIN: &str = "update job set due_at = $2, lease_until = 0 where id = $1 and done_at is null";
pub const MEDIA_JOB_DONE: &str = "update job set done_at = $2 where kind = 'media.fetch' and subject = $1 and done_at is null";
pub const SWEEP_MEDIA_JOBS: &str = "delete from job where kind = 'media.fetch' and done_at < $1";
pub const MEDIA_ENDED: &str = "update inbound_media set state = $3, kind = $4, bytes = $5, sha256_sealed = $6, reason = $7, ended_at = $8, last_audit_id = $1 where id = $2 and state = 'waiting'";
pub const INSERT_CHUNK: &str = "insert into media_chunk (media_id, n, sealed) values ($1, $2, $3)";
pub const CHUNKS: &str = "select n, sealed from media_chunk where media_id = $1 order by n limit 100";
/// A file as `Media` reads it.
macro_rules! media {
    ($rest:literal) => {
        concat!("select id, inbound_id, thread_id, number_ix, claimed, url_sealed, state, kind, bytes, sha256_sealed, reason from inbound_media ", $rest)
    };
}
pub const MEDIA: &str = media!("where id = $1");
pub const MEDIA_BETWEEN: &str = media!("where thread_id = $1 and inbound_id >= $2 and inbound_id <= $3 order by id limit 600");

pub const AUTO_ANSWER: &str = "select kind, text, person_id from auto_answer where kind = $1 and text <> ''";
/// Since a time, which ids begin with.
pub const ANSWERED: &str = "select count(*) from (select id from message where number_ix = $1 and id > $2 and answers is not null limit 10) m";

pub const ROUTING: &str =
    "select r.id, r.rules, p.display_name as author, r.made_at from routing r join person p on p.id = r.author_id order by r.id desc limit 1";
pub const ROUTING_OF: &str = "select r.id, r.rules, p.display_name as author, r.made_at from routing r join person p on p.id = r.author_id where r.id = $1";
pub const INSERT_ROUTING: &str = "insert into routing (id, rules, author_id, made_at, last_audit_id) values ($2, $3, $4, $5, $1)";
pub const LOCK_ROUTING: &str = "insert into fixed (name, value) values ('routing_lock', '') on conflict (name) do update set value = excluded.value";
pub const GATEWAYS: &str = "select name, stopped_at, secret_at, version from gateway order by name limit 50";
pub const GATEWAY: &str = "select name, stopped_at, secret_at, version from gateway where name = $1";
pub const GATEWAY_SECRET: &str = "select secret_sealed from gateway where name = $1";
pub const GATEWAY_STOPPED: &str = "select count(*) from gateway where name = $1 and stopped_at is not null";
pub const INSERT_GATEWAY: &str =
    "insert into gateway (name, stopped_at, secret_sealed, secret_at, version, changed_at, last_audit_id) values ($2, $3, $4, $5, 1, $6, $1)";
pub const STOP_GATEWAY: &str =
    "update gateway set stopped_at = $4, version = version + 1, changed_at = $5, last_audit_id = $1 where name = $2 and version = $3";
pub const SECRET_OF_GATEWAY: &str =
    "update gateway set secret_sealed = $4, secret_at = $5, version = version + 1, changed_at = $6, last_audit_id = $1 where name = $2 and version = $3";
/// The newest results of a gateway.
pub const HEALTH: &str = "select state, reason, ended_at from message where gateway = $1 and ended_at is not null order by ended_at desc limit 50";
pub const WAITING: &str = "select count(*) from (select id from job where done_at is null and lane = $1 limit 1001) j";

/// Every statement of this slice, for the test that prepares them all.
pub const ALL: &[&str] = &[
    INSERT,
    ATTEMPT,
    SETTLE,
    AGAIN,
    JOB_AGAIN,
    JOB_REST,
    REROUTE,
    ROUTING,
    ROUTING_OF,
    INSERT_ROUTING,
    LOCK_ROUTING,
    GATEWAYS,
    GATEWAY,
    GATEWAY_SECRET,
    GATEWAY_STOPPED,
    INSERT_GATEWAY,
    STOP_GATEWAY,
    SECRET_OF_GATEWAY,
    HEALTH,
    WAITING,
    REPORTED,
    ACCEPTED_BY,
    UNKNOWN,
    RIVALS,
    CLAIMED,
    BY_ID,
    BY_PROVIDER,
    PAGE_OLDER,
    PAGE_NEWER,
    HISTORY,
    SENDING,
    SENDING_LEFT,
    INBOUND_ANY,
    THREAD,
    THREADS_IN,
    THREADS_UNREAD,
    THREADS_OF,
    THREADS_OF_NOBODY,
    THREADS_WITH,
    THREAD_BETWEEN,
    INSERT_THREAD,
    HEARD,
    WINDOW,
    AUTO_ANSWER,
    INSERT_MEDIA,
    INSERT_MEDIA_JOB,
    MEDIA_DUE,
    CLAIM_MEDIA,
    MEDIA_AGAIN,
    MEDIA_JOB_DONE,
    SWEEP_MEDIA_JOBS,
    MEDIA_ENDED,
    INSERT_CHUNK,
    CHUNKS,
    MEDIA,
    MEDIA_BETWEEN,
    SAID_THERE,
    SAID_HERE,
    ANSWERED,
    INBOUND_KNOWN,
    INSERT_INBOUND,
    INBOUND_SEALED,
    INSERT_JOB,
    DUE,
    DUE_ELSEWHERE,
    CLAIM,
    JOB_DONE,
    RELEASE,
    SWEEP_JOBS,
    DELIVER,
    DELIVERIES,
    SWEEP_DELIVERIES,
];
