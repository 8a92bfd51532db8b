//! What administrators do to people. Each verb repeats its precondition in the statement and acts on live sessions at once.

use super::links::NewPerson;
use super::{Delete, Disable, Enable, EndAll, Error, Grant, MaybeLast, Person, ResetTotp, Unlock, sql};
use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::PersonId;
use crate::db::{Db, Detail, Tx};
use crate::notices::Notice;
use crate::policy::{Act, Permit, Role};

/// Sets a person's roles to exactly `wanted`. Their sessions end: what they may do changed under them.
///
/// # Errors
/// [`Error::LastAdmin`], [`Error::State`].
pub async fn grant(db: &Db, permit: Permit<Grant>, person: &Person, wanted: &[Role]) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    tx.query(sql::LOCK_ADMINS).execute().await?;
    let current: Option<Person> = tx.query(sql::BY_ID).bind(&person.id).optional().await?;
    if current.is_none_or(|p| p.deleted_at.is_some()) {
        return Err(Error::State);
    }
    let held = held_roles(&mut tx, &person.id).await?;
    if held.contains(&Role::Admin) && !wanted.contains(&Role::Admin) {
        refuse_last(&mut tx, &person.id).await?;
    }
    let (mut granted, mut revoked) = (Vec::new(), Vec::new());
    for role in Role::ALL {
        match (held.contains(&role), wanted.contains(&role)) {
            (false, true) => {
                give(&mut tx, &person.id, role, now).await?;
                granted.push(role.name());
            }
            (true, false) => {
                tx.write(sql::REVOKE_ROLE).bind(&person.id).bind(role.name()).bind(now).execute().await?;
                revoked.push(role.name());
            }
            (true, true) | (false, false) => {}
        }
    }
    if granted.is_empty() && revoked.is_empty() {
        return Err(Error::State);
    }
    tx.write(sql::END_OF_PERSON).bind(&person.id).bind(now).execute().await?;
    tx.commit(permit, Detail::ok().with("granted", granted.join(" ")).with("revoked", revoked.join(" "))).await?;
    Ok(())
}

/// Roles as they are under the lock: two administrators may be at it at once.
async fn held_roles<A: Act>(tx: &mut Tx<A>, person: &PersonId) -> Result<Vec<Role>, Error> {
    let rows: Vec<(String,)> = tx.query(sql::ROLES).bind(person).all().await?;
    Ok(rows.into_iter().filter_map(|(r,)| r.parse().ok()).collect())
}

async fn give<A: Act>(tx: &mut Tx<A>, person: &PersonId, role: Role, now: Micros) -> Result<(), Error> {
    if tx.write(sql::REVIVE_ROLE).bind(person).bind(role.name()).bind(now).execute().await? == 0 {
        tx.write(sql::INSERT_ROLE).bind(person).bind(role.name()).bind(now).execute().await?;
    }
    Ok(())
}

/// Under the lock: somebody else must be an active administrator.
async fn refuse_last<A: Act>(tx: &mut Tx<A>, person: &PersonId) -> Result<(), Error> {
    let others: i64 = tx.query(sql::OTHER_ADMINS).bind(person).scalar().await?;
    if others == 0 { Err(Error::LastAdmin) } else { Ok(()) }
}

/// Disables a person; sessions and tokens end with it.
///
/// # Errors
/// [`Error::State`] when they are not active, [`Error::LastAdmin`].
pub async fn disable(db: &Db, permit: Permit<Disable>, target: &MaybeLast) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    tx.query(sql::LOCK_ADMINS).execute().await?;
    if held_roles(&mut tx, &target.person.id).await?.contains(&Role::Admin) {
        refuse_last(&mut tx, &target.person.id).await?;
    }
    changed(tx.write(sql::DISABLE).bind(&target.person.id).bind(now).execute().await?)?;
    end_everything(&mut tx, &target.person.id, now).await?;
    tx.commit(permit, Detail::ok()).await?;
    Ok(())
}

async fn end_everything<A: Act>(tx: &mut Tx<A>, person: &PersonId, now: Micros) -> Result<(), Error> {
    tx.write(sql::END_OF_PERSON).bind(person).bind(now).execute().await?;
    tx.write(sql::REVOKE_TOKENS).bind(person).bind(now).execute().await?;
    tx.write(sql::VOID_LINKS).bind(person).bind(now).execute().await?;
    tx.query(sql::FORGET_DEVICES).bind(person).execute().await?;
    Ok(())
}

