//! The evidence bundle: one ZIP of the verifiable folder, the log's key and policy, and for every sealed value either the value
//! with the key of its commitment or that it is withheld. Withholding breaks nothing: the leaf holds the commitment alone.
//! Must stay true: what is opened is only what the exporter was permitted to open, and each opened value fits its leaf.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::stream::{StreamExt as _, try_unfold};
use serde_json::{Value, json};

use super::export::{Export, Piece};
use super::filter::Filter;
use super::read::{self, Keyed};
use super::rows::{Chunks, batches, broke_off};
use super::{Error, sql};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::EventId;
use crate::core::zip::Zip;
use crate::db::Db;
use crate::db::integrity::LinkRow;
use crate::db::sealed::{Committed, commitments};

/// Entries whose values one bundle opens at most: more is to be narrowed by a filter.
pub const OPENED_MAX: usize = 10_000;
/// The folder in the archive.
const FOLDER: &str = "audit-evidence";

/// The entries whose values are opened, and how many values that are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// Places of entries that hold a value, or held one that was erased.
    pub seqs: BTreeSet<i64>,
    /// Values that open.
    pub values: i64,
}

/// Looks which values the filter would open; none when there are more than [`OPENED_MAX`] entries.
///
/// # Errors
/// When the database fails.
pub async fn opening(db: &Db, filter: &Filter, size: u64) -> Result<Option<Opening>, Error> {
    let now = EventId::new(db.clock(), db.rng());
    let mut found = Opening::default();
    let mut rows = batches(db.clone(), filter.clone(), now);
    while let Some(batch) = rows.next().await {
        for row in batch?.1.iter().filter(|row| u64::try_from(row.seq).is_ok_and(|seq| seq < size)) {
            let keyed = row.keyed(db).await?;
            let fits = values(&row.leaf()?).iter().filter(|sealed| told(sealed, &keyed)["value"].is_string()).count();
            // Of what was erased the bundle says so, where it would be opened.
            if fits > 0 || !keyed.1.is_empty() {
                found.seqs.insert(row.seq);
                found.values += i64::try_from(fits).context("count values")?;
            }
        }
        if found.seqs.len() > OPENED_MAX {
            return Ok(None);
        }
    }
    Ok(Some(found))
}

