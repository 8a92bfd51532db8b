//! The sealed values of entries held against the entries: each commitment has its value, or an entry says why it has none.
//! Must stay true: a value counts as erased only when the trail says that its subject was; a key that is gone, or was never
//! there, explains nothing by itself.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_audit::write::commitment::commit;
use futures_util::TryStreamExt as _;
use serde::Deserialize;
use serde_json::Value;

use super::{ADDRESS_INDEX, Db};
use crate::core::fault::{Context as _, Fault};
use crate::vault::{OpenError, Place};

const ALL: &str = "select c.seq, e.id, e.body, e.address_ix, pa.sealed as actor_sealed, ps.sealed as subject_sealed from audit_chain c join audit_event e on e.id = c.event_id left join audit_payload pa on pa.event_id = e.id and pa.part = 'actor' left join audit_payload ps on ps.event_id = e.id and ps.part = 'subject' where c.log = $1 and c.seq >= $2 order by c.seq";
/// Every statement of this file, for the test that prepares them all.
pub const SQL: &[&str] = &[ALL];

/// The parts that values are sealed in: one under the key of who acted, one under the key of whom it concerns.
pub const PARTS: [&str; 2] = ["actor", "subject"];

/// A commitment of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The name under which the value is sealed.
    pub name: String,
    /// The commitment, in base64.
    pub c: String,
    /// The part it lies in.
    pub part: &'static str,
}

/// Every commitment of a body, in the order of its keys.
#[must_use]
pub fn commitments(body: &Value) -> Vec<Committed> {
    let mut out = Vec::new();
    let mut put = |part, name: String, c: &Value| out.extend(c.as_str().map(|c| Committed { name, c: c.to_owned(), part }));
    let [actor, subject] = PARTS;
    put(actor, "actor.name".into(), &body["actor"]["name_c"]);
    for change in body["change"].as_array().into_iter().flatten() {
        let field = change["f"].as_str().unwrap_or_default();
        put(subject, format!("change.{field}.before"), &change["before_c"]);
        put(subject, format!("change.{field}.after"), &change["after_c"]);
    }
    put(actor, "net.ip".into(), &body["net"]["ip_c"]);
    put(actor, "net.ua".into(), &body["net"]["ua_c"]);
    for payload in body["payload"].as_array().into_iter().flatten() {
        put(subject, payload["name"].as_str().unwrap_or_default().to_owned(), &payload["c"]);
    }
    put(subject, "resource.label".into(), &body["resource"]["label_c"]);
    out
}

/// Whose key seals a part, as the body says it; none when that is nobody who can be erased.
#[must_use]
pub fn subject_of<'b>(body: &'b Value, part: &str) -> Option<&'b str> {
    let of_subject = (part != PARTS[0]).then(|| body["subject"].as_str()).flatten();
    of_subject.or_else(|| body["actor"]["id"].as_str())
}

/// A personal value with the key of its commitment, as they lie sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Keyed {
    /// The key, in base64.
    #[serde(rename = "k")]
    pub key: String,
    /// The value.
    #[serde(rename = "v")]
    pub value: String,
}

impl Keyed {
    /// Is this what was committed to under `name`?
    #[must_use]
    pub fn fits(&self, name: &str, c: &str) -> bool {
        let key: Option<[u8; 32]> = STANDARD.decode(&self.key).ok().and_then(|k| k.try_into().ok());
        key.is_some_and(|key| STANDARD.encode(commit(&key, name, self.value.as_bytes())) == c)
    }
}

/// Opens one part of an event.
///
/// # Errors
/// See [`OpenError`].
pub async fn open_part(db: &Db, event: &str, part: &str, sealed: &[u8]) -> Result<BTreeMap<String, Keyed>, OpenError> {
    let plain = db.vault().unseal(&Place { table: "audit_payload", row: event, column: part }, sealed).await?;
    serde_json::from_slice(&plain).map_err(|_| OpenError::Altered)
}

crate::row! {
    struct Row { seq: i64, id: String, body: Vec<u8>, address_ix: Option<String>, actor_sealed: Option<Vec<u8>>, subject_sealed: Option<Vec<u8>> }
}

