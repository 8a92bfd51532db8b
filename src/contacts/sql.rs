//! The statements of this slice. In a write to a guarded table `$1` is the event's id.

/// A contact as `Contact` reads it, with whether its number is stopped.
macro_rules! contact {
    ($from:literal) => {
        concat!(
            "select c.id, c.number_ix, c.masked, c.region, c.sealed, c.version, c.made_at, c.changed_at, c.merged_into, ",
            "(select count(*) from number_stop s where s.number_ix = c.number_ix and s.kind = 'opt_out' and s.lifted_at is null) as opted_out, ",
            "(select count(*) from number_stop s where s.number_ix = c.number_ix and s.kind = 'block' and s.lifted_at is null) as blocked ",
            $from
        )
    };
}

pub const BY_ID: &str = contact!("from contact c where c.id = $1");
pub const BY_NUMBER: &str = contact!("from contact c where c.number_ix = $1 and c.merged_into is null");
pub const PAGE: &str = contact!("from contact c where c.merged_into is null and c.id < $1 order by c.id desc limit $2");
pub const PAGE_OF_NAME: &str = contact!("from contact c where c.name_ix = $3 and c.merged_into is null and c.id < $1 order by c.id desc limit $2");
pub const PAGE_OF_LIST: &str = contact!(
    "from list_member m join contact c on c.id = m.contact_id where m.list_id = $3 and m.removed_at is null and c.merged_into is null and m.contact_id < $1 order by m.contact_id desc limit $2"
);
pub const PAGE_OF_TAG: &str = contact!(
    "from contact_tag t join contact c on c.id = t.contact_id where t.tag = $3 and c.merged_into is null and t.contact_id < $1 order by t.contact_id desc limit $2"
);
pub const PAGE_OF_LIST_AND_TAG: &str = contact!(
    "from list_member m join contact c on c.id = m.contact_id where m.list_id = $3 and m.removed_at is null and c.merged_into is null and exists (select 1 from contact_tag t where t.tag = $4 and t.contact_id = m.contact_id) and m.contact_id < $1 order by m.contact_id desc limit $2"
);
pub const ID_OF_NUMBER: &str = "select id from contact where number_ix = $1";
pub const INSERT: &str = "insert into contact (id, import_id, number_ix, name_ix, masked, region, zone, sealed, version, made_at, changed_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $10, $1)";
pub const EDIT: &str = "update contact set name_ix = $4, zone = $5, sealed = $6, version = version + 1, changed_at = $7, last_audit_id = $1 where id = $2 and version = $3 and merged_into is null";
pub const RETIRE: &str =
    "update contact set merged_into = $4, version = version + 1, changed_at = $5, last_audit_id = $1 where id = $2 and version = $3 and merged_into is null";
pub const HISTORY: &str = "select e.action, e.at, e.outcome, c.seq from audit_event e left join audit_chain c on c.event_id = e.id and c.log = $2 where e.object_id = $1 and e.outcome <> 'denied' order by e.id desc limit 20";

pub const TAG: &str = "insert into contact_tag (tag, contact_id) values ($1, $2) on conflict (tag, contact_id) do nothing";
pub const UNTAG: &str = "delete from contact_tag where contact_id = $1";

pub const LOCK_LISTS: &str = "insert into fixed (name, value) values ('contact_list_lock', '') on conflict (name) do update set value = excluded.value";
pub const COUNT_LISTS: &str = "select count(*) from contact_list";
pub const INSERT_LIST: &str = "insert into contact_list (id, name, name_fold, made_at, last_audit_id) values ($2, $3, $4, $5, $1)";
pub const LISTS: &str = "select id, name, made_at from contact_list order by name_fold limit 500";
pub const LIST: &str = "select id, name, made_at from contact_list where id = $1";
pub const LIST_NAMED: &str = "select id, name, made_at from contact_list where name_fold = $1";
pub const LISTS_OF: &str = "select l.id, l.name, l.made_at from list_member m join contact_list l on l.id = m.list_id where m.contact_id = $1 and m.removed_at is null order by l.name_fold limit 500";
pub const MEMBER: &str = "select cast(case when removed_at is null then 1 else 0 end as bigint) from list_member where list_id = $1 and contact_id = $2";
pub const INSERT_MEMBER: &str = "insert into list_member (list_id, contact_id, import_id, added_at, last_audit_id) values ($2, $3, $4, $5, $1)";
pub const MEMBER_AGAIN: &str = "update list_member set removed_at = null, added_at = $4, import_id = $5, last_audit_id = $1 where list_id = $2 and contact_id = $3 and removed_at is not null";
pub const REMOVE_MEMBER: &str = "update list_member set removed_at = $4, last_audit_id = $1 where list_id = $2 and contact_id = $3 and removed_at is null";

pub const LOCK_SEGMENTS: &str = "insert into fixed (name, value) values ('segment_lock', '') on conflict (name) do update set value = excluded.value";
pub const COUNT_SEGMENTS: &str = "select count(*) from segment";
pub const INSERT_SEGMENT: &str = "insert into segment (id, name, name_fold, sealed, author_id, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $1)";
pub const SEGMENTS: &str =
    "select s.id, s.name, s.sealed, p.display_name as author, s.made_at from segment s join person p on p.id = s.author_id order by s.name_fold limit 500";
pub const SEGMENT: &str =
    "select s.id, s.name, s.sealed, p.display_name as author, s.made_at from segment s join person p on p.id = s.author_id where s.id = $1";
