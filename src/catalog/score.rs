//! The DoD Assessment Methodology (32 CFR 170.24): 110 less what is not met, down to -203.
//! Must stay true: what nobody assessed is never met; a plan of action never counts as met; without a system security plan
//! there is no score at all.

use std::collections::BTreeMap;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::{Catalog, Requirement};

/// The score when everything is met.
pub const FULL: i64 = 110;
/// Bytes of a file of statuses at most.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a requirement was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All applicable objectives are met.
    Met,
    /// Some objective is not.
    NotMet,
    /// In part, where the regulation knows a part.
    Partial,
    /// It does not apply.
    NotApplicable,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Met, Self::NotMet, Self::Partial, Self::NotApplicable];

    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "not_met",
            Self::Partial => "partial",
            Self::NotApplicable => "not_applicable",
        }
    }

    /// Takes nothing from the score.
    #[must_use]
    pub const fn is_satisfied(self) -> bool {
        matches!(self, Self::Met | Self::NotApplicable)
    }
}

/// Statuses by requirement; one that is not in it was not assessed.
pub type Statuses = BTreeMap<String, Status>;

/// Why a score is not 110.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The requirement.
    pub requirement: String,
    /// The CMMC practice.
    pub practice: Option<String>,
    /// `no_ssp`, `not_met`, `partial` or `unassessed`.
    pub code: &'static str,
    /// Points it takes.
    pub points: i64,
}

/// A score with everything that was taken from 110.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scored {
    /// None without a system security plan.
    pub score: Option<i64>,
    /// In the order of the catalogue, but what keeps it from having a score first.
    pub reasons: Vec<Reason>,
}

/// Points that a requirement takes.
#[must_use]
pub fn lost(requirement: &Requirement, status: Option<Status>) -> i64 {
    match status {
        Some(Status::Met | Status::NotApplicable) => 0,
        Some(Status::Partial) => requirement.partial.or(requirement.points).unwrap_or(0),
        Some(Status::NotMet) | None => requirement.points.unwrap_or(0),
    }
}

/// The score of a catalogue that has one.
#[must_use]
pub fn score(catalog: &Catalog, statuses: &Statuses) -> Scored {
    let mut total = Some(FULL).filter(|_| catalog.is_scored());
    let mut reasons = Vec::new();
    for requirement in catalog.requirements() {
        let status = statuses.get(&requirement.id).copied();
        let points = lost(requirement, status);
        // The plan itself must be there: that it does not apply is no plan.
        let no_plan = requirement.points.is_none() && status != Some(Status::Met);
        let code = match status {
            _ if no_plan => "no_ssp",
            Some(Status::Met | Status::NotApplicable) => continue,
            Some(Status::NotMet) => "not_met",
            Some(Status::Partial) => "partial",
            None => "unassessed",
        };
        let reason = Reason { requirement: requirement.id.clone(), practice: requirement.practice.clone(), code, points };
        if no_plan {
            total = None;
            reasons.insert(0, reason);
        } else {
            total = total.map(|t| t - points);
            reasons.push(reason);
        }
    }
    Scored { score: total, reasons }
}

/// The score if these were different.
#[must_use]
pub fn what_if(catalog: &Catalog, statuses: &Statuses, changes: &Statuses) -> Scored {
    let mut changed = statuses.clone();
    changed.extend(changes.iter().map(|(id, status)| (id.clone(), *status)));
    score(catalog, &changed)
}

/// What meeting a requirement would bring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gain {
    /// The requirement.
    pub requirement: String,
    /// Points.
    pub points: i64,
    /// Objectives that are still open.
    pub open: usize,
    /// Without it there is no score.
    pub gate: bool,
}

/// What closes the gap fastest: the plan first, then most points for each open objective, then most points.
#[must_use]
pub fn ranking(catalog: &Catalog, statuses: &Statuses, open: &BTreeMap<String, usize>) -> Vec<Gain> {
    let gain = |r: &Requirement| Gain {
        requirement: r.id.clone(),
        points: lost(r, statuses.get(&r.id).copied()),
        open: open.get(&r.id).copied().unwrap_or(r.objectives.len()).max(1),
        gate: r.points.is_none(),
    };
    let unmet = |r: &&Requirement| !statuses.get(&r.id).is_some_and(|s| s.is_satisfied() && (r.points.is_some() || *s == Status::Met));
    let mut gains: Vec<Gain> = catalog.requirements().filter(unmet).map(gain).collect();
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    gains.sort_by(|a, b| {
        let rate = (b.points * count(a.open)).cmp(&(a.points * count(b.open)));
        b.gate.cmp(&a.gate).then(rate).then(b.points.cmp(&a.points))
    });
    gains
}

/// A map of JSON in which no id is there twice.
struct Given(Vec<(String, serde_json::Value)>);

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Given;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of requirement ids and statuses")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Given, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Given(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// Reads `{"3.1.1": "met", ...}`.
///
/// # Errors
/// One sentence: no JSON, an id that is unknown or there twice, a word that is no status, a part where the regulation knows none.
pub fn parse(catalog: &Catalog, bytes: &[u8]) -> Result<Statuses, String> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let Given(pairs) = serde_json::from_slice(bytes).map_err(|e| format!("not a JSON map of requirement ids to statuses: {e}"))?;
    let mut statuses = Statuses::new();
    for (id, value) in pairs {
        let Some(requirement) = catalog.requirement(&id) else {
            let hint = catalog.requirements().find(|r| r.practice.as_deref() == Some(id.trim()) || r.id == id.trim());
            return Err(hint.map_or_else(|| format!("`{id}` is no requirement of {}", catalog.key), |r| format!("`{id}` is no id; write `{}`", r.id)));
        };
        let words = || Status::ALL.map(|s| format!("`{}`", s.name())).join(", ");
        let status = value.as_str().and_then(|word| Status::ALL.into_iter().find(|s| s.name() == word));
        let status = status.ok_or_else(|| format!("`{id}` is {value}; it must be one of {}", words()))?;
        if status == Status::Partial && requirement.partial.is_none() {
            let known: Vec<&str> = catalog.requirements().filter(|r| r.partial.is_some()).map(|r| r.id.as_str()).collect();
            return Err(format!("`{id}` cannot be met in part; only {} can", known.join(" and ")));
        }
        if statuses.insert(id.clone(), status).is_some() {
            return Err(format!("`{id}` is there twice"));
        }
    }
    Ok(statuses)
}
