//! The statements of this slice. In a write to a guarded table `$1` is the event's id.

pub const BY_USERNAME: &str = "select id, username, display_name, email, time_zone, password_hash, password_at, totp_sealed, totp_at, totp_step, created_at, disabled_at, deleted_at from person where username = $1";
pub const BY_ID: &str = "select id, username, display_name, email, time_zone, password_hash, password_at, totp_sealed, totp_at, totp_step, created_at, disabled_at, deleted_at from person where id = $1";
pub const PAGE_OLDER: &str = "select p.id, p.username, p.display_name, p.email, p.password_at, p.totp_at, p.created_at, p.disabled_at, p.deleted_at, (select string_agg(r.role, ' ') from person_role r where r.person_id = p.id and r.revoked_at is null) as roles, (select cast(max(coalesce(seen.seen_at, s.made_at)) as bigint) from session s left join session_seen seen on seen.session_id = s.id where s.person_id = p.id and s.stage = 'full') as seen_at from person p where p.name_fold like $1 escape '\\' and ($3 = '' or $3 = case when p.deleted_at is not null then 'deleted' when p.disabled_at is not null then 'disabled' when p.password_at is null then 'invited' else 'active' end) and p.id < $2 order by p.id desc limit 51";
pub const PAGE_NEWER: &str = "select p.id, p.username, p.display_name, p.email, p.password_at, p.totp_at, p.created_at, p.disabled_at, p.deleted_at, (select string_agg(r.role, ' ') from person_role r where r.person_id = p.id and r.revoked_at is null) as roles, (select cast(max(coalesce(seen.seen_at, s.made_at)) as bigint) from session s left join session_seen seen on seen.session_id = s.id where s.person_id = p.id and s.stage = 'full') as seen_at from person p where p.name_fold like $1 escape '\\' and ($3 = '' or $3 = case when p.deleted_at is not null then 'deleted' when p.disabled_at is not null then 'disabled' when p.password_at is null then 'invited' else 'active' end) and p.id > $2 order by p.id limit 51";
pub const PAGE_AFTER: &str = "select p.id, p.username, p.display_name, p.email, p.password_at, p.totp_at, p.created_at, p.disabled_at, p.deleted_at, (select string_agg(r.role, ' ') from person_role r where r.person_id = p.id and r.revoked_at is null) as roles, (select cast(max(coalesce(seen.seen_at, s.made_at)) as bigint) from session s left join session_seen seen on seen.session_id = s.id where s.person_id = p.id and s.stage = 'full') as seen_at from person p where p.id > $1 order by p.id limit $2";
pub const LISTED: &str = "select p.id, p.username, p.display_name, p.email, p.password_at, p.totp_at, p.created_at, p.disabled_at, p.deleted_at, (select string_agg(r.role, ' ') from person_role r where r.person_id = p.id and r.revoked_at is null) as roles, (select cast(max(coalesce(seen.seen_at, s.made_at)) as bigint) from session s left join session_seen seen on seen.session_id = s.id where s.person_id = p.id and s.stage = 'full') as seen_at from person p where p.id = $1";
pub const ROLES: &str = "select role from person_role where person_id = $1 and revoked_at is null order by role";
pub const OTHER_ADMINS: &str = "select count(*) from (select p.id from person_role r join person p on p.id = r.person_id where r.role = 'admin' and r.revoked_at is null and p.password_hash is not null and p.disabled_at is null and p.deleted_at is null and p.id <> $1 limit 2) a";
pub const HOLDERS: &str = "select p.id from person_role r join person p on p.id = r.person_id where r.role = $1 and r.revoked_at is null and p.password_hash is not null and p.disabled_at is null and p.deleted_at is null order by p.id limit 1000";
pub const ANY_PERSON: &str = "select count(*) from (select id from person limit 1) p";

