//! What a plan of action and milestones may hold, by 32 CFR 170.21: each refusal with the place of the regulation that says it.
//! Must stay true: nothing on a plan counts as met; the threshold is the score, not a number of requirements.

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::Serialize;

use super::score::{Scored, Status, Statuses, lost};
use super::{Catalog, Eligible, Requirement};

/// The least score of a conditional status: four fifths of 110.
pub const SCORE_MIN: i64 = 88;
/// Days from the conditional status to its end.
pub const DAYS: i64 = 180;
/// Requirements that no plan may hold, whatever their value (32 CFR 170.21(a)(2)(iii)).
pub const NEVER: [&str; 6] = ["3.1.20", "3.1.22", "3.10.3", "3.10.4", "3.10.5", "3.12.4"];

/// Why something may not be, with the place that says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The requirement; none when it is the whole.
    pub requirement: Option<String>,
    /// `needless`, `named`, `value`, `no_score` or `score`; the text is `poam-<code>`.
    pub code: &'static str,
    /// The place in the Code of Federal Regulations.
    pub citation: &'static str,
    /// Points it takes, or the score.
    pub value: Option<i64>,
}

/// May this requirement, found to be so, stand on a plan?
///
/// # Errors
/// The refusal; the named ones first, since no value helps them.
pub fn may_hold(requirement: &Requirement, status: Option<Status>) -> Result<(), Refusal> {
    let refused = |code, citation, value| Err(Refusal { requirement: Some(requirement.id.clone()), code, citation, value });
    if status.is_some_and(Status::is_satisfied) {
        return refused("needless", "32 CFR 170.24(c)(2)(i)(B)(6)", None);
    }
    if NEVER.contains(&requirement.id.as_str()) {
        return refused("named", "32 CFR 170.21(a)(2)(iii)", requirement.points);
    }
    let value = lost(requirement, status);
    let held = match requirement.poam {
        Eligible::Yes => true,
        Eligible::Partial => status == Some(Status::Partial),
        Eligible::Never => false,
    };
    if held { Ok(()) } else { refused("value", "32 CFR 170.21(a)(2)(ii)", Some(value)) }
}

/// What keeps an assessment from a conditional status; nothing does when it is empty. With a score of 110 it is final.
#[must_use]
pub fn hindrances(catalog: &Catalog, statuses: &Statuses, scored: &Scored) -> Vec<Refusal> {
    let mut out = Vec::new();
    match scored.score {
        None => out.push(Refusal { requirement: None, code: "no_score", citation: "32 CFR 170.24(c)(2)", value: None }),
        Some(score) if score < SCORE_MIN => {
            out.push(Refusal { requirement: None, code: "score", citation: "32 CFR 170.21(a)(2)(i)", value: Some(score) });
        }
        Some(_) => {}
    }
    let open = catalog.requirements().map(|r| (r, statuses.get(&r.id).copied())).filter(|(_, s)| !s.is_some_and(Status::is_satisfied));
    out.extend(open.filter_map(|(r, status)| may_hold(r, status).err()));
    out
}

/// The last day on which a plan can be closed out (32 CFR 170.21(b)), counted from the day of the conditional status.
#[must_use]
pub fn last_day(conditional: Date) -> Date {
    conditional.saturating_add(DAYS.days())
}

/// Days that are left; fewer than none once it is over.
#[must_use]
pub fn days_left(conditional: Date, today: Date) -> i64 {
    last_day(conditional).since(today).map_or(0, |span| i64::from(span.get_days()))
}
