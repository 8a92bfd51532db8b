//! Whether a version of an artifact holds on a day, and if not, why. Pure.
//! Must stay true: what is a draft, was approved by whoever uploaded it, has expired or is of another time holds nothing.

use jiff::civil::Date;

use crate::core::id::PersonId;

/// How far a version is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its owner works on what is said of it.
    Draft,
    /// It waits for somebody else to approve it.
    InReview,
    /// Somebody else approved it.
    Approved,
    /// A later version was approved.
    Superseded,
}

impl State {
    /// What follows from the times of its steps.
    #[must_use]
    pub const fn of(submitted_at: Option<i64>, approved_at: Option<i64>, superseded_at: Option<i64>) -> Self {
        match (submitted_at, approved_at, superseded_at) {
            (_, _, Some(_)) => Self::Superseded,
            (_, Some(_), None) => Self::Approved,
            (Some(_), None, None) => Self::InReview,
            (None, None, None) => Self::Draft,
        }
    }

    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::InReview => "in_review",
            Self::Approved => "approved",
            Self::Superseded => "superseded",
        }
    }
}

/// How evidence was come by (SP 800-171A).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Something was looked at.
    Examine,
    /// Somebody was asked.
    Interview,
    /// Something was tried.
    Test,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Examine, Self::Interview, Self::Test];

    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Examine => "examine",
            Self::Interview => "interview",
            Self::Test => "test",
        }
    }
}

impl std::str::FromStr for Method {
    type Err = ();
    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|m| m.name() == name).ok_or(())
    }
}

/// From when to when, both days counted; an end that is absent is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The first day.
    pub from: Option<Date>,
    /// The last one.
    pub to: Option<Date>,
}

impl Window {
    /// Is nothing asked for?
    #[must_use]
    pub const fn is_open(self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    /// Does a period touch it? One that says nothing is of no known time.
    #[must_use]
    pub fn touches(self, period: Self) -> bool {
        if self.is_open() {
            return true;
        }
        if period.is_open() {
            return false;
        }
        let starts_in_time = self.to.zip(period.from).is_none_or(|(end, first)| first <= end);
        let ends_in_time = self.from.zip(period.to).is_none_or(|(begin, last)| last >= begin);
        starts_in_time && ends_in_time
    }
}

/// Why a version holds nothing. Ordered: what comes first is told first where several pieces fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flaw {
    /// The stored file is not the one that was uploaded.
    Altered,
    /// Whoever uploaded it approved it.
    SelfApproved,
    /// It held until a day that is over.
    Expired {
        /// How many days ago that was.
        days: i64,
    },
    /// It is of a time that the assessment does not ask for, or of none.
    WrongPeriod,
    /// It waits for its approval.
    InReview,
    /// An interview, a test or an examination without a file that only who recorded it speaks for.
    Unconfirmed,
    /// It is a draft.
    Draft,
    /// A later version was approved, and is gone.
    Superseded,
    /// Its file was deleted.
    Deleted,
}

impl Flaw {
    /// One of each.
    pub const ALL: [Self; 9] = [
        Self::Altered,
        Self::SelfApproved,
        Self::Expired { days: 1 },
        Self::WrongPeriod,
        Self::InReview,
        Self::Unconfirmed,
        Self::Draft,
        Self::Superseded,
        Self::Deleted,
    ];

    /// The stable code; the text is `why-<code>`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Altered => "hash_mismatch",
            Self::SelfApproved => "submitter_is_approver",
            Self::Expired { .. } => "expired",
            Self::WrongPeriod => "wrong_period",
            Self::InReview => "in_review",
            Self::Unconfirmed => "unconfirmed",
            Self::Draft => "draft",
            Self::Superseded => "superseded",
            Self::Deleted => "evidence_deleted",
        }
    }

    /// The part of the evidence's page that mends it.
    #[must_use]
    pub const fn mends(self) -> &'static str {
        match self {
            Self::InReview | Self::SelfApproved | Self::Unconfirmed => "state",
            Self::Draft | Self::WrongPeriod => "about",
            Self::Expired { .. } | Self::Superseded | Self::Altered | Self::Deleted => "versions",
        }
    }

    /// How many days ago it expired; 0 where that is not what is wrong.
    #[must_use]
    pub const fn days(self) -> i64 {
        if let Self::Expired { days } = self { days } else { 0 }
    }
}

/// What is known of one version.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Who uploaded it, and asked for its approval.
    pub owner: &'a PersonId,
    /// Who approved it.
    pub approved_by: Option<&'a PersonId>,
    /// How far it is.
    pub state: State,
    /// The file is gone.
    pub is_deleted: bool,
    /// The file is another.
    pub is_altered: bool,
    /// What time it is of.
    pub period: Window,
    /// The last day on which it holds.
    pub expires_on: Option<Date>,
}

