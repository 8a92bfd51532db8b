//! What happened to an objective, as the trail has it: acts on it alone, on its requirement, and on many at once.

use serde_json::Value;

use super::{Error, sql};
use crate::core::clock::Micros;
use crate::core::id::AssessmentId;
use crate::db::Db;

/// Entries that are shown.
pub const SHOWN_MAX: usize = 50;
/// Entries of one object that are read.
const READ_MAX: i64 = 200;

crate::row! {
    struct Row { seq: i64, at: i64, action: String, body: Vec<u8>, by_whom: Option<String> }
}

/// One act.
#[derive(Clone, Debug)]
pub struct Act {
    /// Its place in the log.
    pub seq: i64,
    /// When.
    pub at: Micros,
    /// Which.
    pub action: String,
    /// Who; none when it was not a person.
    pub by_whom: Option<String>,
    /// What it became: the open facts of the entry that say so.
    pub facts: Vec<(String, String)>,
}

/// Open facts of an entry that are worth showing.
const FACTS: [&str; 9] = ["stage", "finding", "owner", "due_on", "method", "evidence", "record", "held_on", "partial"];

/// The newest acts on an objective; read from the entries themselves.
///
/// # Errors
/// When the database fails.
pub async fn of(db: &Db, assessment: &AssessmentId, requirement: &str, objective: &str) -> Result<Vec<Act>, Error> {
    let log = db.log().0;
    let mut objects = vec![format!("{assessment}/{objective}")];
    if requirement != objective {
        objects.push(format!("{assessment}/{requirement}"));
    }
    objects.push(assessment.to_string());
    let mut out = Vec::new();
    for object in objects {
        let is_whole = object == assessment.as_str();
        let rows: Vec<Row> = db.query(sql::HISTORY).bind(&object).bind(log).bind(READ_MAX).all().await?;
        for row in rows {
            let data = serde_json::from_slice::<Value>(&row.body).map(|mut b| b["data"].take()).unwrap_or(Value::Null);
            let concerns = data["objectives"].as_array().is_some_and(|o| o.iter().any(|o| o == objective));
            if is_whole && !concerns {
                continue;
            }
            let set = data["set"].as_array().and_then(|set| set.iter().filter_map(Value::as_str).find(|s| s.split(' ').next() == Some(objective)));
            let mut facts: Vec<(String, String)> = FACTS.iter().filter_map(|name| data[*name].as_str().map(|v| ((*name).to_owned(), v.to_owned()))).collect();
            let words = ["stage", "finding"].into_iter().zip(set.into_iter().flat_map(|s| s.split(' ').skip(1)));
            facts.extend(words.map(|(name, value)| (name.to_owned(), value.to_owned())));
            out.push(Act { seq: row.seq, at: row.at, action: row.action, by_whom: row.by_whom, facts });
        }
    }
    out.sort_unstable_by_key(|act| -act.seq);
    out.truncate(SHOWN_MAX);
    Ok(out)
}
