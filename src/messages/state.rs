//! The life of a message, without I/O: `queued -> sending -> accepted | rejected | unknown`, or `held` from the start; what
//! was taken becomes `delivered` or `failed`. Must stay true: only the gateway's word that it did nothing, or a connection that
//! never came about, leads from `sending` back to `queued`; `unknown` never does, so nothing is handed over twice.

use crate::db::Outcome;

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Recorded; waits for its turn.
    Queued,
    /// Recorded; not sent, for a reason.
    Held,
    /// The attempt is recorded; the gateway has it, or is about to get it.
    Sending,
    /// The gateway took it.
    Accepted,
    /// It was certainly not sent.
    Rejected,
    /// It may or may not have been sent.
    Unknown,
    /// The gateway says that it arrived.
    Delivered,
    /// The gateway took it, and says that it did not arrive.
    Failed,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 8] = [Self::Queued, Self::Held, Self::Sending, Self::Accepted, Self::Rejected, Self::Unknown, Self::Delivered, Self::Failed];

    /// The stable name used in columns, entries and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Held => "held",
            Self::Sending => "sending",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// May a message go from here to `next`?
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            // Rejected without an attempt: the number was erased, or its gateway is gone.
            Self::Queued => matches!(next, Self::Sending | Self::Rejected),
            // Queued again: it was certainly not sent.
            Self::Sending => matches!(next, Self::Queued | Self::Accepted | Self::Rejected | Self::Unknown | Self::Delivered | Self::Failed),
            // Rejected: the gateway was asked and has no such message.
            Self::Unknown => matches!(next, Self::Accepted | Self::Rejected | Self::Delivered | Self::Failed),
            Self::Accepted => matches!(next, Self::Delivered | Self::Failed),
            // A late word of the gateway's puts its own earlier one right.
            Self::Failed => matches!(next, Self::Delivered),
            Self::Rejected => matches!(next, Self::Accepted | Self::Delivered | Self::Failed),
            Self::Held | Self::Delivered => false,
        }
    }
}

impl std::str::FromStr for State {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|s| s.name() == name).ok_or_else(|| format!("`{name}` is not a state of a message"))
    }
}

/// How a message ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// `accepted`, `rejected` or `unknown`.
    pub state: State,
    /// A stable code; none when accepted.
    pub reason: Option<String>,
    /// The gateway's own id of the message.
    pub provider_id: Option<String>,
}

impl Ending {
    /// The gateway took it.
    #[must_use]
    pub fn accepted(provider_id: impl Into<String>) -> Self {
        Self { state: State::Accepted, reason: None, provider_id: Some(provider_id.into()) }
    }

    /// It was certainly not sent.
    #[must_use]
    pub fn rejected(reason: impl Into<String>) -> Self {
        Self { state: State::Rejected, reason: Some(reason.into()), provider_id: None }
    }

    /// Nobody knows.
    #[must_use]
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self { state: State::Unknown, reason: Some(reason.into()), provider_id: None }
    }

    /// The outcome its entry has.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self.state {
            State::Accepted | State::Delivered => Outcome::Ok,
            State::Unknown => Outcome::Unknown,
            State::Queued | State::Held | State::Sending | State::Rejected | State::Failed => Outcome::Failed,
        }
    }
}

/// How far a gateway's word for a message lies on its way; words come in any order. None for one that is not known.
#[must_use]
pub fn rank(status: &str) -> Option<i64> {
    match status {
        "accepted" | "scheduled" => Some(0),
        "queued" => Some(1),
        "sending" => Some(2),
        "sent" => Some(3),
        "delivered" | "partially_delivered" | "undelivered" | "failed" | "canceled" => Some(4),
        "read" => Some(5),
        _ => None,
    }
}

/// Where a message stands that its gateway has a word for.
#[must_use]
pub fn state_of(status: &str) -> State {
    match status {
        "delivered" | "read" => State::Delivered,
        "undelivered" | "failed" | "canceled" => State::Failed,
        _ => State::Accepted,
    }
}

