//! API tokens: `cs_` and 32 random bytes, stored as a digest, scoped to acts, expiring, shown once.

use super::{Client, CreateToken, Error, OfPerson, RevokeToken, after, digest, sql};
use crate::core::clock::MINUTE;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{PersonId, TokenId};
use crate::db::{Chore, Db, Detail};
use crate::policies::SessionPolicy;
use crate::policy::{Auth, Origin, Permit, Policy, Role, Who};
use crate::repeat::Repeat;
use crate::vault::Place;

/// What every token begins with.
pub const PREFIX: &str = "cs_";
/// Characters of a token's name.
pub const NAME_CHARS_MAX: usize = 80;
/// Acts on one's own sessions and tokens that a token may be given beside those of the roles. Everything else that needs no
/// role (password, authenticator, address) is for a person at a browser.
const OWN: [&str; 3] = ["session.revoke", "token.create", "token.revoke"];

/// The acts that somebody with `roles` may give a token.
#[must_use]
pub fn scopes_for<'p>(policy: &'p Policy, roles: &[Role]) -> Vec<&'p str> {
    let mut scopes = policy.scopes_of(roles);
    scopes.extend(OWN);
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

crate::row! {
    /// A live token with its person.
    #[derive(Clone, Debug)]
    pub struct Resolved {
        /// Id.
        pub id: TokenId,
        /// Whose.
        pub person_id: PersonId,
        /// Acts, space-separated.
        pub scopes: String,
        /// User name.
        pub username: String,
        /// Last use.
        pub seen_at: i64,
        /// The person's roles, space-separated.
        pub roles: Option<String>,
    }
}

crate::row! {
    /// A token as its owner sees it.
    #[derive(Clone, Debug)]
    pub struct Listed {
        /// Id.
        pub id: TokenId,
        /// Name.
        pub name: String,
        /// Acts, space-separated.
        pub scopes: String,
        /// Since.
        pub made_at: i64,
        /// Until.
        pub expires_at: i64,
        /// Revoked.
        pub revoked_at: Option<i64>,
        /// Last use.
        pub seen_at: Option<i64>,
        /// From where, sealed.
        pub client_sealed: Option<Vec<u8>>,
    }
}

/// Each scope once, in the order of their names.
#[must_use]
pub fn in_order(scopes: &[String]) -> Vec<String> {
    scopes.iter().cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

/// A token about to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its owner's name for it.
    pub name: String,
    /// Acts it may do.
    pub scopes: Vec<String>,
    /// Days it lives.
    pub days: i64,
    /// What makes a second request the same as this one.
    pub repeat: Option<Repeat>,
}

/// Makes a token; gives its id, its secret and when it ends. The secret is shown once: a repeated request hears the id alone.
///
/// # Errors
/// [`Error::TooManyOf`], [`Error::TokenMade`], [`repeat::Error::OtherBody`](crate::repeat::Error::OtherBody).
pub async fn create(db: &Db, policy: &SessionPolicy, permit: Permit<CreateToken>, person: &PersonId, new: &NewToken) -> Result<(TokenId, String, i64), Error> {
    let id = TokenId::new(db.clock(), db.rng());
    let secret = format!("{PREFIX}{}", db.rng().token());
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    if let Some(repeat) = &new.repeat
        && !repeat.keep(&mut tx, &id).await?
    {
        drop(tx);
        return Err(Error::TokenMade(repeat.answer(db).await?));
    }
    let now = db.clock().now();
    let live: i64 = tx.query(sql::LIVE_TOKENS).bind(person).bind(now).scalar().await?;
    if live >= policy.tokens_max {
        return Err(Error::TooManyOf);
    }
    let mut expires_at = after(now, new.days.clamp(1, policy.token_days_max) * 86_400);
    // A token made by a token does not outlive it: else one that leaked could renew itself for ever.
    if let Who::Person { auth: Auth::Token(maker), .. } = &permit.actor().who {
        let ends: Option<(i64,)> = tx.query(sql::TOKEN_ENDS).bind(maker).optional().await?;
        expires_at = ends.map_or(expires_at, |(ends,)| expires_at.min(ends));
    }
    let scopes = new.scopes.join(" ");
    tx.write(sql::INSERT_TOKEN)
        .bind(&id)
        .bind(person)
        .bind(new.name.as_str())
        .bind(digest(&secret))
        .bind(scopes.as_str())
        .bind(now)
        .bind(expires_at)
        .execute()
        .await?;
    let detail = Detail::ok().with("scopes", scopes).with("expires_at", expires_at).personal("name", &new.name);
    tx.commit(permit, detail.keyed(new.repeat.as_ref().map(|r| r.key().to_owned()))).await?;
    Ok((id, secret, expires_at))
}

/// Revokes a token.
///
/// # Errors
/// [`Error::State`].
pub async fn revoke(db: &Db, permit: Permit<RevokeToken>, id: &TokenId) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    if tx.write(sql::REVOKE_TOKEN).bind(id).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.commit(permit, Detail::ok()).await?;
    Ok(())
}

/// The live token of this id, when it is this person's.
///
/// # Errors
/// When the database fails.
pub async fn find_for(db: &Db, person: &PersonId, id: &TokenId) -> Result<Option<OfPerson>, Fault> {
    let found: Option<(TokenId,)> = db.query(sql::TOKEN_OF).bind(id).bind(person).optional().await.context("find a token")?;
    Ok(found.map(|(id,)| OfPerson::token(Some(&id), person)))
}

/// Resolves a presented token, and notes once a minute that and from where it was used.
///
/// # Errors
/// When the database fails.
pub async fn resolve(db: &Db, presented: &str, origin: &Origin) -> Result<Option<Resolved>, Error> {
    if !presented.starts_with(PREFIX) || presented.len() > 128 {
        return Ok(None);
    }
    let now = db.clock().now();
    let found: Option<Resolved> = db.query(sql::RESOLVE_TOKEN).bind(digest(presented)).bind(now).optional().await?;
    if let Some(token) = &found
        && now - token.seen_at >= MINUTE
    {
        let client = serde_json::to_vec(&Client::of(origin)).context("write a client")?;
        let sealed = db.vault().seal(token.person_id.as_str(), &place(&token.id), &client).await?;
        let mut chore = db.chore(Chore::TokenSeen).await?;
        chore.query(sql::TOKEN_SEEN).bind(&token.id).bind(now).bind(sealed).execute().await?;
        chore.commit().await?;
    }
    Ok(found)
}

fn place(id: &TokenId) -> Place<'_> {
    Place { table: "token_seen", row: id.as_str(), column: "client" }
}

/// Tokens of a person, newest first, with where each was last used from.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, person: &PersonId) -> Result<Vec<(Listed, Client)>, Fault> {
    let rows: Vec<Listed> = db.query(sql::TOKENS).bind(person).all().await.context("list tokens")?;
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        let client = match &row.client_sealed {
            Some(sealed) => db.vault().unseal(&place(&row.id), sealed).await.ok(),
            None => None,
        };
        let client = client.and_then(|c| serde_json::from_slice(&c).ok()).unwrap_or_default();
        out.push((row, client));
    }
    Ok(out)
}