pub const INSERT_CONSENT: &str = "insert into consent (id, contact_id, kind, source, wording, evidence_sha256, given_at, person_id, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, $10, $1)";
pub const CONSENTS: &str = "select c.id, c.kind, c.source, c.wording, c.evidence_sha256, c.given_at, p.display_name as author, c.made_at from consent c join person p on p.id = c.person_id where c.contact_id = $1 order by c.id desc limit 100";

pub const LOCK_NUMBER: &str = "insert into number_lock (number_ix) values ($1) on conflict (number_ix) do update set number_ix = excluded.number_ix";
pub const STOPS: &str = "select count(*) from number_stop where number_ix = $1 and lifted_at is null";
/// 1 when this is the only stop of a number in force.
pub const ONLY_STOP: &str =
    "select cast(coalesce(sum(case when id = $2 then 1 else 2 end), 0) as bigint) from number_stop where number_ix = $1 and lifted_at is null";
pub const INSERT_STOP: &str =
    "insert into number_stop (id, number_ix, kind, source, masked, sealed, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $1)";
pub const LIFT: &str = "update number_stop set lifted_at = $3, last_audit_id = $1 where id = $2 and lifted_at is null";
pub const STOP_IN_FORCE: &str = "select id from number_stop where number_ix = $1 and kind = $2 and lifted_at is null";
pub const STOPPED: &str = "select id, number_ix, kind, source, masked, sealed, made_at, lifted_at from number_stop where id = $1";
pub const STOPS_PAGE: &str =
    "select id, number_ix, kind, source, masked, sealed, made_at, lifted_at from number_stop where lifted_at is null and id < $1 order by id desc limit $2";
pub const STOPS_OF: &str =
    "select id, number_ix, kind, source, masked, sealed, made_at, lifted_at from number_stop where number_ix = $1 and lifted_at is null order by id limit 2";

pub const LIVE_ID_OF_NUMBER: &str = "select coalesce(merged_into, id) from contact where number_ix = $1";
/// An import as `Import` reads it.
macro_rules! import {
    ($rest:literal) => {
        concat!(
            "select id, person_id, state, list_id, name_sealed, layout, region, voip, sha256, bytes, rows_done, created, known, duplicates, refused, reasons, error_bytes, bytes_done, error, made_at, begun_at, ended_at from contact_import ",
            $rest
        )
    };
}
pub const IMPORT: &str = import!("where id = $1");
pub const IMPORTS: &str = import!("where id > 'imp_' order by id desc limit 50");
pub const RUNNING_IMPORTS: &str = import!("where state = 'running' order by id limit 10");
pub const OLD_IMPORTS: &str = import!("where state = 'staged' and made_at < $1 order by id limit 100");
pub const ENDED_IMPORTS: &str = import!("where ended_at < $1 and ended_at > $2 order by ended_at limit 1000");
pub const INSERT_IMPORT: &str = "insert into contact_import (id, person_id, state, name_sealed, layout, voip, sha256, bytes, rows_done, created, known, duplicates, refused, reasons, error_bytes, bytes_done, made_at, last_audit_id) values ($2, $3, 'staged', $4, $5, 0, $6, $7, 0, 0, 0, 0, 0, '{}', 0, 0, $8, $1)";
pub const BEGIN_IMPORT: &str = "update contact_import set state = 'running', list_id = $3, layout = $4, region = $5, voip = $6, begun_at = $7, last_audit_id = $1 where id = $2 and state = 'staged'";
pub const BATCH_IMPORT: &str = "update contact_import set rows_done = $3, created = $4, known = $5, duplicates = $6, refused = $7, reasons = $8, error_bytes = $9, bytes_done = $10, last_audit_id = $1 where id = $2 and state = 'running' and rows_done = $11";
pub const END_IMPORT: &str = "update contact_import set state = $3, error = $4, ended_at = $5, last_audit_id = $1 where id = $2 and ended_at is null";

/// Every statement of this slice, for the test that prepares them all.
pub const ALL: &[&str] = &[
    BY_ID,
    BY_NUMBER,
    PAGE,
    PAGE_OF_NAME,
    PAGE_OF_LIST,
    PAGE_OF_TAG,
    PAGE_OF_LIST_AND_TAG,
    ID_OF_NUMBER,
    INSERT,
    EDIT,
    RETIRE,
    HISTORY,
    TAG,
    UNTAG,
    LOCK_LISTS,
    COUNT_LISTS,
    INSERT_LIST,
    LISTS,
    LIST,
    LIST_NAMED,
    LISTS_OF,
    MEMBER,
    INSERT_MEMBER,
    MEMBER_AGAIN,
    REMOVE_MEMBER,
    LOCK_SEGMENTS,
    COUNT_SEGMENTS,
    INSERT_SEGMENT,
    SEGMENTS,
    SEGMENT,
    INSERT_CONSENT,
    CONSENTS,
    LOCK_NUMBER,
    STOPS,
    ONLY_STOP,
    INSERT_STOP,
    LIFT,
    STOP_IN_FORCE,
    STOPPED,
    STOPS_PAGE,
    LIVE_ID_OF_NUMBER,
    IMPORT,
    IMPORTS,
    RUNNING_IMPORTS,
    OLD_IMPORTS,
    ENDED_IMPORTS,
    INSERT_IMPORT,
    BEGIN_IMPORT,
    BATCH_IMPORT,
    END_IMPORT,
    STOPS_OF,
];
