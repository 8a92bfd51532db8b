//! The filters of the trail: what a person typed, what it means, and the statement that asks for it.
//! Must stay true: what a person typed is only ever bound, never part of a statement's text.

use std::net::IpAddr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::sql;
use super::statement::Statement;
use crate::core::clock::{MINUTE, Micros};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{EventId, PersonId, RequestId};
use crate::core::text::Username;
use crate::db::Db;
use crate::db::projection::Said;
use crate::http::Fields;

/// Characters of one filter at most.
const FILTER_CHARS_MAX: usize = 200;
/// An event's id may be this much older than its time: the id is made before the work, the time after it.
const ID_SLACK: Micros = 10 * MINUTE;
/// So few places are read one by one in the order of the chain, whatever else is asked for.
const PLACES_READ_MAX: i64 = 5_000;
/// Names of the parameters, in the order they are shown.
pub const NAMES: [&str; 11] = ["actor", "action", "object", "outcome", "address", "request", "first", "last", "from", "to", "log"];
/// Outcomes as people see them and as entries hold them.
pub const OUTCOMES: [(&str, &str); 5] = [("done", "ok"), ("denied", "denied"), ("failed", "failed"), ("error", "error"), ("unknown", "unknown")];
/// Actors without an id that can be asked for by the name of their kind.
const KINDS: [&str; 3] = ["stranger", "console", "system"];

/// Filters as given; empty when absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Raw {
    /// User name or id.
    pub actor: String,
    /// Act.
    pub action: String,
    /// Object's id.
    pub object: String,
    /// Outcome.
    pub outcome: String,
    /// Client address.
    pub address: String,
    /// The request's id.
    pub request: String,
    /// First place.
    pub first: String,
    /// Last place.
    pub last: String,
    /// First day.
    pub from: String,
    /// Last day.
    pub to: String,
    /// Number of an earlier log.
    pub log: String,
}

impl Raw {
    /// Takes the filters out of a form or a query.
    ///
    /// # Errors
    /// 400 when one is there twice.
    pub fn take(fields: &mut Fields) -> Result<Self, crate::http::Error> {
        let mut raw = Self::default();
        for name in NAMES {
            if let Some(value) = fields.optional(name)? {
                value.trim().clone_into(raw.slot(name));
            }
        }
        // The word of entries means the same as the word people see.
        if let Some((shown, _)) = OUTCOMES.iter().find(|(_, held)| *held == raw.outcome) {
            (*shown).clone_into(&mut raw.outcome);
        }
        Ok(raw)
    }

    fn slot(&mut self, name: &str) -> &mut String {
        match name {
            "actor" => &mut self.actor,
            "action" => &mut self.action,
            "object" => &mut self.object,
            "outcome" => &mut self.outcome,
            "address" => &mut self.address,
            "request" => &mut self.request,
            "first" => &mut self.first,
            "last" => &mut self.last,
            "from" => &mut self.from,
            "to" => &mut self.to,
            _ => &mut self.log,
        }
    }

    /// The filters in use.
    #[must_use]
    pub fn used(&self) -> Vec<(&'static str, &str)> {
        let what = [&self.actor, &self.action, &self.object, &self.outcome, &self.address, &self.request];
        let values = what.into_iter().chain([&self.first, &self.last, &self.from, &self.to, &self.log]);
        NAMES.into_iter().zip(values).filter(|(_, v)| !v.is_empty()).map(|(n, v)| (n, v.as_str())).collect()
    }

    /// The filters in use as a query, one of them left out and another parameter put behind.
    #[must_use]
    pub fn query(&self, without: &str, and: Option<(&str, &str)>) -> String {
        let pairs: Vec<(&str, &str)> = self.used().into_iter().filter(|(name, _)| *name != without).chain(and).collect();
        serde_urlencoded::to_string(pairs).unwrap_or_default()
    }
}

/// Who acted, as asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ByActor {
    Person(String),
    Kind(&'static str),
}