/// Opens every sealed value of the log in force and holds it against its entry. Gives how many opened, and the first thing
/// that is not right.
///
/// # Errors
/// When a database fails on the way.
pub async fn walk(db: &Db) -> Result<(u64, Option<String>), Fault> {
    let (log, _) = db.log();
    let (mut opened, mut erased) = (0, HashMap::new());
    let first = db.pruned_below(log).await?;
    let mut rows = db.query(ALL).bind(log).bind(first).stream::<Row>().context("read the sealed values")?;
    while let Some(row) = rows.try_next().await.context("read the sealed values")? {
        // What is no body at all, the walk over the entries tells.
        let Ok(body) = serde_json::from_slice::<Value>(&row.body) else { continue };
        let committed = commitments(&body);
        for (part, sealed) in PARTS.into_iter().zip([&row.actor_sealed, &row.subject_sealed]) {
            let mine: Vec<&Committed> = committed.iter().filter(|c| c.part == part).collect();
            if mine.is_empty() && sealed.is_none() {
                continue;
            }
            let subject = subject_of(&body, part);
            let gone = is_erased(db, &mut erased, subject).await?;
            let found = match sealed {
                None => None,
                Some(sealed) => match open_part(db, &row.id, part, sealed).await {
                    Ok(found) => Some(found),
                    Err(OpenError::Fault(fault)) => return Err(fault),
                    Err(OpenError::Erased) if gone => None,
                    Err(error) => return Ok((opened, Some(format!("entry {}: {error}, and no entry says that it was erased", row.seq)))),
                },
            };
            let wrong = match (found, gone) {
                (None, true) => None,
                (None, false) => Some("a sealed value is missing, and no entry says that it was erased".to_owned()),
                (Some(_), true) => Some("a value can be opened though its subject was erased: the keys' database is an old one".to_owned()),
                (Some(found), false) => {
                    opened += found.len() as u64;
                    unfit(&found, &mine).or_else(|| (part == PARTS[0]).then(|| of_address(db, &found, row.address_ix.as_deref())).flatten())
                }
            };
            if let Some(wrong) = wrong {
                return Ok((opened, Some(format!("entry {}: {wrong}", row.seq))));
            }
        }
    }
    Ok((opened, None))
}

fn unfit(found: &BTreeMap<String, Keyed>, committed: &[&Committed]) -> Option<String> {
    let wrong = committed.iter().find(|c| found.get(&c.name).is_none_or(|held| !held.fits(&c.name, &c.c)));
    wrong.map(|c| format!("the sealed value `{}` is not the one that the entry committed to", c.name))
}

/// The column that searches by address, held against the address itself.
fn of_address(db: &Db, found: &BTreeMap<String, Keyed>, column: Option<&str>) -> Option<String> {
    let made = found.get("net.ip").map(|held| db.vault().blind(ADDRESS_INDEX, &held.value));
    (made.as_deref() != column).then(|| "the column `address_ix` is not that of the entry's address; searches by it mislead".to_owned())
}

/// Was `subject` erased? Asked once for each.
async fn is_erased(db: &Db, known: &mut HashMap<String, bool>, subject: Option<&str>) -> Result<bool, Fault> {
    const KNOWN_MAX: usize = 100_000;
    let Some(subject) = subject else { return Ok(false) };
    if let Some(gone) = known.get(subject) {
        return Ok(*gone);
    }
    let gone = db.erased(subject).await?.is_some();
    if known.len() >= KNOWN_MAX {
        known.clear();
    }
    known.insert(subject.to_owned(), gone);
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAF: &str = r#"{"actor":{"id":"usr_1","name_c":"A","type":"person"},"change":[{"after_c":"C","before_c":"B","f":"email"}],"net":{"ip_c":"D"},"payload":[{"c":"E","len":1,"name":"purpose"}],"resource":{"label_c":"F","type":"x"},"subject":"usr_2"}"#;

    #[test]
    fn every_commitment_of_a_leaf_is_a_sealed_value() {
        let leaf: Value = serde_json::from_str(LEAF).expect("JSON");
        let names: Vec<String> = commitments(&leaf).into_iter().map(|s| format!("{} {}={}", s.part, s.name, s.c)).collect();
        let all = [
            "actor actor.name=A",
            "subject change.email.before=B",
            "subject change.email.after=C",
            "actor net.ip=D",
            "subject purpose=E",
            "subject resource.label=F",
        ];
        assert_eq!(names, all);
        assert!(commitments(&Value::Null).is_empty());
        assert_eq!((subject_of(&leaf, "actor"), subject_of(&leaf, "subject")), (Some("usr_1"), Some("usr_2")));
        let bare: Value = serde_json::from_str(r#"{"actor":{"id":"usr_1"}}"#).expect("JSON");
        assert_eq!((subject_of(&bare, "subject"), subject_of(&Value::Null, "subject")), (Some("usr_1"), None));
    }
}
