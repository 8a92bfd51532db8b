//! Single-use links: set-up, invitation, reset. The token is in the address once, its digest in the database; bound to its
//! purpose, good to the second, one winner in a race, unknown ever after.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{Create, Error, Forgot, Invite, Join, Person, ResetPassword, SetupLink, TakeReset, after, digest, sql};
use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{LinkId, PersonId};
use crate::db::{Db, Detail, Tx};
use crate::notices::Notice;
use crate::policies::SessionPolicy;
use crate::policy::{Act, Permit, Role};
use crate::repeat::{Once, Repeat};
use crate::store::StoreError;
use crate::vault::Place;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Make the first administrator.
    Setup,
    /// Take up an invitation.
    Invite,
    /// Set a new password.
    Reset,
}

impl Purpose {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Invite => "invite",
            Self::Reset => "reset",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::Setup, Self::Invite, Self::Reset].into_iter().find(|p| p.name() == name)
    }
}

crate::row! {
    struct LinkRow { id: LinkId, purpose: String, person_id: Option<PersonId>, expires_at: i64 }
}

/// A live link.
#[derive(Clone, Debug)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// What for.
    pub purpose: Purpose,
    /// For whom; nobody yet for a set-up.
    pub person: Option<Person>,
    /// Until when.
    pub expires_at: Micros,
}

/// A link just made: shown once.
#[derive(Debug)]
pub struct Made {
    /// The token of the address.
    pub token: String,
    /// Until when.
    pub expires_at: Micros,
    /// What for.
    pub purpose: Purpose,
}

/// Finds a live link by its token. Anything else is unknown.
///
/// # Errors
/// [`Error::BadLink`].
pub async fn find(db: &Db, token: &str) -> Result<Link, Error> {
    let row: Option<LinkRow> = db.query(sql::FIND_LINK).bind(digest(token)).bind(db.clock().now()).optional().await?;
    let row = row.ok_or(Error::BadLink)?;
    let purpose = Purpose::of(&row.purpose).ok_or(Error::BadLink)?;
    let person = match &row.person_id {
        Some(id) => Some(super::by_id(db, id).await?.filter(Person::is_active).ok_or(Error::BadLink)?),
        None => None,
    };
    let fits = match (purpose, &person) {
        (Purpose::Setup, None) => !anybody(db).await?,
        (Purpose::Invite, Some(person)) => person.password_hash.is_none(),
        (Purpose::Reset, Some(person)) => person.password_hash.is_some(),
        (Purpose::Setup, Some(_)) | (Purpose::Invite | Purpose::Reset, None) => false,
    };
    if !fits {
        return Err(Error::BadLink);
    }
    Ok(Link { id: row.id, purpose, person, expires_at: row.expires_at })
}

async fn insert<A: Act>(tx: &mut Tx<A>, db: &Db, person: Option<&PersonId>, made: &Made, now: Micros) -> Result<LinkId, StoreError> {
    let id = LinkId::new(db.clock(), db.rng());
    let insert = tx.write(sql::INSERT_LINK).bind(&id).bind(made.purpose.name()).bind(digest(&made.token));
    insert.bind(person.cloned()).bind(now).bind(made.expires_at).execute().await?;
    Ok(id)
}

async fn spend<A: Act>(tx: &mut Tx<A>, link: &Link, now: Micros) -> Result<(), Error> {
    if tx.write(sql::USE_LINK).bind(&link.id).bind(now).execute().await? == 1 { Ok(()) } else { Err(Error::BadLink) }
}

/// Makes the set-up link; earlier ones are void. None once anybody exists.
///
/// # Errors
/// When the database fails.
pub async fn make_setup(db: &Db, policy: &SessionPolicy, permit: Permit<SetupLink>) -> Result<Option<Made>, Error> {
    if anybody(db).await? {
        return Ok(None);
    }
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    // Each one voids the one before, so there is one at most.
    let before: Option<(String,)> = tx.query(sql::OPEN_SETUP).optional().await?;
    tx.write(sql::VOID_SETUP).bind(now).execute().await?;
    let made = Made { token: db.rng().token(), expires_at: after(now, policy.setup_link_secs), purpose: Purpose::Setup };
    let link = insert(&mut tx, db, None, &made, now).await?;
    let detail = Detail::ok().with("link", link.as_str());
    let detail = if let Some((before,)) = before { detail.with("void", before) } else { detail };
    tx.commit(permit, detail).await?;
    Ok(Some(made))
}

/// Does anybody exist?
///
/// # Errors
/// When the database fails.
pub async fn anybody(db: &Db) -> Result<bool, Fault> {
    let people: i64 = db.query(sql::ANY_PERSON).scalar().await.context("look for people")?;
    Ok(people > 0)
}

/// A person about to be made.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// Folded and checked.
    pub username: String,
    /// Checked.
    pub display_name: String,
    /// Checked, or none.
    pub email: Option<String>,
    /// IANA zone.
    pub time_zone: String,
}

