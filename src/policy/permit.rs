//! The permit: proof that one actor may do one act to one thing. It is spent by the commit that records it.

use std::marker::PhantomData;

use super::Actor;
use crate::core::id::PersonId;

/// One act: a marker type, made by `acts!`.
pub trait Act: Send + Sync + 'static {
    /// `domain.act`, the one name it has everywhere.
    const NAME: &'static str;
    /// What it is done to.
    type On: Resource + ?Sized;
}

/// Something an act can be done to.
pub trait Resource {
    /// What the policy and the entry need to know of it.
    fn on(&self) -> On;
}

/// A thing as the policy and the entry see it.
#[derive(Clone, Debug, Default)]
pub struct On {
    /// Its kind, such as `person`.
    pub kind: &'static str,
    /// Its id, absent for a thing not made yet or a whole collection.
    pub id: Option<String>,
    /// A human label; personal, so kept sealed beside the entry.
    pub label: Option<String>,
    /// Who owns it.
    pub owner: Option<PersonId>,
    /// Who wrote it, when somebody else must approve it.
    pub author: Option<PersonId>,
    /// Doing this would leave no administrator.
    pub last_admin: bool,
    /// An outsider asks beyond the time or the thing they were given.
    pub outside_window: bool,
    /// Whose personal values the act touches, when that is not the actor: the key they are sealed under.
    pub subject: Option<String>,
}

impl On {
    /// A thing of `kind` without an id.
    #[must_use]
    pub fn any(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    /// A thing of `kind` with its id.
    pub fn one(kind: &'static str, id: impl ToString) -> Self {
        Self { kind, id: Some(id.to_string()), ..Self::default() }
    }
}

impl Resource for On {
    fn on(&self) -> On {
        self.clone()
    }
}

/// Proof that `actor` may do `A` to `on`. Made by [`super::Policy::permit`] alone, used up by the commit.
#[derive(Debug)]
#[must_use = "a permit that is not spent did nothing"]
pub struct Permit<A: Act + ?Sized> {
    pub(super) actor: Actor,
    pub(super) category: String,
    pub(super) on: On,
    pub(super) act: PhantomData<fn(&A)>,
}

impl<A: Act> Permit<A> {
    /// Who acts.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The act's name.
    #[must_use]
    pub fn action(&self) -> &'static str {
        A::NAME
    }

    /// The act's category.
    #[must_use]
    pub fn category(&self) -> &str {
        &self.category
    }

    /// What it is done to.
    #[must_use]
    pub fn on(&self) -> &On {
        &self.on
    }

    /// Names the thing once it has an id: a create knows it only now.
    pub fn naming(mut self, id: impl ToString) -> Self {
        self.on.id = Some(id.to_string());
        self
    }

    /// Names whose key seals the personal values, once that is known: a create knows it only now.
    pub fn about(mut self, subject: &str) -> Self {
        self.on.subject = Some(subject.to_owned());
        self
    }
}

/// Why an act was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Somebody must be signed in.
    SignIn,
    /// One of these roles is needed.
    Role(Vec<String>),
    /// The token lacks the scope.
    Scope(String),
    /// A condition stands against it.
    Condition {
        /// Its name in the policy.
        name: String,
        /// Its sentence.
        because: String,
    },
    /// Password and code must be given again.
    Fresh,
}

impl Need {
    /// A stable code for entries and the API.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::SignIn => "sign_in",
            Self::Role(_) => "role",
            Self::Scope(_) => "scope",
            Self::Condition { name, .. } => name,
            Self::Fresh => "fresh",
        }
    }

    /// The sentence shown to the person.
    #[must_use]
    pub fn because(&self) -> String {
        match self {
            Self::SignIn => "Sign in first.".into(),
            Self::Role(roles) => format!("This needs the role {}; an administrator can grant it.", roles.join(" or ")),
            Self::Scope(scope) => format!("This token lacks the scope `{scope}`; make one that has it."),
            Self::Condition { because, .. } => because.clone(),
            Self::Fresh => "Confirm with your password and a code first.".into(),
        }
    }
}

/// A refusal, with what the trail needs to record it.
#[derive(Debug, thiserror::Error)]
#[error("{action} was refused: {}", need.because())]
pub struct Denied {
    /// Who tried.
    pub actor: Actor,
    /// What.
    pub action: &'static str,
    /// The act's category.
    pub category: String,
    /// On what.
    pub on: On,
    /// What was missing.
    pub need: Need,
}

/// Marker under which refusals are recorded.
#[derive(Debug, Clone, Copy)]
pub enum Refusal {}