/// Filters as understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The log that is read.
    pub log: i64,
    actor: Option<ByActor>,
    action: Option<String>,
    object: Option<String>,
    outcome: Option<&'static str>,
    address: Option<IpAddr>,
    request: Option<String>,
    first: Option<Place>,
    last: Option<Place>,
    from: Option<Micros>,
    to: Option<Micros>,
    /// Entries before this place were pruned.
    floor: Option<Place>,
}

/// A place in the log, and the instant around which the id of its event was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    seq: i64,
    at: Micros,
}

/// Why filters were not understood.
#[derive(Debug)]
pub enum Misread {
    /// The key of the sentence that says why, and the parameter.
    Says(&'static str, &'static str),
    /// Something inside.
    Fault(Fault),
}

impl Filter {
    /// Everything of log `log`.
    #[must_use]
    pub fn all(log: i64) -> Self {
        Self {
            log,
            actor: None,
            action: None,
            object: None,
            outcome: None,
            address: None,
            request: None,
            first: None,
            last: None,
            from: None,
            to: None,
            floor: None,
        }
    }

    /// Understands what was typed; days are those of `zone`, `acts` the acts there are.
    ///
    /// # Errors
    /// [`Misread`].
    pub async fn read(db: &Db, raw: &Raw, zone: &str, acts: &[&str]) -> Result<Self, Misread> {
        let mut filter = Self::understand(raw, zone, acts, db.log().0)?;
        if !raw.actor.is_empty() {
            filter.actor = Some(find_actor(db, &raw.actor).await.map_err(Misread::Fault)?);
        }
        let pruned = db.pruned_below(filter.log).await.map_err(Misread::Fault)?;
        filter.floor = (pruned > 0).then_some(Place { seq: pruned, at: 0 });
        for place in [&mut filter.first, &mut filter.last, &mut filter.floor].into_iter().flatten() {
            place.at = instant_of(db, filter.log, place.seq).await.map_err(Misread::Fault)?;
        }
        Ok(filter)
    }

