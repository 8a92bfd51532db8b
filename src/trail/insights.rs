//! What of the last seven days deserves a look: it may be nothing, and the page says so.
//! Must stay true: each kind reads a bounded number of entries by an index, and judges by what their leaves say.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::review::InRange;
use super::{Error, sql};
use crate::core::clock::{DAY, MINUTE, Micros};
use crate::core::id::{EventId, PersonId};
use crate::db::Db;
use crate::db::projection::Said;
use crate::identity;
use crate::policy::Role;

/// How far back is looked.
pub const WINDOW: Micros = 7 * DAY;
/// Entries of one kind that are read.
const READ_MAX: i64 = 2000;
/// Findings of one kind.
const FOUND_MAX: usize = 20;
/// Administrators whose addresses are looked at, and their sign-ins in the window.
const ADMINS_MAX: usize = 50;
const SIGN_INS_MAX: i64 = 20;
/// Acts that come so close after each other belong together.
const BURST_GAP: Micros = 10 * MINUTE;
/// Failed sign-ins of a burst, and refusals of one actor.
const FAILURES_MIN: usize = 5;
const DENIALS_MIN: usize = 10;
/// Hours in which exporting surprises nobody.
const WORKING_HOURS: std::ops::Range<i8> = 6..20;
/// What takes data out of the house.
const EXPORTS: [&str; 3] = ["trail.export", "keys.export", "backup.create"];

/// Something that deserves a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `failures`, `exports`, `addresses`, `roles` or `denials`.
    pub kind: &'static str,
    /// When it began.
    pub at: Micros,
    /// When it ended.
    pub until: Micros,
    /// Acts.
    pub count: usize,
    /// Whose, or to whom: an id, or the kind of an actor without one.
    pub who: Option<String>,
    /// The place of the only entry it is about.
    pub seq: Option<i64>,
}

/// Everything found, by kind, newest first.
///
/// # Errors
/// When the database fails.
pub async fn insights(db: &Db, house_zone: &str) -> Result<Vec<Finding>, Error> {
    let since = db.clock().now() - WINDOW;
    let mut out = failures(db, since).await?;
    out.extend(exports(db, since, house_zone).await?);
    out.extend(addresses(db, since).await?);
    out.extend(roles(db, since).await?);
    out.extend(denials(db, since).await?);
    Ok(out)
}

/// One entry with what it says.
struct Told {
    seq: i64,
    at: Micros,
    said: Said,
}

async fn recent(db: &Db, statement: &'static str, value: &str, since: Micros) -> Result<Vec<Told>, Error> {
    let after = super::filter::first_id("evt", since);
    let rows: Vec<InRange> = db.query(statement).bind(db.log().0).bind(value).bind(after).bind(READ_MAX).all().await?;
    Ok(rows.into_iter().filter_map(|row| Said::of(&row.row.body).map(|said| Told { seq: row.row.seq, at: said.at().unwrap_or(0), said })).collect())
}

/// Runs of acts by the same key, each soon after the one before; those of at least `least`, newest first.
fn bursts(acts: impl Iterator<Item = (String, Micros)>, least: usize) -> Vec<(String, Micros, Micros, usize)> {
    let mut by_key = BTreeMap::<String, Vec<Micros>>::new();
    for (key, at) in acts {
        by_key.entry(key).or_default().push(at);
    }
    let mut out = Vec::new();
    for (key, mut times) in by_key {
        times.sort_unstable();
        for run in times.chunk_by(|a, b| b - a <= BURST_GAP).filter(|run| run.len() >= least) {
            out.push((key.clone(), run[0], run[run.len() - 1], run.len()));
        }
    }
    out.sort_unstable_by_key(|(_, at, _, _)| -at);
    out.truncate(FOUND_MAX);
    out
}

async fn failures(db: &Db, since: Micros) -> Result<Vec<Finding>, Error> {
    let mut failed = Vec::new();
    for action in ["session.login", "session.totp"] {
        let told = recent(db, sql::RECENT_OF_ACTION, action, since).await?;
        failed.extend(told.into_iter().filter(|t| t.said.action == action && t.said.outcome == "failed").map(|t| (String::new(), t.at)));
    }
    let found = bursts(failed.into_iter(), FAILURES_MIN).into_iter();
    Ok(found.map(|(_, at, until, count)| Finding { kind: "failures", at, until, count, who: None, seq: None }).collect())
}

async fn denials(db: &Db, since: Micros) -> Result<Vec<Finding>, Error> {
    let told = recent(db, sql::RECENT_OF_OUTCOME, "denied", since).await?;
    let denied = told.into_iter().filter(|t| t.said.outcome == "denied").map(|t| (t.said.actor.id.unwrap_or(t.said.actor.kind), t.at));
    let found = bursts(denied, DENIALS_MIN).into_iter();
    Ok(found.map(|(who, at, until, count)| Finding { kind: "denials", at, until, count, who: Some(who), seq: None }).collect())
}

