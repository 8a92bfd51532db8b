//! What may not be done while no witness confirms the trail: the consequence that the configuration chose.
//! Must stay true: reading, signing in and the console always work, so that the operator can mend it.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::policy::Actor;

/// A consequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restraint {
    /// People are not managed.
    Admin,
    /// Nothing is sent.
    Sends,
}

/// The acts that managing people is.
const ADMIN: &str = "people";
/// The acts of sending.
const SENDS: [&str; 3] = ["message.send", "message.attempt", "campaign.send"];

/// The restraint in force, if any.
#[derive(Debug, Default)]
pub(super) struct InForce(AtomicU8);

impl InForce {
    pub fn set(&self, restraint: Option<Restraint>) {
        let code = match restraint {
            None => 0,
            Some(Restraint::Admin) => 1,
            Some(Restraint::Sends) => 2,
        };
        self.0.store(code, Ordering::SeqCst);
    }

    pub fn get(&self) -> Option<Restraint> {
        match self.0.load(Ordering::SeqCst) {
            1 => Some(Restraint::Admin),
            2 => Some(Restraint::Sends),
            _ => None,
        }
    }

    /// Does it refuse this act to this actor?
    pub fn refuses(&self, action: &str, category: &str, actor: &Actor) -> bool {
        match self.get() {
            Some(Restraint::Admin) => category == ADMIN && actor.person().is_some(),
            Some(Restraint::Sends) => SENDS.contains(&action),
            None => false,
        }
    }
}