/// What is wrong with it on `today`, for an assessment that asks for a time.
#[must_use]
pub fn flaw(facts: &Facts<'_>, today: Date, window: Window) -> Option<Flaw> {
    if facts.is_deleted {
        return Some(Flaw::Deleted);
    }
    if facts.is_altered {
        return Some(Flaw::Altered);
    }
    match facts.state {
        State::Draft => return Some(Flaw::Draft),
        State::InReview => return Some(Flaw::InReview),
        State::Superseded => return Some(Flaw::Superseded),
        State::Approved => {}
    }
    if facts.approved_by.is_none_or(|by| by == facts.owner) {
        return Some(Flaw::SelfApproved);
    }
    if let Some(days) = facts.expires_on.map(|last| days_between(last, today)).filter(|days| *days > 0) {
        return Some(Flaw::Expired { days });
    }
    (!window.touches(facts.period)).then_some(Flaw::WrongPeriod)
}

/// Days from one day to another.
#[must_use]
pub fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().expect("a day")
    }

    fn window(from: &str, to: &str) -> Window {
        let day = |t: &str| (!t.is_empty()).then(|| day(t));
        Window { from: day(from), to: day(to) }
    }

    #[test]
    fn the_state_follows_from_the_times_of_its_steps() {
        for (submitted, approved, superseded, state) in [
            (None, None, None, State::Draft),
            (Some(1), None, None, State::InReview),
            (Some(1), Some(2), None, State::Approved),
            (Some(1), Some(2), Some(3), State::Superseded),
            (None, None, Some(3), State::Superseded),
        ] {
            assert_eq!(State::of(submitted, approved, superseded), state);
        }
    }

    #[test]
    fn a_version_holds_only_when_nothing_is_wrong_with_it() {
        let owner: PersonId = "usr_0192f0c1a2b37c4d8e5f60718293a4b5".parse().expect("an id");
        let other: PersonId = "usr_0192f0c1a2b37c4d8e5f60718293a4b6".parse().expect("an id");
        let good = Facts {
            owner: &owner,
            approved_by: Some(&other),
            state: State::Approved,
            is_deleted: false,
            is_altered: false,
            period: window("2026-01-01", "2026-01-31"),
            expires_on: Some(day("2026-03-01")),
        };
        let asked = window("2026-01-15", "2026-06-30");
        let of = |facts: Facts<'_>, today: &str| flaw(&facts, day(today), asked);
        assert_eq!(of(good, "2026-03-01"), None, "it holds on its last day");
        assert_eq!(of(good, "2026-03-02"), Some(Flaw::Expired { days: 1 }));
        assert_eq!(of(good, "2027-03-02"), Some(Flaw::Expired { days: 366 }));
        assert_eq!(of(Facts { state: State::Draft, ..good }, "2026-02-01"), Some(Flaw::Draft));
        assert_eq!(of(Facts { state: State::InReview, ..good }, "2026-02-01"), Some(Flaw::InReview));
        assert_eq!(of(Facts { state: State::Superseded, ..good }, "2026-02-01"), Some(Flaw::Superseded));
        assert_eq!(of(Facts { approved_by: Some(&owner), ..good }, "2026-02-01"), Some(Flaw::SelfApproved));
        assert_eq!(of(Facts { approved_by: None, ..good }, "2026-02-01"), Some(Flaw::SelfApproved), "nobody is no somebody else");
        assert_eq!(of(Facts { is_altered: true, ..good }, "2026-02-01"), Some(Flaw::Altered));
        assert_eq!(of(Facts { is_deleted: true, is_altered: true, ..good }, "2026-02-01"), Some(Flaw::Deleted));
        assert_eq!(of(Facts { period: window("2025-01-01", "2026-01-14"), ..good }, "2026-02-01"), Some(Flaw::WrongPeriod));
        assert_eq!(of(Facts { period: Window::default(), ..good }, "2026-02-01"), Some(Flaw::WrongPeriod), "no period is no known time");
        assert_eq!(flaw(&Facts { period: Window::default(), ..good }, day("2026-02-01"), Window::default()), None, "where none is asked for");
    }

    #[test]
    fn a_window_is_touched_by_what_overlaps_it_by_a_day() {
        let asked = window("2026-02-01", "2026-02-28");
        for (from, to, touches) in [
            ("2026-01-01", "2026-02-01", true),
            ("2026-02-28", "2026-12-31", true),
            ("2026-01-01", "2026-12-31", true),
            ("2026-01-01", "2026-01-31", false),
            ("2026-03-01", "2026-03-31", false),
            ("2026-01-01", "", true),
            ("2026-03-01", "", false),
            ("", "2026-01-31", false),
            ("", "2026-02-01", true),
        ] {
            assert_eq!(asked.touches(window(from, to)), touches, "{from} {to}");
        }
        assert!(window("2026-02-01", "").touches(window("2030-01-01", "")) && !window("", "2026-02-01").touches(window("2026-02-02", "")));
    }
}
