//! Holds every guarded row against the entry it says changed it last: the entry must be in the log and name the row, or the
//! person it belongs to. Finds what was written past the guards with another entry's id.

use std::collections::HashSet;

use futures_util::TryStreamExt as _;

use super::Db;
use crate::core::fault::{Context as _, Fault};

/// A guarded table, and the statement that gives of each row its key, whose it is, and its last entry.
struct Table {
    name: &'static str,
    rows: &'static str,
}

macro_rules! table {
    ($name:literal, $key:literal, $owner:literal) => {
        Table {
            name: $name,
            rows: concat!(
                "select t.",
                $key,
                " as key, t.",
                $owner,
                " as owner, t.last_audit_id, e.body, c.log, c.seq from ",
                $name,
                " t left join audit_event e on e.id = t.last_audit_id left join audit_chain c on c.event_id = t.last_audit_id"
            ),
        }
    };
}

/// A table of values of intakes: an entry names the record, or the one it went into.
macro_rules! of_intake {
    ($name:literal, $key:literal) => {
        Table {
            name: $name,
            rows: concat!(
                "select t.",
                $key,
                " as key, r.merged_into as owner, t.last_audit_id, e.body, c.log, c.seq from ",
                $name,
                " t join intake_record r on r.id = t.record_id left join audit_event e on e.id = t.last_audit_id left join audit_chain c on c.event_id = t.last_audit_id"
            ),
        }
    };
}

const TABLES: &[Table] = &[
    table!("person", "id", "id"),
    table!("person_role", "person_id", "person_id"),
    table!("recovery_code", "person_id", "person_id"),
    table!("link", "id", "person_id"),
    table!("session", "id", "person_id"),
    table!("api_token", "id", "person_id"),
    table!("evidence", "id", "id"),
    table!("artifact", "evidence_id", "evidence_id"),
    table!("tag", "code", "code"),
    table!("message", "id", "id"),
    table!("review", "id", "id"),
    table!("saved_view", "id", "person_id"),
    table!("epoch", "vkey", "vkey"),
    table!("framework", "id", "id"),
    table!("system", "id", "id"),
    table!("assessment", "id", "id"),
    table!("assessment_window", "assessment_id", "assessment_id"),
    table!("objective_state", "objective", "assessment_id"),
    table!("requirement_state", "requirement", "assessment_id"),
    table!("objective_link", "evidence_id", "assessment_id"),
    table!("objective_record", "id", "id"),
    table!("objective_comment", "id", "id"),
    table!("tracker_import", "id", "assessment_id"),
    table!("plan_item", "id", "id"),
    table!("plan_clock", "assessment_id", "assessment_id"),
    table!("operational_plan", "id", "id"),
    table!("seal", "id", "id"),
    table!("seal_artifact", "evidence_id", "seal_id"),
    table!("seal_document", "seal_id", "seal_id"),
    table!("ssp_section", "section", "system_id"),
    table!("seal_grant", "id", "id"),
    table!("affirmation", "id", "id"),
    table!("contact", "id", "import_id"),
    table!("contact_list", "id", "id"),
    // Imported in batches, merged by contact, or changed by list.
    Table {
        name: "list_member",
        rows: "select t.list_id as key, coalesce(t.import_id, t.contact_id) as owner, t.last_audit_id, e.body, c.log, c.seq from list_member t left join audit_event e on e.id = t.last_audit_id left join audit_chain c on c.event_id = t.last_audit_id",
    },
    table!("segment", "id", "id"),
    table!("consent", "id", "contact_id"),
    table!("number_stop", "id", "id"),
    table!("contact_import", "id", "id"),
    table!("inbound_event", "id", "id"),
    table!("routing", "id", "id"),
    table!("webhook", "id", "id"),
    table!("gateway", "name", "name"),
    table!("thread", "id", "id"),
    table!("inbound_media", "id", "inbound_id"),
    table!("thread_note", "id", "thread_id"),
    table!("canned_reply", "id", "id"),
    table!("auto_answer", "kind", "kind"),
    table!("template", "id", "id"),
    table!("template_text", "template_id", "template_id"),
    table!("campaign", "id", "id"),
    table!("campaign_recipient", "id", "campaign_id"),
    // What went into another record goes with it, under the entry of that one.
    Table {
        name: "intake_record",
        rows: "select t.id as key, coalesce(t.merged_into, t.id) as owner, t.last_audit_id, e.body, c.log, c.seq from intake_record t left join audit_event e on e.id = t.last_audit_id left join audit_chain c on c.event_id = t.last_audit_id",
    },
    of_intake!("intake_value", "record_id"),
    of_intake!("intake_note", "record_id"),
    of_intake!("intake_file", "record_id"),
    table!("intake_disclosure", "id", "record_id"),
    table!("intake_export", "id", "id"),
    table!("erasure", "subject", "subject"),
    table!("legal_hold", "id", "id"),
    table!("retention", "id", "id"),
    table!("audit_prune", "id", "id"),
];
/// Every statement of this file, for the test that prepares them all.
pub const SQL: &[&str] = &{
    let mut all = [""; TABLES.len()];
    let mut n = 0;
    while n < TABLES.len() {
        all[n] = TABLES[n].rows;
        n += 1;
    }
    all
};