async fn roles(db: &Db, since: Micros) -> Result<Vec<Finding>, Error> {
    let told = recent(db, sql::RECENT_OF_ACTION, "person.grant", since).await?.into_iter();
    let granted = told.filter(|t| t.said.action == "person.grant" && t.said.outcome == "ok").take(FOUND_MAX);
    Ok(granted.map(|t| Finding { kind: "roles", at: t.at, until: t.at, count: 1, who: t.said.resource.id, seq: Some(t.seq) }).collect())
}

async fn exports(db: &Db, since: Micros, house_zone: &str) -> Result<Vec<Finding>, Error> {
    let mut out = Vec::new();
    let mut zones = BTreeMap::<String, String>::new();
    for action in EXPORTS {
        for told in recent(db, sql::RECENT_OF_ACTION, action, since).await? {
            if told.said.action != action || told.said.outcome != "ok" {
                continue;
            }
            let zone = match &told.said.actor.id {
                Some(id) if zones.contains_key(id) => zones[id].clone(),
                Some(id) => {
                    let zone = zone_of(db, id).await?.unwrap_or_else(|| house_zone.to_owned());
                    zones.insert(id.clone(), zone.clone());
                    zone
                }
                None => house_zone.to_owned(),
            };
            if !is_working_hour(told.at, &zone) {
                out.push(Finding {
                    kind: "exports",
                    at: told.at,
                    until: told.at,
                    count: 1,
                    who: told.said.actor.id.or(Some(told.said.actor.kind)),
                    seq: Some(told.seq),
                });
            }
        }
    }
    out.sort_unstable_by_key(|f| -f.at);
    out.truncate(FOUND_MAX);
    Ok(out)
}

async fn zone_of(db: &Db, id: &str) -> Result<Option<String>, Error> {
    let Ok(id) = id.parse::<PersonId>() else { return Ok(None) };
    Ok(identity::by_id(db, &id).await?.map(|p| p.time_zone))
}

fn is_working_hour(at: Micros, zone: &str) -> bool {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    Timestamp::from_microsecond(at).is_ok_and(|t| WORKING_HOURS.contains(&t.to_zoned(zone).hour()))
}

crate::row! {
    struct SignInRow { id: EventId, seq: i64, at: i64, address_ix: String }
}

/// Sign-ins of administrators from an address that none of their earlier ones came from; who signed in for the first time
/// has nothing to be held against.
async fn addresses(db: &Db, since: Micros) -> Result<Vec<Finding>, Error> {
    let after = super::filter::first_id("evt", since);
    let mut out = Vec::new();
    for admin in identity::holders(db, Role::Admin).await?.into_iter().take(ADMINS_MAX) {
        let sign_ins: Vec<SignInRow> = db.query(sql::SIGN_INS_OF).bind(db.log().0).bind(&admin).bind(&after).bind(SIGN_INS_MAX).all().await?;
        for sign_in in sign_ins {
            let (earlier, alike): (i64, i64) = db.query(sql::EARLIER_SIGN_INS).bind(&admin).bind(&sign_in.id).bind(sign_in.address_ix).one().await?;
            if earlier > 0 && alike == 0 {
                out.push(Finding { kind: "addresses", at: sign_in.at, until: sign_in.at, count: 1, who: Some(admin.to_string()), seq: Some(sign_in.seq) });
            }
        }
    }
    out.sort_unstable_by_key(|f| -f.at);
    out.truncate(FOUND_MAX);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::clock::HOUR;

    #[test]
    fn a_burst_is_acts_soon_after_each_other_by_one_key() {
        let act = |key: &str, minute: i64| (key.to_owned(), minute * MINUTE);
        let acts = [act("a", 0), act("a", 10), act("a", 21), act("b", 1), act("b", 2), act("b", 3), act("a", 22), act("a", 23)];
        assert_eq!(bursts(acts.clone().into_iter(), 3), [("a".into(), 21 * MINUTE, 23 * MINUTE, 3), ("b".into(), MINUTE, 3 * MINUTE, 3)]);
        assert!(bursts(acts.into_iter(), 4).is_empty());
        let many = (0..200).flat_map(|n| (0..5).map(move |m| (format!("k{n}"), n * HOUR + m)));
        assert_eq!(bursts(many, 5).len(), FOUND_MAX);
    }

    #[test]
    fn working_hours_are_those_of_the_actors_zone() {
        let three_utc = 3 * HOUR;
        assert!(!is_working_hour(three_utc, "UTC") && is_working_hour(three_utc, "Asia/Tokyo"));
        assert!(is_working_hour(6 * HOUR, "UTC") && is_working_hour(20 * HOUR - 1, "UTC") && !is_working_hour(20 * HOUR, "UTC"));
    }
}