fn changed(rows: u64) -> Result<(), Error> {
    if rows == 1 { Ok(()) } else { Err(Error::State) }
}

/// Enables a disabled person again.
///
/// # Errors
/// [`Error::State`].
pub async fn enable(db: &Db, permit: Permit<Enable>, person: &Person) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    changed(tx.write(sql::ENABLE).bind(&person.id).execute().await?)?;
    tx.commit(permit, Detail::ok()).await?;
    Ok(())
}

/// Lifts the locks that too many tries left.
///
/// # Errors
/// When the database fails.
pub async fn unlock(db: &Db, permit: Permit<Unlock>, person: &Person) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    super::throttle::lift(&mut tx, db, &person.id, &person.username).await?;
    tx.commit(permit, Detail::ok()).await?;
    Ok(())
}

/// Closes an account for good: nothing opens it again, the history stays.
///
/// # Errors
/// [`Error::State`], [`Error::LastAdmin`].
pub async fn delete(db: &Db, permit: Permit<Delete>, target: &MaybeLast, reason: &str) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    tx.query(sql::LOCK_ADMINS).execute().await?;
    if held_roles(&mut tx, &target.person.id).await?.contains(&Role::Admin) {
        refuse_last(&mut tx, &target.person.id).await?;
    }
    changed(tx.write(sql::DELETE).bind(&target.person.id).bind(now).execute().await?)?;
    end_everything(&mut tx, &target.person.id, now).await?;
    tx.write(sql::VOID_CODES).bind(&target.person.id).bind(now).execute().await?;
    tx.commit(permit, Detail::ok().personal("reason", reason)).await?;
    Ok(())
}

/// Takes the authenticator away: the next sign-in enrols a new one. Sessions end.
///
/// # Errors
/// [`Error::State`].
pub async fn reset_totp(db: &Db, permit: Permit<ResetTotp>, person: &Person) -> Result<(), Error> {
    let notice = Notice::prepare(db, "any", &person.id, "totp_changed", &[]).await?;
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    changed(tx.write(sql::CLEAR_TOTP).bind(&person.id).execute().await?)?;
    tx.write(sql::VOID_CODES).bind(&person.id).bind(now).execute().await?;
    tx.write(sql::END_OF_PERSON).bind(&person.id).bind(now).execute().await?;
    notice.insert(&mut tx).await?;
    tx.commit(permit, Detail::ok()).await?;
    Ok(())
}

/// Ends all sessions of a person.
///
/// # Errors
/// When the database fails.
pub async fn end_all(db: &Db, permit: Permit<EndAll>, person: &Person) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    let ended = tx.write(sql::END_OF_PERSON).bind(&person.id).bind(now).execute().await?;
    tx.commit(permit, Detail::ok().with("sessions", i64::try_from(ended).unwrap_or(i64::MAX))).await?;
    Ok(())
}

/// Creates a person from the console, with a password set by the caller's link.
///
/// # Errors
/// [`Error::NameTaken`].
pub async fn create(db: &Db, permit: Permit<super::Create>, new: &NewPerson, roles: &[Role], hash: Option<&str>) -> Result<PersonId, Error> {
    let id = PersonId::new(db.clock(), db.rng());
    let permit = permit.naming(&id).about(id.as_str());
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    super::links::insert_person(&mut tx, &id, new, hash, now).await?;
    for role in roles {
        give(&mut tx, &id, *role, now).await?;
    }
    let names = roles.iter().map(|r| r.name()).collect::<Vec<_>>().join(" ");
    tx.commit(permit, Detail::ok().with("roles", names).personal("username", &new.username)).await?;
    Ok(id)
}