pub const INSERT_PERSON: &str = "insert into person (id, username, display_name, name_fold, email, time_zone, password_hash, password_at, totp_step, created_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $1)";
pub const SET_PASSWORD: &str = "update person set password_hash = $3, password_at = $4, last_audit_id = $1 where id = $2 and deleted_at is null";
pub const SET_FIRST_PASSWORD: &str = "update person set password_hash = $3, password_at = $4, last_audit_id = $1 where id = $2 and password_hash is null and disabled_at is null and deleted_at is null";
pub const REHASH: &str =
    "update person set password_hash = $3, last_audit_id = $1 where id = $2 and password_hash = $4 and disabled_at is null and deleted_at is null";
pub const HOLDS_PASSWORD: &str = "select id from person where id = $1 and password_hash = $2 and disabled_at is null and deleted_at is null";
pub const SET_EMAIL: &str = "update person set email = $3, name_fold = $4, last_audit_id = $1 where id = $2 and deleted_at is null";
pub const SET_TEXT_SIZE: &str = "update person set text_size = $3, last_audit_id = $1 where id = $2 and deleted_at is null";
pub const SET_ZONE: &str = "update person set time_zone = $3, last_audit_id = $1 where id = $2 and deleted_at is null";
pub const SET_TOTP: &str = "update person set totp_sealed = $3, totp_at = $4, totp_step = $5, last_audit_id = $1 where id = $2 and totp_at is null and disabled_at is null and deleted_at is null";
pub const REPLACE_TOTP: &str = "update person set totp_sealed = $3, totp_at = $4, totp_step = $5, last_audit_id = $1 where id = $2 and totp_at = $6 and disabled_at is null and deleted_at is null";
pub const CLEAR_TOTP: &str = "update person set totp_sealed = null, totp_at = null, last_audit_id = $1 where id = $2 and deleted_at is null";
pub const SPEND_STEP: &str =
    "update person set totp_step = $3, last_audit_id = $1 where id = $2 and totp_step < $3 and disabled_at is null and deleted_at is null";
pub const DISABLE: &str = "update person set disabled_at = $3, last_audit_id = $1 where id = $2 and disabled_at is null and deleted_at is null";
pub const ENABLE: &str = "update person set disabled_at = null, last_audit_id = $1 where id = $2 and disabled_at is not null and deleted_at is null";
pub const DELETE: &str = "update person set deleted_at = $3, password_hash = null, totp_sealed = null, last_audit_id = $1 where id = $2 and deleted_at is null";
/// Takes out who it was, once the account is closed or disabled.
pub const BLANK: &str = "update person set username = $3, display_name = $3, name_fold = $3, email = null, password_hash = null, totp_sealed = null, totp_at = null, deleted_at = coalesce(deleted_at, $4), last_audit_id = $1 where id = $2 and (disabled_at is not null or deleted_at is not null)";
pub const LOCK_ADMINS: &str = "update fixed set value = value where name = 'admin_lock'";

pub const REVIVE_ROLE: &str = "update person_role set granted_at = $4, revoked_at = null, last_audit_id = $1 where person_id = $2 and role = $3";
pub const INSERT_ROLE: &str = "insert into person_role (person_id, role, granted_at, last_audit_id) values ($2, $3, $4, $1)";
pub const REVOKE_ROLE: &str = "update person_role set revoked_at = $4, last_audit_id = $1 where person_id = $2 and role = $3 and revoked_at is null";

pub const INSERT_CODE: &str = "insert into recovery_code (person_id, code_hash, made_at, last_audit_id) values ($2, $3, $4, $1)";
pub const USE_CODE: &str = "update recovery_code set used_at = $4, last_audit_id = $1 where person_id = $2 and code_hash = $3 and used_at is null";
pub const VOID_CODES: &str = "update recovery_code set used_at = $3, last_audit_id = $1 where person_id = $2 and used_at is null";
pub const CODES_LEFT: &str = "select count(*) from recovery_code where person_id = $1 and used_at is null";