/// The sealed values of an entry as far as they may be opened, and the parts of it that were erased.
type Values = (BTreeMap<String, Keyed>, Vec<&'static str>);

/// The sealed values of a leaf, in the order of its keys.
fn values(leaf: &[u8]) -> Vec<Committed> {
    commitments(&serde_json::from_slice(leaf).unwrap_or_default())
}

/// What is said of one sealed value: value and key of the commitment when they fit the leaf, or why they are not here.
fn told(sealed: &Committed, (keyed, erased): &Values) -> Value {
    match keyed.get(&sealed.name).filter(|held| held.fits(&sealed.name, &sealed.c)) {
        Some(held) => json!({ "name": sealed.name, "key": held.key, "value": held.value }),
        None => json!({ "name": sealed.name, "withheld": if erased.contains(&sealed.part) { "erased" } else { "altered" } }),
    }
}

/// Lines about the sealed values of one entry; `keyed` only where they are to be opened.
fn lines(seq: i64, leaf: &[u8], keyed: Option<&Values>) -> String {
    let mut out = String::new();
    for sealed in values(leaf) {
        let mut line = keyed.map_or_else(|| json!({ "name": sealed.name, "withheld": "not opened" }), |keyed| told(&sealed, keyed));
        line["seq"] = seq.into();
        out.push_str(&line.to_string());
        out.push('\n');
    }
    out
}

/// What lies beside the verifiable folder.
#[derive(Clone, Debug)]
pub struct Beside {
    /// How to verify, for people.
    pub readme: String,
    /// The log's key, as a verifier takes it.
    pub vkey: String,
    /// The policy file of C2SP tlog-policy.
    pub policy: String,
}

/// What comes next in the archive.
enum Part {
    Beside(&'static str, String),
    Piece(Piece),
    /// Begins the file of sealed values.
    Begin,
    /// The sealed values of these entries.
    Values(i64, i64),
    EndValues,
    End,
}

struct At {
    db: Db,
    export: Export,
    opening: Opening,
    zip: Zip,
    parts: Box<dyn Iterator<Item = Part> + Send>,
}

/// The archive, in parts.
pub fn stream(db: Db, export: Export, opening: Opening, beside: Beside) -> Chunks {
    let size = i64::try_from(export.size).unwrap_or(i64::MAX);
    let files = [("README.txt", beside.readme), ("vkey", beside.vkey), ("policy", beside.policy)];
    let parts = files.into_iter().map(|(name, text)| Part::Beside(name, text)).chain(export.pieces().map(Part::Piece));
    let values = (export.pruned..size).step_by(256).map(move |first| Part::Values(first, size.min(first + 256)));
    let parts = parts.chain([Part::Begin]).chain(values).chain([Part::EndValues, Part::End]);
    let at = At { db, export, opening, zip: Zip::default(), parts: Box::new(parts) };
    try_unfold(at, |mut at| async move {
        let Some(part) = at.parts.next() else { return Ok(None) };
        let bytes = at.write(part).await.inspect_err(broke_off)?;
        Ok(Some((Bytes::from(bytes), at)))
    })
    .boxed()
}

impl At {
    async fn write(&mut self, part: Part) -> Result<Vec<u8>, Error> {
        Ok(match part {
            Part::Beside(name, text) => self.zip.file(&format!("{FOLDER}/{name}"), text.as_bytes()),
            Part::Piece(piece) => {
                let (path, bytes) = self.export.piece(&self.db, piece).await?;
                self.zip.file(&format!("{FOLDER}/{path}"), &bytes)
            }
            Part::Begin => self.zip.begin(&format!("{FOLDER}/payloads.jsonl")),
            Part::Values(first, end) => {
                let text = self.values(first, end).await?;
                self.zip.part(text.as_bytes());
                text.into_bytes()
            }
            Part::EndValues => self.zip.end_file(),
            Part::End => std::mem::take(&mut self.zip).end(),
        })
    }

    async fn values(&mut self, first: i64, end: i64) -> Result<String, Error> {
        let rows: Vec<LinkRow> = self.db.query(sql::LINKS).bind(self.export.log).bind(first).bind(end).all().await?;
        if i64::try_from(rows.len()) != Ok(end - first) {
            return Err(Fault::new(format!("entries {first} to {end} of log {} are not all there", self.export.log)).into());
        }
        let mut out = String::new();
        for row in rows {
            let keyed =
                if self.opening.seqs.contains(&row.seq) { Some(read::entry(&self.db, self.export.log, row.seq).await?.keyed(&self.db).await?) } else { None };
            out.push_str(&lines(row.seq, &row.leaf()?, keyed.as_ref()));
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use countersign_audit::write::commitment::commit;

    use super::*;

    #[test]
    fn a_value_that_does_not_fit_its_leaf_is_withheld() {
        let key = STANDARD.encode([7; 32]);
        let fits = STANDARD.encode(commit(&[7; 32], "net.ip", b"192.0.2.7"));
        let leaf = format!(r#"{{"net":{{"ip_c":"{fits}"}}}}"#);
        let keyed = |value: &str, key: &str| (BTreeMap::from([("net.ip".to_owned(), Keyed { key: key.to_owned(), value: value.to_owned() })]), Vec::new());
        let said = |keyed: Option<&Values>| lines(3, leaf.as_bytes(), keyed);
        assert!(said(Some(&keyed("192.0.2.7", &key))).contains(r#""value":"192.0.2.7""#));
        assert!(said(Some(&keyed("192.0.2.8", &key))).contains(r#""withheld":"altered""#));
        assert!(said(Some(&keyed("192.0.2.7", "x"))).contains(r#""withheld":"altered""#));
        assert!(said(Some(&(BTreeMap::new(), vec!["actor"]))).contains(r#""withheld":"erased""#));
        assert!(said(Some(&(BTreeMap::new(), vec!["subject"]))).contains(r#""withheld":"altered""#), "nobody says that it was erased");
        assert_eq!(said(None), "{\"name\":\"net.ip\",\"seq\":3,\"withheld\":\"not opened\"}\n");
        assert!(said(None).contains(r#""withheld":"not opened""#));
    }
}