/// What people are searched by.
#[must_use]
pub(super) fn name_fold(username: &str, display_name: &str, email: Option<&str>) -> String {
    crate::core::text::fold(&format!("{username} {display_name} {}", email.unwrap_or_default()))
}

/// Writes a person's row.
///
/// # Errors
/// [`Error::NameTaken`].
pub(super) async fn insert_person<A: Act>(tx: &mut Tx<A>, id: &PersonId, new: &NewPerson, hash: Option<&str>, now: Micros) -> Result<(), Error> {
    let fold = name_fold(&new.username, &new.display_name, new.email.as_deref());
    let inserted = tx
        .write(sql::INSERT_PERSON)
        .bind(id)
        .bind(new.username.as_str())
        .bind(new.display_name.as_str())
        .bind(fold)
        .bind(new.email.clone())
        .bind(new.time_zone.as_str())
        .bind(hash.map(str::to_owned))
        .bind(hash.map(|_| now))
        .bind(now)
        .execute()
        .await;
    match inserted {
        Ok(_) => Ok(()),
        Err(StoreError::Unique(_)) => Err(Error::NameTaken),
        Err(error) => Err(error.into()),
    }
}

/// Takes the set-up link: the first administrator, with a password. One winner.
///
/// # Errors
/// [`Error::BadLink`] for every other.
pub async fn take_setup(db: &Db, permit: Permit<Create>, link: &Link, new: &NewPerson, hash: &str) -> Result<PersonId, Error> {
    if link.purpose != Purpose::Setup {
        return Err(Error::BadLink);
    }
    let id = PersonId::new(db.clock(), db.rng());
    let permit = permit.naming(&id).about(id.as_str());
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    spend(&mut tx, link, now).await?;
    // The console may have made somebody since the link was printed.
    let people: i64 = tx.query(sql::ANY_PERSON).scalar().await?;
    if people > 0 {
        return Err(Error::BadLink);
    }
    insert_person(&mut tx, &id, new, Some(hash), now).await?;
    tx.write(sql::INSERT_ROLE).bind(&id).bind(Role::Admin.name()).bind(now).execute().await?;
    tx.commit(permit, Detail::ok().with("role", "admin").with("link", link.id.as_str()).personal("username", &new.username)).await?;
    Ok(id)
}

/// An invitation about to be made.
#[derive(Clone, Copy, Debug)]
pub struct Invitation<'a> {
    /// Whom.
    pub new: &'a NewPerson,
    /// What they may be.
    pub roles: &'a [Role],
    /// Where the link leads, when it is to be mailed.
    pub public_url: Option<&'a str>,
    /// What makes a second request the same as this one.
    pub repeat: Option<&'a Repeat>,
}

/// What a repeated invitation is answered with. The token is sealed under the key of whom it invites, as in a mail that waits.
#[derive(Serialize, Deserialize)]
struct Kept {
    id: PersonId,
    sealed: String,
    expires_at: Micros,
}

impl Kept {
    /// Where the token lies sealed: beside the key of its request.
    const fn place(repeat: &Repeat) -> Place<'_> {
        Place { table: "idempotency", row: repeat.key(), column: "answer" }
    }

    async fn open(self, db: &Db, repeat: &Repeat) -> Result<(PersonId, Made), Error> {
        let sealed = STANDARD.decode(&self.sealed).context("read a kept link")?;
        let token = db.vault().unseal_text(&Self::place(repeat), &sealed).await?;
        Ok((self.id, Made { token, expires_at: self.expires_at, purpose: Purpose::Invite }))
    }
}

/// Invites: the person's row without a password, their roles, and the link. A repeated request gets the first one's answer.
///
/// # Errors
/// [`Error::NameTaken`]; [`repeat::Error::OtherBody`](crate::repeat::Error::OtherBody).
pub async fn invite(db: &Db, policy: &SessionPolicy, permit: Permit<Invite>, invitation: Invitation<'_>) -> Result<Once<(PersonId, Made)>, Error> {
    let Invitation { new, roles, public_url, repeat } = invitation;
    // Looked for already here: whoever is not invited a second time gets no data key.
    if let Some(repeat) = repeat
        && let Some(kept) = repeat.look::<Kept>(db).await?
    {
        return Ok(Once::again(kept.open(db, repeat).await?));
    }
    let id = PersonId::new(db.clock(), db.rng());
    let permit = permit.naming(&id).about(id.as_str());
    let token = db.rng().token();
    let notice = match public_url.filter(|_| new.email.is_some()) {
        Some(url) => Some(Notice::prepare(db, "mail", &id, "invite", &[("link", &href(url, &token)), ("name", &new.display_name)]).await?),
        None => None,
    };
    let sealed = match repeat {
        Some(repeat) => db.vault().seal(id.as_str(), &Kept::place(repeat), token.as_bytes()).await?,
        None => Vec::new(),
    };
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    let made = Made { token, expires_at: after(now, policy.invite_link_secs), purpose: Purpose::Invite };
    if let Some(repeat) = repeat
        && !repeat.keep(&mut tx, &Kept { id: id.clone(), sealed: STANDARD.encode(sealed), expires_at: made.expires_at }).await?
    {
        drop(tx);
        return Ok(Once::again(repeat.answer::<Kept>(db).await?.open(db, repeat).await?));
    }
    insert_person(&mut tx, &id, new, None, now).await?;
    for role in roles {
        tx.write(sql::INSERT_ROLE).bind(&id).bind(role.name()).bind(now).execute().await?;
    }
    insert(&mut tx, db, Some(&id), &made, now).await?;
    if let Some(notice) = notice {
        notice.insert(&mut tx).await?;
    }
    let names = roles.iter().map(|r| r.name()).collect::<Vec<_>>().join(" ");
    let detail = Detail::ok().with("roles", names).personal("username", &new.username);
    tx.commit(permit, detail.keyed(repeat.map(|r| r.key().to_owned()))).await?;
    Ok(Once::now((id, made)))
}