pub const INSERT_LINK: &str = "insert into link (id, purpose, token_hash, person_id, made_at, expires_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $1)";
pub const FIND_LINK: &str = "select id, purpose, person_id, expires_at from link where token_hash = $1 and used_at is null and expires_at > $2";
pub const USE_LINK: &str = "update link set used_at = $3, last_audit_id = $1 where id = $2 and used_at is null and expires_at > $3";
pub const VOID_LINKS: &str = "update link set used_at = $3, last_audit_id = $1 where person_id = $2 and used_at is null";
pub const OPEN_SETUP: &str = "select id from link where purpose = 'setup' and used_at is null order by id limit 1";
pub const VOID_SETUP: &str = "update link set used_at = $2, last_audit_id = $1 where purpose = 'setup' and used_at is null";
pub const OPEN_LINK: &str = "select expires_at from link where person_id = $1 and purpose = 'invite' and used_at is null order by made_at desc limit 1";

pub const INSERT_SESSION: &str = "insert into session (id, secret_hash, person_id, stage, next, made_at, auth_at, expires_at, client_sealed, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, $10, $1)";
pub const RESOLVE: &str = "select s.id, s.person_id, s.stage, s.next, s.auth_at, p.username, p.display_name, p.time_zone, p.text_size, p.totp_at, coalesce(seen.seen_at, s.made_at) as seen_at, (select string_agg(r.role, ' ' order by r.role) from person_role r where r.person_id = p.id and r.revoked_at is null) as roles from session s join person p on p.id = s.person_id left join session_seen seen on seen.session_id = s.id where s.secret_hash = $1 and s.ended_at is null and s.expires_at > $2 and p.disabled_at is null and p.deleted_at is null";
pub const END_SESSION: &str = "update session set ended_at = $3, last_audit_id = $1 where id = $2 and ended_at is null";
pub const END_OF_PERSON: &str = "update session set ended_at = $3, last_audit_id = $1 where person_id = $2 and ended_at is null";
pub const END_OTHERS: &str = "update session set ended_at = $4, last_audit_id = $1 where person_id = $2 and id <> $3 and ended_at is null";
pub const END_OLDEST: &str = "update session set ended_at = $3, last_audit_id = $1 where id in (select id from session where person_id = $2 and ended_at is null and id <> $5 order by made_at desc limit 1000 offset $4)";
pub const SESSIONS: &str = "select s.id, s.made_at, coalesce(seen.seen_at, s.made_at) as seen_at, s.client_sealed from session s left join session_seen seen on seen.session_id = s.id where s.person_id = $1 and s.stage = 'full' and s.ended_at is null and s.expires_at > $2 order by s.made_at desc limit 100";
pub const SESSION_OF: &str = "select id from session where id = $1 and person_id = $2 and ended_at is null";
pub const SEEN: &str = "insert into session_seen (session_id, seen_at) values ($1, $2) on conflict (session_id) do update set seen_at = excluded.seen_at";

pub const INSERT_TOKEN: &str =
    "insert into api_token (id, person_id, name, secret_hash, scopes, made_at, expires_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $1)";
pub const REVOKE_TOKEN: &str = "update api_token set revoked_at = $3, last_audit_id = $1 where id = $2 and revoked_at is null";
pub const REVOKE_TOKENS: &str = "update api_token set revoked_at = $3, last_audit_id = $1 where person_id = $2 and revoked_at is null";
pub const RESOLVE_TOKEN: &str = "select t.id, t.person_id, t.scopes, p.username, coalesce(seen.seen_at, 0) as seen_at, (select string_agg(r.role, ' ' order by r.role) from person_role r where r.person_id = p.id and r.revoked_at is null) as roles from api_token t join person p on p.id = t.person_id left join token_seen seen on seen.token_id = t.id where t.secret_hash = $1 and t.revoked_at is null and t.expires_at > $2 and p.disabled_at is null and p.deleted_at is null";
pub const TOKENS: &str = "select t.id, t.name, t.scopes, t.made_at, t.expires_at, t.revoked_at, seen.seen_at, seen.client_sealed from api_token t left join token_seen seen on seen.token_id = t.id where t.person_id = $1 order by t.made_at desc limit 100";
pub const LIVE_TOKENS: &str = "select count(*) from api_token where person_id = $1 and revoked_at is null and expires_at > $2";
pub const TOKEN_ENDS: &str = "select expires_at from api_token where id = $1";
pub const TOKEN_OF: &str = "select id from api_token where id = $1 and person_id = $2 and revoked_at is null";
pub const TOKEN_SEEN: &str = "insert into token_seen (token_id, seen_at, reads, client_sealed) values ($1, $2, 0, $3) on conflict (token_id) do update set seen_at = excluded.seen_at, client_sealed = excluded.client_sealed";