/// Does a word of this rank say more than the last one, at `last` and of rank `known`? That it arrived after all counts too.
#[must_use]
pub fn says_more(known: i64, last: Option<&str>, status: &str) -> bool {
    let corrects = status == "delivered" && last.is_some_and(|last| state_of(last) == State::Failed);
    rank(status).is_some_and(|rank| rank > known) || corrects
}

/// What a worker that holds a message's job does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Record the attempt, then hand it to the gateway.
    Attempt,
    /// Record this end, without handing it to anybody.
    End(Ending),
    /// Nothing but closing the job.
    Close,
}

/// The next step. A message found `sending` was left between attempt and result: whether it went out cannot be known.
#[must_use]
pub fn step(state: State, same_gateway: bool) -> Step {
    match state {
        State::Queued if same_gateway => Step::Attempt,
        State::Queued => Step::End(Ending::rejected("no_gateway")),
        State::Sending => Step::End(Ending::unknown("interrupted")),
        State::Held | State::Accepted | State::Rejected | State::Unknown | State::Delivered | State::Failed => Step::Close,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_to_a_second_attempt() {
        for state in State::ALL {
            assert_eq!(state.may_become(State::Queued), state == State::Sending, "{state:?}");
            assert_eq!(state.may_become(State::Sending), state == State::Queued, "{state:?}");
            assert_eq!(step(state, true) == Step::Attempt, state == State::Queued, "{state:?}");
            assert_ne!(step(state, false), Step::Attempt, "{state:?}");
        }
    }

    #[test]
    fn every_end_a_step_asks_for_is_allowed_from_its_state() {
        for state in State::ALL {
            for same_gateway in [true, false] {
                if let Step::End(ending) = step(state, same_gateway) {
                    assert!(state.may_become(ending.state), "{state:?} -> {ending:?}");
                }
            }
        }
    }

    #[test]
    fn an_interrupted_attempt_is_unknown_and_says_so() {
        let Step::End(ending) = step(State::Sending, true) else { panic!("a message left in `sending` ends") };
        assert_eq!((ending.state, ending.reason.as_deref(), ending.outcome()), (State::Unknown, Some("interrupted"), Outcome::Unknown));
    }

    #[test]
    fn an_end_is_never_tried_again() {
        for state in [State::Held, State::Accepted, State::Rejected, State::Unknown, State::Delivered, State::Failed] {
            assert!(!state.may_become(State::Queued) && !state.may_become(State::Sending), "{state:?}");
            assert_eq!(step(state, true), Step::Close, "{state:?}");
        }
        for state in [State::Held, State::Delivered] {
            assert!(State::ALL.into_iter().all(|next| !state.may_become(next)), "{state:?}");
        }
    }

    #[test]
    fn words_of_a_gateway_count_whatever_their_order() {
        let after = |words: &[&'static str]| {
            let (mut known, mut last) = (-1, None);
            for word in words {
                if says_more(known, last, word) {
                    (known, last) = (rank(word).expect("known"), Some(*word));
                }
            }
            last
        };
        assert_eq!(after(&["queued", "sent", "delivered"]), Some("delivered"));
        assert_eq!(after(&["delivered", "sent", "queued", "sent"]), Some("delivered"));
        assert_eq!(after(&["sent", "undelivered", "sent"]), Some("undelivered"));
        assert_eq!(after(&["undelivered", "delivered", "failed"]), Some("delivered"));
        assert_eq!(after(&["read", "delivered"]), Some("read"));
        assert_eq!(after(&["nonsense"]), None);
    }

    #[test]
    fn names_are_read_back() {
        for state in State::ALL {
            assert_eq!(state.name().parse(), Ok(state));
        }
        assert!("sent".parse::<State>().is_err());
    }
}