crate::row! {
    /// A guarded row with its last entry.
    #[derive(Clone, Debug)]
    struct Guarded {
        key: String,
        owner: Option<String>,
        last_audit_id: String,
        body: Option<Vec<u8>>,
        log: Option<i64>,
        seq: Option<i64>,
    }
}

/// The names of the guarded tables.
#[must_use]
pub fn guarded() -> Vec<&'static str> {
    TABLES.iter().map(|table| table.name).collect()
}

/// The first guarded row whose last entry is not in the log or does not name it; reads every guarded row. An entry that is not
/// linked yet is looked for once more.
///
/// # Errors
/// When the database fails on the way.
pub async fn unnamed(db: &Db) -> Result<Option<String>, Fault> {
    // What was recorded beside a log that was left for a new origin stays beside it; its file's hash stands in the new log.
    let beside: HashSet<Vec<u8>> = db.fault_log().all_bodies()?.into_iter().collect();
    let pruned = db.pruned_logs().await?;
    for table in TABLES {
        let mut rows = db.query(table.rows).stream::<Guarded>().context("read the guarded rows")?;
        while let Some(row) = rows.try_next().await.context("read the guarded rows")? {
            let told = |what: &str| Some(format!("a row of `{}` ({}) {what} (`{}`)", table.name, row.key, row.last_audit_id));
            let Some(body) = &row.body else { return Ok(told("names an entry that does not exist")) };
            if row.seq.is_none() && !beside.contains(body) && !is_linked(db, &row.last_audit_id).await? {
                return Ok(told("names an entry that is not in the log"));
            }
            // What a pruned entry named is gone with it; that it may be gone is told by the walk over the entries.
            if body.is_empty() && pruned.iter().any(|(log, done)| row.log == Some(*log) && row.seq.is_some_and(|seq| seq < *done)) {
                continue;
            }
            let named = holds(body, &row.key) || row.owner.as_ref().is_some_and(|owner| holds(body, owner));
            if !named {
                return Ok(told("was changed last under an entry that does not name it"));
            }
        }
    }
    Ok(None)
}

const LINKED: &str = "select count(*) from audit_chain where event_id = $1";

/// On PostgreSQL an entry is linked a moment after it was committed.
async fn is_linked(db: &Db, event: &str) -> Result<bool, Fault> {
    if !db.in_fault() {
        db.settle().await?;
    }
    let linked: i64 = db.query(LINKED).bind(event).scalar().await.context("look for an entry")?;
    Ok(linked > 0)
}

/// Does the body hold this id as a whole text?
fn holds(body: &[u8], id: &str) -> bool {
    let quoted = format!("\"{id}\"");
    body.windows(quoted.len()).any(|window| window == quoted.as_bytes())
}
