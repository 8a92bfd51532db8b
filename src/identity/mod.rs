//! People, roles, sign-in, sessions, links and tokens. Verbs take a permit and end in one commit.
//! Must stay true: a secret is stored only as a hash or sealed; every factor that is checked is throttled first and used once.

pub mod account;
pub mod door;
pub mod links;
pub mod people;
pub mod sessions;
pub mod signin;
pub mod sql;
pub mod throttle;
pub mod tokens;
pub mod totp;
pub mod web;
mod web_account;
mod web_api;
mod web_api_own;
mod web_people;
mod web_person;
mod web_signin;
mod web_token;

use sha2::{Digest as _, Sha256};

use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{PersonId, SessionId, TokenId};
use crate::db::{Db, DbError};
use crate::policy::{On, Resource, Role};
use crate::repeat;
use crate::vault::HashError;

crate::acts! {
    /// Create the first administrator, or a person from the console.
    Create = "person.create" on Person,
    /// Invite a person.
    Invite = "person.invite" on On,
    /// Take up an invitation.
    Join = "person.join" on Person,
    /// Change roles.
    Grant = "person.grant" on MaybeLast,
    /// Disable.
    Disable = "person.disable" on MaybeLast,
    /// Enable again.
    Enable = "person.enable" on Person,
    /// Lift the lock.
    Unlock = "person.unlock" on Person,
    /// Close for good.
    Delete = "person.delete" on MaybeLast,
    /// Make a link for a new password.
    ResetPassword = "person.reset_password" on Person,
    /// Let enrol anew.
    ResetTotp = "person.reset_totp" on Person,
    /// See people.
    List = "person.list" on On,
    /// The first set-up link.
    SetupLink = "setup.link" on On,
    /// Sign in with a password.
    Login = "session.login" on Person,
    /// Confirm with a code.
    Confirm = "session.totp" on Person,
    /// Enrol an authenticator.
    Enrol = "session.enrol" on Person,
    /// Confirm one's identity again.
    Fresh = "session.confirm" on Person,
    /// Sign out.
    Logout = "session.logout" on Person,
    /// End one's own sessions.
    Revoke = "session.revoke" on OfPerson,
    /// End all sessions of a person.
    EndAll = "session.end_all" on Person,
    /// Change one's password.
    ChangePassword = "account.password" on Person,
    /// Set a password by a link.
    TakeReset = "account.reset" on Person,
    /// Ask for such a link.
    Forgot = "account.forgot" on Person,
    /// Change one's authenticator.
    ChangeTotp = "account.totp" on Person,
    /// Change one's address.
    ChangeEmail = "account.email" on Person,
    /// New recovery codes.
    NewCodes = "account.codes" on Person,
    /// Settings of one's own.
    Settings = "account.settings" on Person,
    /// Create a token.
    CreateToken = "token.create" on OfPerson,
    /// Revoke a token.
    RevokeToken = "token.revoke" on OfPerson,
    /// Reads through the API, gathered.
    ReadByToken = "token.read" on On,
    /// Tries refused by a throttle, gathered.
    Refuse = "throttle.refuse" on On,
}

crate::row! {
    /// A person as stored.
    #[derive(Clone, Debug)]
    pub struct Person {
        /// Id.
        pub id: PersonId,
        /// Unique, folded.
        pub username: String,
        /// Shown.
        pub display_name: String,
        /// For mails.
        pub email: Option<String>,
        /// IANA zone.
        pub time_zone: String,
        /// PHC string.
        pub password_hash: Option<String>,
        /// When it was set.
        pub password_at: Option<i64>,
        /// The authenticator's secret.
        pub totp_sealed: Option<Vec<u8>>,
        /// When it was enrolled.
        pub totp_at: Option<i64>,
        /// The last step that was used.
        pub totp_step: i64,
        /// When made.
        pub created_at: i64,
        /// When disabled.
        pub disabled_at: Option<i64>,
        /// When closed.
        pub deleted_at: Option<i64>,
    }
}

impl Person {
    /// Somebody not known, or not known yet: what a sign-in by an unknown name is done to.
    #[must_use]
    pub fn nobody(id: PersonId) -> Self {
        Self {
            id,
            username: String::new(),
            display_name: String::new(),
            email: None,
            time_zone: "UTC".into(),
            password_hash: None,
            password_at: None,
            totp_sealed: None,
            totp_at: None,
            totp_step: 0,
            created_at: 0,
            disabled_at: None,
            deleted_at: None,
        }
    }

    /// May sign in.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.disabled_at.is_none() && self.deleted_at.is_none()
    }

    /// The machine name of their state.
    #[must_use]
    pub fn state(&self) -> &'static str {
        if self.deleted_at.is_some() {
            "deleted"
        } else if self.disabled_at.is_some() {
            "disabled"
        } else if self.password_hash.is_none() {
            "invited"
        } else {
            "active"
        }
    }
}

impl Resource for Person {
    fn on(&self) -> On {
        let known = !self.username.is_empty();
        On {
            kind: "person",
            id: known.then(|| self.id.to_string()),
            label: known.then(|| self.username.clone()),
            owner: Some(self.id.clone()),
            subject: known.then(|| self.id.to_string()),
            ..On::default()
        }
    }
}