    fn understand(raw: &Raw, zone: &str, acts: &[&str], newest_log: i64) -> Result<Self, Misread> {
        let unknown = |name: &'static str| Misread::Says("error-filter-unknown", name);
        if let Some((name, _)) = raw.used().into_iter().find(|(_, v)| v.chars().count() > FILTER_CHARS_MAX || v.contains('\0')) {
            return Err(unknown(name));
        }
        let mut filter = Self::all(newest_log);
        if !raw.log.is_empty() {
            filter.log = raw.log.parse().ok().filter(|n| (1..=newest_log).contains(n)).ok_or_else(|| unknown("log"))?;
        }
        if !raw.action.is_empty() {
            filter.action = Some(acts.iter().find(|a| **a == raw.action).map(|a| (*a).to_owned()).ok_or_else(|| unknown("action"))?);
        }
        filter.object = Some(raw.object.clone()).filter(|o| !o.is_empty());
        if !raw.outcome.is_empty() {
            filter.outcome = Some(OUTCOMES.iter().find(|(shown, _)| *shown == raw.outcome).map(|(_, held)| *held).ok_or_else(|| unknown("outcome"))?);
        }
        if !raw.address.is_empty() {
            let address: IpAddr = raw.address.parse().map_err(|_| Misread::Says("error-filter-address", "address"))?;
            filter.address = Some(address.to_canonical());
        }
        if !raw.request.is_empty() {
            filter.request = Some(raw.request.parse::<RequestId>().map_err(|_| unknown("request"))?.to_string());
        }
        filter.first = place(&raw.first).map_err(|()| Misread::Says("error-filter-place", "first"))?;
        filter.last = place(&raw.last).map_err(|()| Misread::Says("error-filter-place", "last"))?;
        if filter.first.zip(filter.last).is_some_and(|(first, last)| first.seq > last.seq) {
            return Err(Misread::Says("error-filter-place", "first"));
        }
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let day = |text: &str, name: &'static str, after: bool| match start_of_day(text, &zone, after) {
            _ if text.is_empty() => Ok(None),
            Some(at) => Ok(Some(at)),
            None => Err(Misread::Says("error-filter-date", name)),
        };
        filter.from = day(&raw.from, "from", false)?;
        filter.to = day(&raw.to, "to", true)?;
        if filter.from.zip(filter.to).is_some_and(|(from, to)| from >= to) {
            return Err(Misread::Says("error-filter-order", "from"));
        }
        Ok(filter)
    }

    /// The first and the last place, when both are named.
    #[must_use]
    pub fn range(&self) -> Option<(i64, i64)> {
        self.first.zip(self.last).map(|(first, last)| (first.seq, last.seq))
    }

    /// The blind index of the address asked for.
    #[must_use]
    pub fn blind_address(&self, db: &Db) -> Option<String> {
        self.address.map(|a| db.vault().blind(crate::db::ADDRESS_INDEX, &a.to_string()))
    }

    /// Does an entry fit, by what its leaf says? Its place is not asked for; of the address the leaf tells nothing, so that its
    /// index is compared with `wanted`.
    #[must_use]
    pub fn fits(&self, said: &Said, address_ix: Option<&str>, wanted: Option<&str>) -> bool {
        let by_actor = self.actor.as_ref().is_none_or(|actor| match actor {
            ByActor::Person(id) => said.actor.id.as_ref() == Some(id),
            ByActor::Kind(kind) => said.actor.id.is_none() && said.actor.kind == *kind,
        });
        let at = said.at();
        by_actor
            && self.action.as_ref().is_none_or(|action| *action == said.action)
            && self.object.as_ref().is_none_or(|object| said.resource.id.as_ref() == Some(object))
            && self.outcome.is_none_or(|outcome| outcome == said.outcome)
            && self.request.as_ref().is_none_or(|request| said.request_id.as_ref() == Some(request))
            && (self.address.is_none() || (address_ix.is_some() && address_ix == wanted))
            && self.from.is_none_or(|from| at.is_some_and(|at| at >= from))
            && self.to.is_none_or(|to| at.is_some_and(|at| at < to))
    }

    /// Are these entries read in the order of the chain? Then their number is bounded, or nothing but their places is asked for.
    /// Otherwise ids give the order: an id tells its place within minutes only, in which a busy server makes many entries.
    #[must_use]
    pub(super) fn is_by_place(&self) -> bool {
        let first = self.first.into_iter().chain(self.floor).map(|p| p.seq).max();
        let narrow = self.last.is_some_and(|last| last.seq.saturating_sub(first.unwrap_or(0)) < PLACES_READ_MAX);
        let days = self.from.is_some() || self.to.is_some();
        narrow || ((self.first.is_some() || self.last.is_some()) && !days && self.values(None).all(|(.., value)| value.is_none()))
    }

    /// Each filter by a column: the fragment that its index serves, the one without, the value. The most selective first.
    fn values(&self, address: Option<String>) -> impl Iterator<Item = (&'static str, &'static str, Option<String>)> {
        let (actor, also_actor) = match self.actor {
            Some(ByActor::Kind(_)) => (sql::BY_KIND, sql::ALSO_BY_KIND),
            Some(ByActor::Person(_)) | None => (sql::BY_ACTOR, sql::ALSO_BY_ACTOR),
        };
        let who = self.actor.as_ref().map(|a| match a {
            ByActor::Person(id) => id.clone(),
            ByActor::Kind(kind) => (*kind).to_owned(),
        });
        [
            (sql::BY_REQUEST, sql::BY_REQUEST, self.request.clone()),
            (sql::ON_OBJECT, sql::ALSO_ON_OBJECT, self.object.clone()),
            (sql::FROM_ADDRESS, sql::ALSO_FROM_ADDRESS, address.or_else(|| self.address.map(|a| a.to_string()))),
            (actor, also_actor, who),
            (sql::BY_ACTION, sql::ALSO_BY_ACTION, self.action.clone()),
            (sql::ENDED, sql::ALSO_ENDED, self.outcome.map(str::to_owned)),
        ]
        .into_iter()
    }

    /// The statement that asks for these entries, without order and limit.
    pub(super) fn statement(&self, db: &Db) -> Statement {
        let by_place = self.is_by_place();
        let mut out = Statement::new(if by_place { sql::ROWS_BY_PLACE } else { sql::ROWS }).int(sql::OF_LOG, self.log);
        // The first one's index serves, the others only filter.
        let mut served = by_place;
        for (first, also, value) in self.values(self.blind_address(db)) {
            if let Some(value) = value {
                out = out.text(if served { also } else { first }, value);
                served = true;
            }
        }
        let first = self.first.into_iter().chain(self.floor).max_by_key(|p| p.seq);
        if let Some(first) = first {
            out = out.int(sql::FROM_PLACE, first.seq);
        }
        if let Some(last) = self.last {
            out = out.int(sql::TO_PLACE, last.seq);
        }
        if let Some(from) = self.from {
            out = out.int(sql::SINCE, from);
        }
        if let Some(to) = self.to {
            out = out.int(sql::UNTIL, to);
        }
        if by_place {
            return out;
        }
        // Ids carry their time, so that the index of the order serves places and days too; the places and times themselves
        // decide. One bound on each side, since the index serves no more.
        if let Some(above) = first.map(|p| p.at).into_iter().chain(self.from).max() {
            out = out.text(sql::ID_ABOVE, first_id("evt", above - ID_SLACK));
        }
        if let Some(below) = self.last.map(|p| p.at).into_iter().chain(self.to).min() {
            out = out.text(sql::ID_BELOW, first_id("evt", below + ID_SLACK));
        }
        out
    }
}

