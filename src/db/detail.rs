//! What the caller adds to an entry: the outcome, its reason, open facts, and personal values that will be sealed.

pub use countersign_audit::write::event::Outcome;
use countersign_audit::write::json::Value;

/// A changed field with its values before and after; both are personal and end sealed.
#[derive(Debug, Clone)]
pub(super) struct Changed {
    pub field: &'static str,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// What an entry says beyond actor, act and object.
#[derive(Debug, Clone)]
pub struct Detail {
    pub(super) outcome: Outcome,
    pub(super) reason: Option<String>,
    pub(super) data: std::collections::BTreeMap<String, Value>,
    pub(super) changes: Vec<Changed>,
    pub(super) personal: Vec<(&'static str, String)>,
    pub(super) key: Option<String>,
}

impl Detail {
    /// It worked.
    #[must_use]
    pub fn ok() -> Self {
        Self::of(Outcome::Ok)
    }

    /// It did not: a wrong password, a refusal of the provider.
    #[must_use]
    pub fn failed(reason: &str) -> Self {
        Self::of(Outcome::Failed).because(reason)
    }

    /// With this outcome.
    #[must_use]
    pub fn of(outcome: Outcome) -> Self {
        Self { outcome, reason: None, data: std::collections::BTreeMap::new(), changes: Vec::new(), personal: Vec::new(), key: None }
    }

    /// A stable code that says why.
    #[must_use]
    pub fn because(mut self, reason: &str) -> Self {
        self.reason = Some(reason.to_owned());
        self
    }

    /// An open fact, not personal: a hash, a size, a count, a role, a state. It stands in the leaf for ever.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }

    /// A changed field; its values are sealed, the leaf holds commitments.
    #[must_use]
    pub fn change(mut self, field: &'static str, before: Option<&str>, after: Option<&str>) -> Self {
        self.changes.push(Changed { field, before: before.map(str::to_owned), after: after.map(str::to_owned) });
        self
    }

    /// A personal value (a name, an address, a number, a reason in somebody's words); sealed, the leaf holds a commitment.
    #[must_use]
    pub fn personal(mut self, name: &'static str, value: &str) -> Self {
        self.personal.push((name, value.to_owned()));
        self
    }

    /// The idempotency key of the request.
    #[must_use]
    pub fn keyed(mut self, key: Option<String>) -> Self {
        self.key = key;
        self
    }
}