/// A person whose change could leave no administrator.
#[derive(Clone, Debug)]
pub struct MaybeLast {
    /// The person.
    pub person: Person,
    /// The change would leave no administrator.
    pub last: bool,
}

impl Resource for MaybeLast {
    fn on(&self) -> On {
        On { last_admin: self.last, ..self.person.on() }
    }
}

/// Something of a person's own: a session or a token.
#[derive(Clone, Debug)]
pub struct OfPerson {
    /// `session` or `token`.
    pub kind: &'static str,
    /// Its id.
    pub id: Option<String>,
    /// Whose.
    pub owner: PersonId,
}

impl OfPerson {
    /// A session.
    #[must_use]
    pub fn session(id: &SessionId, owner: &PersonId) -> Self {
        Self { kind: "session", id: Some(id.to_string()), owner: owner.clone() }
    }

    /// A token, made or not yet made.
    #[must_use]
    pub fn token(id: Option<&TokenId>, owner: &PersonId) -> Self {
        Self { kind: "token", id: id.map(ToString::to_string), owner: owner.clone() }
    }
}

impl Resource for OfPerson {
    fn on(&self) -> On {
        On { kind: self.kind, id: self.id.clone(), owner: Some(self.owner.clone()), ..On::default() }
    }
}

/// What a verb of this slice can be refused with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Name or password or code is not right. One answer for all of them.
    #[error("the name, password or code is not right")]
    Wrong,
    /// Too many tries; come back in so many seconds.
    #[error("too many tries")]
    TooMany {
        /// Seconds.
        retry_secs: u64,
    },
    /// The account's codes or password are closed until an administrator lifts it.
    #[error("locked until an administrator lifts it")]
    Locked,
    /// The link is not valid (any more).
    #[error("the link is not valid")]
    BadLink,
    /// The user name is taken.
    #[error("the user name is taken")]
    NameTaken,
    /// The state does not allow it (any more).
    #[error("the state does not allow it")]
    State,
    /// It would leave no administrator.
    #[error("it would leave no administrator")]
    LastAdmin,
    /// There are too many already.
    #[error("there are too many")]
    TooManyOf,
    /// The request came before and made this token; its secret was told then and is kept nowhere.
    #[error("the request made a token before")]
    TokenMade(TokenId),
    /// The request came before.
    #[error(transparent)]
    Repeat(#[from] repeat::Error),
    /// The server is busy hashing.
    #[error("busy")]
    Busy,
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Something inside.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<crate::store::StoreError> for Error {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Db(error.into())
    }
}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Busy,
            HashError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<crate::vault::OpenError> for Error {
    fn from(error: crate::vault::OpenError) -> Self {
        Self::Db(error.into())
    }
}

/// SHA-256 of a secret in hex: how secrets of 128 bits and more lie in the database.
#[must_use]
pub fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// The person of this user name.
///
/// # Errors
/// When the database fails.
pub async fn by_username(db: &Db, username: &str) -> Result<Option<Person>, Fault> {
    db.query(sql::BY_USERNAME).bind(username).optional().await.context("find a person by name")
}

/// The person of this id.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &Db, id: &PersonId) -> Result<Option<Person>, Fault> {
    db.query(sql::BY_ID).bind(id).optional().await.context("find a person")
}

/// Roles held now.
///
/// # Errors
/// When the database fails.
pub async fn roles_of(db: &Db, id: &PersonId) -> Result<Vec<Role>, Fault> {
    let rows: Vec<(String,)> = db.query(sql::ROLES).bind(id).all().await.context("read roles")?;
    Ok(rows.into_iter().filter_map(|(r,)| r.parse().ok()).collect())
}

/// Roles as they are read beside a session or a token: names with spaces between.
fn roles_in(names: Option<&str>) -> Vec<Role> {
    names.unwrap_or_default().split(' ').filter_map(|name| name.parse().ok()).collect()
}

/// Is this the only active administrator?
///
/// # Errors
/// When the database fails.
pub async fn is_last_admin(db: &Db, id: &PersonId) -> Result<bool, Fault> {
    if !roles_of(db, id).await?.contains(&Role::Admin) {
        return Ok(false);
    }
    let others: i64 = db.query(sql::OTHER_ADMINS).bind(id).scalar().await.context("count administrators")?;
    Ok(others == 0)
}

/// The active people who hold a role, at most a thousand.
///
/// # Errors
/// When the database fails.
pub async fn holders(db: &Db, role: Role) -> Result<Vec<PersonId>, Fault> {
    let rows: Vec<(PersonId,)> = db.query(sql::HOLDERS).bind(role.name()).all().await.context("list the holders of a role")?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// A client as a session remembers it, sealed.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Client {
    /// Address.
    pub address: Option<String>,
    /// User agent.
    pub agent: Option<String>,
}

impl Client {
    /// Of a request's origin.
    #[must_use]
    pub fn of(origin: &crate::policy::Origin) -> Self {
        Self { address: origin.address.map(|a| a.to_string()), agent: origin.agent.clone() }
    }
}

/// The end of a period that begins now.
#[must_use]
pub fn after(now: Micros, secs: i64) -> Micros {
    now.saturating_add(secs.saturating_mul(crate::core::clock::SECOND))
}