async fn find_actor(db: &Db, text: &str) -> Result<ByActor, Fault> {
    if text.parse::<PersonId>().is_ok() {
        return Ok(ByActor::Person(text.to_owned()));
    }
    if let Ok(name) = Username::parse(text)
        && let Some(person) = crate::identity::by_username(db, &name).await?
    {
        return Ok(ByActor::Person(person.id.to_string()));
    }
    let kind = KINDS.into_iter().find(|k| *k == text);
    // Nobody has the empty id.
    Ok(kind.map_or_else(|| ByActor::Person(String::new()), ByActor::Kind))
}

/// A place as typed; none when nothing was.
fn place(text: &str) -> Result<Option<Place>, ()> {
    if text.is_empty() {
        return Ok(None);
    }
    let is_plain = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain).map(|seq| Some(Place { seq, at: 0 })).ok_or(())
}

/// When the id of the event at a place was made; beyond the end of the log that is now.
async fn instant_of(db: &Db, log: i64, seq: i64) -> Result<Micros, Fault> {
    let found: Option<(EventId,)> = db.query(sql::AT_PLACE).bind(log).bind(seq).optional().await.context("find the event at a place")?;
    Ok(found.map_or_else(|| db.clock().now(), |(id,)| minted_at(&id)))
}

/// When an id was made.
fn minted_at(id: &EventId) -> Micros {
    let hex = id.as_str().get(EventId::PREFIX.len() + 1..).and_then(|digits| digits.get(..12)).unwrap_or_default();
    i64::from_str_radix(hex, 16).unwrap_or(0) * 1000
}

/// The first instant of a `YYYY-MM-DD` in `zone`, or of the day after it.
fn start_of_day(text: &str, zone: &TimeZone, after: bool) -> Option<Micros> {
    let is_plain = text.len() == 10 && text.bytes().enumerate().all(|(at, b)| if matches!(at, 4 | 7) { b == b'-' } else { b.is_ascii_digit() });
    let day: Date = text.parse().ok().filter(|_| is_plain)?;
    let day = if after { day.tomorrow().ok()? } else { day };
    Some(day.to_zoned(zone.clone()).ok()?.timestamp().as_microsecond())
}

/// A text that sorts before every id of this kind minted at `at` or later, and after those minted earlier.
#[must_use]
pub fn first_id(prefix: &str, at: Micros) -> String {
    let ms = u64::try_from(at.div_euclid(1000)).unwrap_or(0) & ((1 << 48) - 1);
    format!("{prefix}_{ms:012x}")
}