crate::row! {
    /// A person as lists show them.
    #[derive(Clone, Debug)]
    pub struct Listed {
        /// Id.
        pub id: PersonId,
        /// User name.
        pub username: String,
        /// Shown.
        pub display_name: String,
        /// For mails.
        pub email: Option<String>,
        /// When a password was set.
        pub password_at: Option<i64>,
        /// When an authenticator was enrolled.
        pub totp_at: Option<i64>,
        /// When made.
        pub created_at: i64,
        /// When disabled.
        pub disabled_at: Option<i64>,
        /// When closed.
        pub deleted_at: Option<i64>,
        /// Roles held, space-separated.
        pub roles: Option<String>,
        /// When last seen, signed in.
        pub seen_at: Option<i64>,
    }
}

impl Listed {
    /// Roles held, in the order they are shown.
    #[must_use]
    pub fn roles(&self) -> Vec<Role> {
        let held: Vec<&str> = self.roles.as_deref().unwrap_or_default().split(' ').collect();
        Role::ALL.into_iter().filter(|r| held.contains(&r.name())).collect()
    }

    /// The machine name of their state.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match (self.deleted_at, self.disabled_at, self.password_at) {
            (Some(_), _, _) => "deleted",
            (None, Some(_), _) => "disabled",
            (None, None, None) => "invited",
            (None, None, Some(_)) => "active",
        }
    }
}

/// One page of people, newest first, and whether more follow.
#[derive(Debug)]
pub struct Page {
    /// At most [`PAGE`].
    pub people: Vec<Listed>,
    /// More on the older side.
    pub older: bool,
    /// More on the newer side.
    pub newer: bool,
}

/// People of one page.
pub const PAGE: usize = 50;

/// People whose names hold `q`, of any state; see [`search`].
///
/// # Errors
/// When the database fails.
pub async fn page(db: &Db, q: &str, after: Option<&str>, before: Option<&str>) -> Result<Page, Fault> {
    search(db, q, "", after, before).await
}

/// People whose names hold `q` and whose state is `state` (empty for any), keyset by id: after or before a place, or from the newest.
///
/// # Errors
/// When the database fails.
pub async fn search(db: &Db, q: &str, state: &str, after: Option<&str>, before: Option<&str>) -> Result<Page, Fault> {
    let pattern = format!("%{}%", escape_like(&crate::core::text::fold(q)));
    let (sql, place) = before.map_or((sql::PAGE_OLDER, after.unwrap_or("usr_g")), |place| (sql::PAGE_NEWER, place));
    let mut people: Vec<Listed> = db.query(sql).bind(pattern).bind(place).bind(state).all().await.context("list people")?;
    let more = people.len() > PAGE;
    people.truncate(PAGE);
    if before.is_some() {
        people.reverse();
        return Ok(Page { people, older: true, newer: more });
    }
    Ok(Page { people, older: more, newer: after.is_some() })
}

/// At most `limit` people made after `after`, oldest first: how programs walk through all of them.
///
/// # Errors
/// When the database fails.
pub async fn from(db: &Db, after: Option<&PersonId>, limit: i64) -> Result<Vec<Listed>, Fault> {
    db.query(sql::PAGE_AFTER).bind(after.map_or("", PersonId::as_str)).bind(limit).all().await.context("list people")
}

/// One person as lists show them.
///
/// # Errors
/// When the database fails.
pub async fn listed(db: &Db, id: &PersonId) -> Result<Option<Listed>, Fault> {
    db.query(sql::LISTED).bind(id).optional().await.context("find a person")
}

crate::row! {
    /// An entry a person left.
    #[derive(Clone, Debug)]
    pub struct Left {
        /// Its place in the trail.
        pub seq: i64,
        /// When.
        pub at: i64,
        /// The act.
        pub action: String,
        /// What it was done to.
        pub object_kind: String,
        /// Its id.
        pub object_id: Option<String>,
        /// How it ended.
        pub outcome: String,
    }
}

/// The last ten entries that a person left.
///
/// # Errors
/// When the database fails.
pub async fn entries(db: &Db, id: &PersonId) -> Result<Vec<Left>, Fault> {
    db.query(sql::ENTRIES_OF).bind(id).bind(db.log().0).all().await.context("read a person's entries")
}

/// Makes `%`, `_` and `\` of a search ordinary characters.
#[must_use]
pub fn escape_like(text: &str) -> String {
    text.chars().flat_map(|c| if matches!(c, '%' | '_' | '\\') { vec!['\\', c] } else { vec![c] }).collect()
}
