//! Signing in: password, then a code of the authenticator (enrolled the first time) or a recovery code; and confirming again.
//! Must stay true: unknown, disabled and known names cost the same and hear the same; a code is accepted once.

use super::sessions::NewSession;
use super::throttle::{self, Keys};
use super::totp::{self, Secret};
use super::{Confirm, Enrol, Error, Fresh, Login, Person, digest, sql};
use crate::core::clock::seconds;
use crate::core::fault::Fault;
use crate::core::id::{PersonId, SessionId};
use crate::db::{Chore, Db, Detail};
use crate::http::ctx::Session;
use crate::policies::{SessionPolicy, SignInLimits};
use crate::policy::Permit;
use crate::vault::{Hasher, Place};

/// Recovery codes made at a time.
pub const CODES: usize = 10;

/// What the verbs of this file need beside the database.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Sessions.
    pub session: &'a SessionPolicy,
    /// Tries.
    pub limits: &'a SignInLimits,
    /// Password hashing.
    pub hasher: &'a Hasher,
}

/// A try at a password.
#[derive(Debug)]
pub struct Try<'a> {
    /// As typed.
    pub username: &'a str,
    /// As typed.
    pub password: &'a str,
    /// Where they wanted to go; local already.
    pub next: Option<String>,
    /// The known-device cookie.
    pub device: Option<String>,
}

/// Finds whom a sign-in is about; for an unknown name, nobody.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, username: &str) -> Result<Person, Fault> {
    let folded = crate::core::text::fold(username.trim());
    let found = super::by_username(db, &folded).await?;
    Ok(found.unwrap_or_else(|| Person::nobody(PersonId::new(db.clock(), db.rng()))))
}

/// The first step. On success a half session: its cookie secret.
///
/// # Errors
/// [`Error::Wrong`], [`Error::TooMany`], [`Error::Locked`] or [`Error::Busy`].
pub async fn login(db: &Db, rules: Rules<'_>, permit: Permit<Login>, person: &Person, attempt: Try<'_>) -> Result<String, Error> {
    let origin = permit.actor().origin.clone();
    let device = known_device(db, person, attempt.device.as_deref()).await?;
    let keys = Keys::new(db, &origin, &crate::core::text::fold(attempt.username.trim()), device.as_deref());
    throttle::count(db, rules.limits, &keys).await?;
    let held = person.password_hash.as_deref().filter(|_| person.is_active());
    if !rules.hasher.verify(attempt.password, held).await? {
        let known = !person.username.is_empty();
        let detail = Detail::failed(if known { "password" } else { "unknown_name" });
        db.record(permit, detail).await?;
        return Err(Error::Wrong);
    }
    let rehashed = match held {
        Some(held) if Hasher::outdated(held) => Some(rules.hasher.hash(attempt.password).await?),
        _ => None,
    };
    let session = NewSession::prepare(db, rules.session, &person.id, "half", attempt.next, &origin).await?;
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    // The password may have been changed, or the account closed, while it was being checked.
    let still = match rehashed {
        Some(hash) => tx.write(sql::REHASH).bind(&person.id).bind(hash).bind(held.map(str::to_owned)).execute().await? == 1,
        None => tx.query(sql::HOLDS_PASSWORD).bind(&person.id).bind(held.map(str::to_owned)).optional::<(PersonId,)>().await?.is_some(),
    };
    if !still {
        drop(tx);
        db.record(permit, Detail::failed("password")).await?;
        return Err(Error::Wrong);
    }
    session.insert(&mut tx, now).await?;
    tx.commit(permit, Detail::ok().with("session", session.id().as_str())).await?;
    throttle::forgive(db, &keys, None).await?;
    Ok(session.secret)
}

async fn known_device(db: &Db, person: &Person, device: Option<&str>) -> Result<Option<String>, Error> {
    let Some(device) = device else { return Ok(None) };
    let known: Option<(PersonId,)> = db.query(sql::KNOWN_DEVICE).bind(digest(device)).bind(db.clock().now()).optional().await?;
    Ok(known.filter(|(id,)| *id == person.id).map(|_| device.to_owned()))
}