/// A keyset place in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// The newest entries.
    Newest,
    /// Those older than this one.
    After(EventId),
    /// Those newer than this one.
    Before(EventId),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::clock::{DAY, HOUR};

    const ACTS: &[&str] = &["trail.read", "person.invite"];

    fn understand(raw: &Raw, zone: &str) -> Result<Filter, &'static str> {
        Filter::understand(raw, zone, ACTS, 2).map_err(|e| match e {
            Misread::Says(key, _) => key,
            Misread::Fault(_) => "fault",
        })
    }

    fn days(from: &str, to: &str) -> Raw {
        Raw { from: from.into(), to: to.into(), ..Raw::default() }
    }

    #[test]
    fn a_day_is_the_viewers_day() {
        let utc = understand(&days("2026-11-21", "2026-11-21"), "UTC").expect("dates");
        assert_eq!(utc.to.zip(utc.from).map(|(to, from)| to - from), Some(DAY));
        let zurich = understand(&days("2026-11-21", ""), "Europe/Zurich").expect("a date");
        assert_eq!(utc.from.zip(zurich.from).map(|(u, z)| u - z), Some(HOUR));
        let spring = understand(&days("2026-03-29", "2026-03-29"), "Europe/Zurich").expect("dates");
        assert_eq!(spring.to.zip(spring.from).map(|(to, from)| to - from), Some(23 * HOUR));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for bad in ["21.11.2026", "2026-11-31", "20261121", "2026-11-21T00:00", "2026-1-1", "x"] {
            assert_eq!(understand(&days(bad, ""), "UTC"), Err("error-filter-date"), "{bad}");
        }
        assert_eq!(understand(&days("2026-11-22", "2026-11-21"), "UTC"), Err("error-filter-order"));
        for (raw, says) in [
            (Raw { action: "no.act".into(), ..Raw::default() }, "error-filter-unknown"),
            (Raw { outcome: "good".into(), ..Raw::default() }, "error-filter-unknown"),
            (Raw { log: "3".into(), ..Raw::default() }, "error-filter-unknown"),
            (Raw { log: "0".into(), ..Raw::default() }, "error-filter-unknown"),
            (Raw { object: "x".repeat(201), ..Raw::default() }, "error-filter-unknown"),
            (Raw { address: "10.0.0.".into(), ..Raw::default() }, "error-filter-address"),
            (Raw { request: "req_1".into(), ..Raw::default() }, "error-filter-unknown"),
            (Raw { first: "-1".into(), ..Raw::default() }, "error-filter-place"),
            (Raw { last: "99999999999999999999".into(), ..Raw::default() }, "error-filter-place"),
            (Raw { first: "3".into(), last: "2".into(), ..Raw::default() }, "error-filter-place"),
        ] {
            assert_eq!(understand(&raw, "UTC"), Err(says), "{raw:?}");
        }
    }

    #[test]
    fn a_wrapped_address_is_the_address() {
        let filter = understand(&Raw { address: "::ffff:10.0.0.1".into(), ..Raw::default() }, "UTC").expect("an address");
        assert_eq!(filter.address.map(|a| a.to_string()).as_deref(), Some("10.0.0.1"));
    }

    #[test]
    fn links_keep_the_other_filters() {
        let raw = Raw { actor: "anna".into(), object: "a b".into(), ..Raw::default() };
        assert_eq!(raw.query("", None), "actor=anna&object=a+b");
        assert_eq!(raw.query("actor", Some(("after", "evt_1"))), "object=a+b&after=evt_1");
    }

    #[test]
    fn ids_sort_around_the_first_id_of_an_instant() {
        let at = 1_700_000_000_000_000;
        let bound = first_id("evt", at);
        let id = |ms: u64| EventId::mint(ms, None, [0; 10]).to_string();
        assert!(id(1_699_999_999_999) < bound && bound < id(1_700_000_000_000));
        assert_eq!(minted_at(&EventId::mint(1_700_000_000_000, None, [0; 10])), at);
    }
}
