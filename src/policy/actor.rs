//! Who acts: a person with roles, a stranger, the operator at the console, or the program itself.

use std::net::IpAddr;

use crate::core::id::{PersonId, RequestId, SessionId, TokenId};

/// A role a person may hold. Closed: a role is code, who holds it is data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Manages people and sees settings.
    Admin,
    /// Reviews the trail.
    Compliance,
    /// Keeps evidence.
    Contributor,
    /// Sends messages.
    Messaging,
    /// Reads intake.
    Intake,
    /// A time-boxed outsider.
    Assessor,
}

impl Role {
    /// All roles, in the order they are shown.
    pub const ALL: [Self; 6] = [Self::Admin, Self::Compliance, Self::Contributor, Self::Messaging, Self::Intake, Self::Assessor];

    /// The stable name used in policies, columns, entries and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Compliance => "compliance",
            Self::Contributor => "contributor",
            Self::Messaging => "messaging",
            Self::Intake => "intake",
            Self::Assessor => "assessor",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|r| r.name() == name).ok_or_else(|| format!("`{name}` is not a role"))
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// How a person proved who they are in this request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// A browser session, after password and code.
    Session(SessionId),
    /// An API token.
    Token(TokenId),
}

/// The kind of actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A person who is signed in.
    Person {
        /// Their id.
        id: PersonId,
        /// Their user name, kept sealed beside the entry.
        name: String,
        /// How they proved it.
        auth: Auth,
    },
    /// Somebody not signed in.
    Stranger,
    /// The operator at the machine.
    Console,
    /// The program itself.
    System,
}

/// Where a request came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's address, behind trusted proxies.
    pub address: Option<IpAddr>,
    /// The client's user agent, cut to 200 characters.
    pub agent: Option<String>,
    /// The request's id.
    pub request: Option<RequestId>,
}

/// Who acts, with what they hold right now.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Who.
    pub who: Who,
    /// Roles held at this moment.
    pub roles: Vec<Role>,
    /// For a token: the acts it may do. None means all the roles allow.
    pub scopes: Option<Vec<String>>,
    /// Password and code were given recently enough.
    pub fresh: bool,
    /// Where from.
    pub origin: Origin,
}

impl Actor {
    /// Somebody not signed in.
    #[must_use]
    pub fn stranger(origin: Origin) -> Self {
        Self { who: Who::Stranger, roles: Vec::new(), scopes: None, fresh: false, origin }
    }

    /// The operator at the machine.
    #[must_use]
    pub fn console() -> Self {
        Self { who: Who::Console, roles: Vec::new(), scopes: None, fresh: true, origin: Origin::default() }
    }

    /// Is it the program itself?
    #[must_use]
    pub fn is_system(&self) -> bool {
        matches!(self.who, Who::System)
    }

    /// The program itself.
    #[must_use]
    pub fn system() -> Self {
        Self { who: Who::System, roles: Vec::new(), scopes: None, fresh: true, origin: Origin::default() }
    }

    /// The person's id, when it is a person.
    #[must_use]
    pub fn person(&self) -> Option<&PersonId> {
        match &self.who {
            Who::Person { id, .. } => Some(id),
            Who::Stranger | Who::Console | Who::System => None,
        }
    }

    /// Does this actor hold `role`?
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// The name of the kind, as entries carry it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.who {
            Who::Person { .. } => "person",
            Who::Stranger => "stranger",
            Who::Console => "console",
            Who::System => "system",
        }
    }
}