/// Remembers a device after a full sign-in; gives the cookie's secret.
///
/// # Errors
/// When the database fails.
pub async fn know_device(db: &Db, rules: Rules<'_>, person: &PersonId) -> Result<String, Error> {
    let secret = db.rng().token();
    let now = db.clock().now();
    let mut chore = db.chore(Chore::Throttle).await?;
    chore
        .query(sql::KNOW_DEVICE)
        .bind(digest(&secret))
        .bind(person)
        .bind(now)
        .bind(super::after(now, rules.session.known_device_days * 86_400))
        .execute()
        .await?;
    chore.commit().await?;
    Ok(secret)
}

/// The authenticator's secret of a person.
///
/// # Errors
/// When it does not open.
pub async fn totp_secret(db: &Db, person: &Person) -> Result<Option<Secret>, Error> {
    let Some(sealed) = &person.totp_sealed else { return Ok(None) };
    let plain = db.vault().unseal(&totp_place(&person.id), sealed).await?;
    Ok(Secret::from_slice(&plain))
}

/// Where a person's authenticator secret is sealed.
#[must_use]
pub fn totp_place(person: &PersonId) -> Place<'_> {
    Place { table: "person", row: person.as_str(), column: "totp" }
}

/// What is given as the second factor.
#[derive(Clone, Copy, Debug)]
pub enum Factor<'a> {
    /// A code of the app.
    Totp(&'a str),
    /// A recovery code.
    Recovery(&'a str),
}

/// The second step: a half session becomes a full one with a new secret.
///
/// # Errors
/// [`Error::Wrong`] and the throttle's.
pub async fn confirm(db: &Db, rules: Rules<'_>, permit: Permit<Confirm>, person: &Person, half: &Session, factor: Factor<'_>) -> Result<String, Error> {
    let origin = permit.actor().origin.clone();
    let keys = Keys::new(db, &origin, &person.username, None);
    match factor {
        Factor::Totp(_) => throttle::count_code(db, rules.limits, &keys, &person.id).await?,
        Factor::Recovery(_) => throttle::count_recovery(db, rules.limits, &keys, &person.id).await?,
    }
    let secret = totp_secret(db, person).await?;
    let matched = match factor {
        Factor::Totp(code) => secret.as_ref().and_then(|s| totp::matched_step(s, code.trim(), seconds(db.clock().now()))),
        Factor::Recovery(_) => None,
    };
    let session = NewSession::prepare(db, rules.session, &person.id, "full", None, &origin).await?;
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    let spent = match factor {
        Factor::Totp(_) => match matched {
            Some(step) => tx.write(sql::SPEND_STEP).bind(&person.id).bind(i64::try_from(step).unwrap_or(i64::MAX)).execute().await?,
            None => 0,
        },
        Factor::Recovery(code) => tx.write(sql::USE_CODE).bind(&person.id).bind(digest(&plain_code(code))).bind(now).execute().await?,
    };
    let kind = if matches!(factor, Factor::Totp(_)) { "totp" } else { "recovery_code" };
    if spent != 1 {
        drop(tx);
        db.record(permit, Detail::failed("code").with("factor", kind)).await?;
        return Err(Error::Wrong);
    }
    if tx.write(sql::END_SESSION).bind(&half.id).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    session.insert(&mut tx, now).await?;
    tx.write(sql::END_OLDEST).bind(&person.id).bind(now).bind(rules.session.sessions_max - 1).bind(session.id()).execute().await?;
    tx.commit(permit, Detail::ok().with("factor", kind).with("session", session.id().as_str())).await?;
    match factor {
        Factor::Totp(_) => throttle::forgive(db, &keys, Some(&person.id)).await?,
        Factor::Recovery(_) => throttle::forgive_recovery(db, &keys, &person.id).await?,
    }
    Ok(session.secret)
}

/// What enrolling gives: the new session's secret, and the recovery codes shown once.
#[derive(Debug)]
pub struct Enrolled {
    /// The cookie's value.
    pub secret: String,
    /// Ten codes.
    pub codes: Vec<String>,
}

/// Enrols the authenticator whose secret was shown, confirmed by one code which is burnt too. Ends the half session.
///
/// # Errors
/// [`Error::Wrong`] and the throttle's; [`Error::State`] when one is enrolled already.
pub async fn enrol(db: &Db, rules: Rules<'_>, permit: Permit<Enrol>, person: &Person, half: &Session, code: &str) -> Result<Enrolled, Error> {
    let origin = permit.actor().origin.clone();
    let keys = Keys::new(db, &origin, &person.username, None);
    throttle::count_code(db, rules.limits, &keys, &person.id).await?;
    if person.totp_at.is_some() {
        return Err(Error::State);
    }
    let secret =
        Secret::from_slice(&super::sessions::enrolment_secret(db, &half.id, person)).ok_or_else(|| Fault::new("an authenticator secret is 20 bytes"))?;
    let Some(step) = totp::matched_step(&secret, code.trim(), seconds(db.clock().now())) else {
        db.record(permit, Detail::failed("code")).await?;
        return Err(Error::Wrong);
    };
    let sealed = db.vault().seal(person.id.as_str(), &totp_place(&person.id), secret.as_bytes()).await?;
    let session = NewSession::prepare(db, rules.session, &person.id, "full", None, &origin).await?;
    let codes = make_codes(db);
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    if tx.write(sql::SET_TOTP).bind(&person.id).bind(sealed).bind(now).bind(step).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.write(sql::VOID_CODES).bind(&person.id).bind(now).execute().await?;
    for code in &codes {
        tx.write(sql::INSERT_CODE).bind(&person.id).bind(digest(&plain_code(code))).bind(now).execute().await?;
    }
    if tx.write(sql::END_SESSION).bind(&half.id).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    session.insert(&mut tx, now).await?;
    tx.commit(permit, Detail::ok().with("session", session.id().as_str()).with("recovery_codes", i64::try_from(codes.len()).unwrap_or(0))).await?;
    throttle::forgive(db, &keys, Some(&person.id)).await?;
    Ok(Enrolled { secret: session.secret, codes })
}

/// Checks password and code together, for a person who is signed in. Both must be right; the code is burnt.
/// On success the session continues under a new secret.
///
/// # Errors
/// [`Error::Wrong`] and the throttle's.
pub async fn fresh(
    db: &Db,
    rules: Rules<'_>,
    permit: Permit<Fresh>,
    person: &Person,
    session: &SessionId,
    password: &str,
    code: &str,
) -> Result<String, Error> {
    let origin = permit.actor().origin.clone();
    let keys = Keys::new(db, &origin, &person.username, None);
    throttle::count_code(db, rules.limits, &keys, &person.id).await?;
    let right = rules.hasher.verify(password, person.password_hash.as_deref()).await?;
    let secret = totp_secret(db, person).await?;
    let step = secret.as_ref().and_then(|s| totp::matched_step(s, code.trim(), seconds(db.clock().now()))).filter(|_| right);
    let new = NewSession::prepare(db, rules.session, &person.id, "full", None, &origin).await?;
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    let spent = match step {
        Some(step) => tx.write(sql::SPEND_STEP).bind(&person.id).bind(i64::try_from(step).unwrap_or(i64::MAX)).execute().await?,
        None => 0,
    };
    if spent != 1 {
        drop(tx);
        db.record(permit, Detail::failed(if right { "code" } else { "password" })).await?;
        return Err(Error::Wrong);
    }
    if tx.write(sql::END_SESSION).bind(session).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    new.insert(&mut tx, now).await?;
    tx.commit(permit, Detail::ok().with("session", new.id().as_str())).await?;
    throttle::forgive(db, &keys, Some(&person.id)).await?;
    Ok(new.secret)
}

/// Ten codes of 128 bits, in groups of five.
#[must_use]
pub fn make_codes(db: &Db) -> Vec<String> {
    const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstvwxyz0123456789";
    let one = || {
        // 26 letters of 5 bits hold the 128 bits; the last letter carries the remaining three.
        let value = u128::from_be_bytes(db.rng().bytes::<16>());
        let letters: Vec<char> = (0..26_u32).map(|n| char::from(ALPHABET[usize::try_from((value >> (n * 5)) & 31).unwrap_or(0)])).collect();
        letters.chunks(5).map(|c| c.iter().collect::<String>()).collect::<Vec<_>>().join("-")
    };
    (0..CODES).map(|_| one()).collect()
}

/// A recovery code as it is hashed: no dashes, no spaces, lower case.
#[must_use]
pub fn plain_code(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric()).take(64).collect::<String>().to_ascii_lowercase()
}

/// The Base32 secret in groups of four, for typing.
#[must_use]
pub fn grouped(base32: &str) -> String {
    base32.as_bytes().chunks(4).map(|c| String::from_utf8_lossy(c).into_owned()).collect::<Vec<_>>().join(" ")
}