pub const TOUCH_THROTTLE: &str = "insert into throttle (key, failures, first_at, last_at, until) values ($1, 0, $2, $2, 0) on conflict (key) do update set key = excluded.key returning failures, first_at, until";
pub const SET_THROTTLE: &str = "update throttle set failures = $2, first_at = $3, last_at = $4, until = $5 where key = $1";
pub const LESS_THROTTLE: &str = "update throttle set failures = failures - 1 where key = $1 and failures > 0";
pub const CLEAR_THROTTLE: &str = "delete from throttle where key = $1";
pub const READ_THROTTLE: &str = "select failures from throttle where key = $1";
pub const SWEEP_THROTTLE: &str = "delete from throttle where last_at < $1 and failures < 10";
pub const KNOW_DEVICE: &str = "insert into known_device (secret_hash, person_id, made_at, expires_at) values ($1, $2, $3, $4) on conflict (secret_hash) do update set expires_at = excluded.expires_at";
pub const KNOWN_DEVICE: &str = "select person_id from known_device where secret_hash = $1 and expires_at > $2";
pub const SWEEP_DEVICES: &str = "delete from known_device where expires_at < $1";
pub const FORGET_DEVICES: &str = "delete from known_device where person_id = $1";

pub const ENTRIES_OF: &str = "select c.seq, e.at, e.action, e.object_kind, e.object_id, e.outcome from audit_event e join audit_chain c on c.event_id = e.id where c.log = $2 and e.actor_id = $1 order by e.id desc limit 10";

/// Every statement of this slice, for the test that prepares them all.
pub const ALL: &[&str] = &[
    BY_USERNAME,
    BY_ID,
    PAGE_OLDER,
    PAGE_NEWER,
    PAGE_AFTER,
    LISTED,
    ROLES,
    OTHER_ADMINS,
    HOLDERS,
    ANY_PERSON,
    INSERT_PERSON,
    SET_PASSWORD,
    SET_FIRST_PASSWORD,
    REHASH,
    HOLDS_PASSWORD,
    SET_EMAIL,
    SET_TEXT_SIZE,
    SET_ZONE,
    SET_TOTP,
    REPLACE_TOTP,
    CLEAR_TOTP,
    SPEND_STEP,
    DISABLE,
    ENABLE,
    DELETE,
    BLANK,
    LOCK_ADMINS,
    REVIVE_ROLE,
    INSERT_ROLE,
    REVOKE_ROLE,
    INSERT_CODE,
    USE_CODE,
    VOID_CODES,
    CODES_LEFT,
    INSERT_LINK,
    FIND_LINK,
    USE_LINK,
    VOID_LINKS,
    OPEN_SETUP,
    VOID_SETUP,
    OPEN_LINK,
    INSERT_SESSION,
    RESOLVE,
    END_SESSION,
    END_OF_PERSON,
    END_OTHERS,
    END_OLDEST,
    SESSIONS,
    SESSION_OF,
    SEEN,
    INSERT_TOKEN,
    REVOKE_TOKEN,
    REVOKE_TOKENS,
    RESOLVE_TOKEN,
    TOKENS,
    LIVE_TOKENS,
    TOKEN_ENDS,
    TOKEN_OF,
    TOKEN_SEEN,
    TOUCH_THROTTLE,
    SET_THROTTLE,
    LESS_THROTTLE,
    CLEAR_THROTTLE,
    READ_THROTTLE,
    SWEEP_THROTTLE,
    KNOW_DEVICE,
    KNOWN_DEVICE,
    SWEEP_DEVICES,
    FORGET_DEVICES,
    ENTRIES_OF,
];
