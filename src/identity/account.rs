//! What people do to their own account. Each act that touches a factor ends the other sessions and is told to the person.

use super::links::name_fold;
use super::signin::{Enrolled, Rules, make_codes, plain_code, totp_place};
use super::throttle::{self, Keys};
use super::totp::{self, Secret};
use super::{ChangeEmail, ChangePassword, ChangeTotp, Error, NewCodes, Person, Settings, digest, sql};
use crate::core::clock::{Micros, seconds};
use crate::core::fault::Fault;
use crate::core::id::{PersonId, SessionId};
use crate::db::{Db, Detail, Tx};
use crate::http::ctx::Session;
use crate::notices::Notice;
use crate::policy::{Act, Permit};

/// Changes one's password; the other sessions end.
///
/// # Errors
/// When the database fails.
pub async fn password(db: &Db, permit: Permit<ChangePassword>, person: &Person, keep: &SessionId, hash: &str) -> Result<(), Error> {
    let notice = Notice::prepare(db, "any", &person.id, "password_changed", &[]).await?;
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    if tx.write(sql::SET_PASSWORD).bind(&person.id).bind(hash).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    // A link that was asked for earlier, perhaps by somebody else, must not undo this.
    tx.write(sql::VOID_LINKS).bind(&person.id).bind(now).execute().await?;
    end_others(&mut tx, &person.id, keep, now).await?;
    notice.insert(&mut tx).await?;
    tx.commit(permit, Detail::ok()).await?;
    Ok(())
}

/// Changes one's e-mail address; the other sessions end, and the old address is told too.
///
/// # Errors
/// When the database fails.
pub async fn email(db: &Db, permit: Permit<ChangeEmail>, person: &Person, keep: &SessionId, email: &str) -> Result<(), Error> {
    let mut notices = vec![Notice::prepare(db, "any", &person.id, "email_changed", &[]).await?];
    if let Some(old) = &person.email {
        notices.push(Notice::prepare(db, "mail", &person.id, "email_changed", &[("to", old)]).await?);
    }
    let fold = name_fold(&person.username, &person.display_name, Some(email));
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    if tx.write(sql::SET_EMAIL).bind(&person.id).bind(email).bind(fold).execute().await? != 1 {
        return Err(Error::State);
    }
    // Links went to the old address.
    tx.write(sql::VOID_LINKS).bind(&person.id).bind(now).execute().await?;
    end_others(&mut tx, &person.id, keep, now).await?;
    for notice in notices {
        notice.insert(&mut tx).await?;
    }
    tx.commit(permit, Detail::ok().change("email", person.email.as_deref(), Some(email))).await?;
    Ok(())
}

/// Replaces one's authenticator by the one whose secret was shown, confirmed by a code of it. New recovery codes come with it.
///
/// # Errors
/// [`Error::Wrong`], [`Error::State`] when it was changed meanwhile, and the throttle's.
pub async fn totp(db: &Db, rules: Rules<'_>, permit: Permit<ChangeTotp>, person: &Person, session: &Session, code: &str) -> Result<Enrolled, Error> {
    let Some(since) = person.totp_at else { return Err(Error::State) };
    let keys = Keys::new(db, &permit.actor().origin, &person.username, None);
    throttle::count_code(db, rules.limits, &keys, &person.id).await?;
    let secret =
        Secret::from_slice(&super::sessions::enrolment_secret(db, &session.id, person)).ok_or_else(|| Fault::new("an authenticator secret is 20 bytes"))?;
    let Some(step) = totp::matched_step(&secret, code.trim(), seconds(db.clock().now())) else {
        db.record(permit, Detail::failed("code")).await?;
        return Err(Error::Wrong);
    };
    let sealed = db.vault().seal(person.id.as_str(), &totp_place(&person.id), secret.as_bytes()).await?;
    let notice = Notice::prepare(db, "any", &person.id, "totp_changed", &[]).await?;
    let codes = make_codes(db);
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    if tx.write(sql::REPLACE_TOTP).bind(&person.id).bind(sealed).bind(now).bind(step).bind(since).execute().await? != 1 {
        return Err(Error::State);
    }
    replace_codes(&mut tx, &person.id, &codes, now).await?;
    end_others(&mut tx, &person.id, &session.id, now).await?;
    notice.insert(&mut tx).await?;
    tx.commit(permit, Detail::ok()).await?;
    throttle::forgive(db, &keys, Some(&person.id)).await?;
    Ok(Enrolled { secret: String::new(), codes })
}

/// Ten new recovery codes; the old ones are void.
///
/// # Errors
/// When the database fails.
pub async fn codes(db: &Db, permit: Permit<NewCodes>, person: &Person) -> Result<Vec<String>, Error> {
    let notice = Notice::prepare(db, "any", &person.id, "codes_changed", &[]).await?;
    let codes = make_codes(db);
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    replace_codes(&mut tx, &person.id, &codes, now).await?;
    notice.insert(&mut tx).await?;
    tx.commit(permit, Detail::ok().with("recovery_codes", i64::try_from(codes.len()).unwrap_or(0))).await?;
    Ok(codes)
}

/// Sets one's time zone.
///
/// # Errors
/// When the database fails.
pub async fn zone(db: &Db, permit: Permit<Settings>, person: &PersonId, zone: &str) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    if tx.write(sql::SET_ZONE).bind(person).bind(zone).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.commit(permit, Detail::ok().with("time_zone", zone)).await?;
    Ok(())
}

/// The sizes in which pages can be read, the ordinary one first.
pub const TEXT_SIZES: [&str; 3] = ["normal", "large", "larger"];

/// Sets the size in which one reads pages: a word of [`TEXT_SIZES`].
///
/// # Errors
/// [`Error::State`] for a person who is gone; when the database fails.
pub async fn text_size(db: &Db, permit: Permit<Settings>, person: &PersonId, size: &str) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let kept = (size != TEXT_SIZES[0]).then(|| size.to_owned());
    if tx.write(sql::SET_TEXT_SIZE).bind(person).bind(kept).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.commit(permit, Detail::ok().with("text_size", size)).await?;
    Ok(())
}

async fn end_others<A: Act>(tx: &mut Tx<A>, person: &PersonId, keep: &SessionId, now: Micros) -> Result<(), Error> {
    tx.write(sql::END_OTHERS).bind(person).bind(keep).bind(now).execute().await?;
    Ok(())
}

async fn replace_codes<A: Act>(tx: &mut Tx<A>, person: &PersonId, codes: &[String], now: Micros) -> Result<(), Error> {
    tx.write(sql::VOID_CODES).bind(person).bind(now).execute().await?;
    for code in codes {
        tx.write(sql::INSERT_CODE).bind(person).bind(digest(&plain_code(code))).bind(now).execute().await?;
    }
    Ok(())
}