/// Takes up an invitation with a password.
///
/// # Errors
/// [`Error::BadLink`].
pub async fn join(db: &Db, permit: Permit<Join>, link: &Link, person: &Person, hash: &str) -> Result<(), Error> {
    if link.purpose != Purpose::Invite {
        return Err(Error::BadLink);
    }
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    spend(&mut tx, link, now).await?;
    // An invitation never replaces a password: that is a reset's, which ends sessions and is told.
    if tx.write(sql::SET_FIRST_PASSWORD).bind(&person.id).bind(hash).bind(now).execute().await? != 1 {
        return Err(Error::BadLink);
    }
    tx.commit(permit, Detail::ok()).await?;
    Ok(())
}

/// Makes a link with which `person` sets a new password. Older links are void. The password so far still works until it is taken.
///
/// # Errors
/// [`Error::State`] for a closed account.
pub async fn make_reset(db: &Db, policy: &SessionPolicy, permit: Permit<ResetPassword>, person: &Person) -> Result<Made, Error> {
    if !person.is_active() {
        return Err(Error::State);
    }
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    tx.write(sql::VOID_LINKS).bind(&person.id).bind(now).execute().await?;
    let purpose = purpose_for(person);
    let secs = if purpose == Purpose::Invite { policy.invite_link_secs } else { policy.reset_link_secs };
    let made = Made { token: db.rng().token(), expires_at: after(now, secs), purpose };
    insert(&mut tx, db, Some(&person.id), &made, now).await?;
    tx.commit(permit, Detail::ok().with("purpose", made.purpose.name())).await?;
    Ok(made)
}

/// Which link lets this person set a password: whoever never had one is still invited.
#[must_use]
pub fn purpose_for(person: &Person) -> Purpose {
    if person.password_hash.is_none() { Purpose::Invite } else { Purpose::Reset }
}

/// The address of a link.
#[must_use]
pub fn href(public_url: &str, token: &str) -> String {
    format!("{public_url}/link/{token}")
}

/// Somebody asked for a link. Everyone gets the same answer; a known, active person with an address gets a mail.
///
/// # Errors
/// When the database fails.
pub async fn forgot(db: &Db, policy: &SessionPolicy, permit: Permit<Forgot>, person: &Person, public_url: Option<&str>) -> Result<(), Error> {
    let can = person.is_active() && person.password_hash.is_some() && person.email.is_some();
    let (Some(public_url), true) = (public_url, can) else {
        db.record(permit, Detail::failed("no_mail")).await?;
        return Ok(());
    };
    let token = db.rng().token();
    let link = href(public_url, &token);
    let notice = Notice::prepare(db, "mail", &person.id, "reset", &[("link", &link), ("name", &person.display_name)]).await?;
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let made = Made { token, expires_at: after(now, policy.reset_link_secs), purpose: Purpose::Reset };
    insert(&mut tx, db, Some(&person.id), &made, now).await?;
    notice.insert(&mut tx).await?;
    tx.commit(permit, Detail::ok()).await?;
    Ok(())
}

/// Takes a reset link: a new password, all sessions end. The authenticator stays: a reset never skips the second factor.
///
/// # Errors
/// [`Error::BadLink`].
pub async fn take_reset(db: &Db, permit: Permit<TakeReset>, link: &Link, person: &Person, hash: &str) -> Result<(), Error> {
    if link.purpose != Purpose::Reset {
        return Err(Error::BadLink);
    }
    let notice = Notice::prepare(db, "any", &person.id, "password_changed", &[]).await?;
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    spend(&mut tx, link, now).await?;
    if tx.write(sql::SET_PASSWORD).bind(&person.id).bind(hash).bind(now).execute().await? != 1 {
        return Err(Error::BadLink);
    }
    tx.write(sql::VOID_LINKS).bind(&person.id).bind(now).execute().await?;
    tx.write(sql::END_OF_PERSON).bind(&person.id).bind(now).execute().await?;
    notice.insert(&mut tx).await?;
    tx.commit(permit, Detail::ok()).await?;
    Ok(())
}
