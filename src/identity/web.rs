//! What the pages of this slice share: how its errors are told, how a new password is read, and its routes.

use axum::http::StatusCode;

use super::signin::Rules;
use super::{Client, Error, Person, sessions};
use crate::core::fault::Fault;
use crate::core::id::PersonId;
use crate::core::password::{self, Blocklist};
use crate::http::form::{Fields, FormState};
use crate::http::{self, App, Ctx, Routes};

pub use super::web_api::api_doc;

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    let pages = super::web_signin::routes().and(super::web_account::routes()).and(super::web_token::routes());
    let people = super::web_people::routes().and(super::web_person::routes());
    pages.and(people).and(super::web_api::routes()).and(super::web_api_own::routes())
}

/// How an error of this slice is told when no form shows it.
#[must_use]
pub fn told(error: Error) -> http::Error {
    match error {
        Error::Wrong => http::Error::new(StatusCode::FORBIDDEN, "wrong"),
        Error::TooMany { retry_secs } => http::Error::too_many("too_many_tries", retry_secs),
        Error::Locked => http::Error::too_many("locked", 86_400),
        Error::BadLink => http::Error::not_found(),
        Error::NameTaken => http::Error::field("username", "is taken"),
        Error::State => http::Error::conflict("state"),
        Error::LastAdmin => http::Error::conflict("last_admin"),
        Error::TooManyOf => http::Error::conflict("too_many_of"),
        Error::TokenMade(id) => http::Error::conflict("secret_told").saying(format!(
            "This request made the token {id} before. Its secret was told once, then. If it is lost, revoke that token and make another one with a new `Idempotency-Key`."
        )),
        Error::Repeat(error) => error.into(),
        Error::Busy => http::Error { retry_after: Some(2), ..http::Error::new(StatusCode::SERVICE_UNAVAILABLE, "busy") },
        Error::Db(error) => error.into(),
        Error::Fault(fault) => fault.into(),
    }
}

/// As [`told`], counting a try that a throttle refused.
#[must_use]
pub fn told_to(ctx: &Ctx, error: Error) -> http::Error {
    if matches!(error, Error::TooMany { .. } | Error::Locked) {
        ctx.app.door.refused(ctx.seen.address);
    }
    told(error)
}

/// What the sign-in verbs need.
#[must_use]
pub fn rules(app: &App) -> Rules<'_> {
    Rules { session: &app.policies.session, limits: &app.policies.throttle.sign_in, hasher: &app.hasher }
}

/// The person of the session; they exist as long as it lives.
///
/// # Errors
/// When the database fails.
pub async fn me(ctx: &Ctx) -> Result<Person, http::Error> {
    let id = ctx.session.as_ref().map(|s| &s.person).or(ctx.actor.person()).ok_or_else(|| http::Error::new(StatusCode::UNAUTHORIZED, "sign_in"))?;
    super::by_id(&ctx.app.db, id).await?.ok_or_else(|| Fault::new("a session without its person").into())
}

/// Sessions of a person that would still be accepted: one that was idle for too long is over, though its row is not.
///
/// # Errors
/// When the database fails.
pub async fn live_sessions(app: &App, person: &PersonId) -> Result<Vec<(sessions::Listed, Client)>, Fault> {
    let (now, idle) = (app.db.clock().now(), app.policies.session.idle_secs);
    let listed = sessions::list(&app.db, person).await?;
    Ok(listed.into_iter().filter(|(s, _)| now < super::after(s.seen_at, idle)).collect())
}

/// The password rules in words.
#[must_use]
pub fn rules_in_words(app: &App) -> Vec<String> {
    let rules = &app.policies.password;
    let number = |n: usize| n.to_string();
    let mut out = vec![app.text("password-rule-min", &[("n", &number(rules.min_chars))]), app.text("password-rule-max", &[("n", &number(rules.max_chars))])];
    for (on, key) in [
        (rules.upper, "password-rule-upper"),
        (rules.lower, "password-rule-lower"),
        (rules.digit, "password-rule-digit"),
        (rules.special, "password-rule-special"),
    ] {
        if on {
            out.push(app.text(key, &[]));
        }
    }
    out.push(app.text("password-rule-common", &[]));
    out.push(app.text("password-rule-context", &[]));
    out
}

/// A passphrase that fits the rules and holds none of the context words.
#[must_use]
pub fn passphrase(app: &App, context: &[&str]) -> String {
    let blocklist = Blocklist::built_in();
    let make = || password::generate(|bytes| app.db.rng().fill(bytes));
    // A word of the list may be somebody's name: draw again, a few times.
    (0..20).map(|_| make()).find(|p| password::check(p, &app.policies.password, context, &blocklist).is_ok()).unwrap_or_else(make)
}

/// Reads a new password and its repetition; faults go to the form.
pub fn new_password(app: &App, fields: &mut Fields, form: &mut FormState, context: &[&str]) -> Result<Option<String>, http::Error> {
    let given = fields.one("password")?;
    let again = fields.one("password_again")?;
    if given.is_empty() {
        form.wrong("password", app.text("error-new-password-missing", &[]));
        return Ok(None);
    }
    match password::check(&given, &app.policies.password, context, &Blocklist::built_in()) {
        Ok(password) if given == again => Ok(Some(password)),
        Ok(_) => {
            form.wrong("password_again", app.text("error-password-differ", &[]));
            Ok(None)
        }
        Err(faults) => {
            let says: Vec<String> = faults.iter().map(|f| fault_text(app, f)).collect();
            form.wrong("password", says.join(". "));
            Ok(None)
        }
    }
}

fn fault_text(app: &App, fault: &password::Fault) -> String {
    use password::Fault as F;
    match fault {
        F::TooShort { min_chars } => app.text("error-password-short", &[("n", &min_chars.to_string())]),
        F::TooLong { max_chars } => app.text("error-password-long", &[("n", &max_chars.to_string())]),
        F::NoUpper => app.text("error-password-upper", &[]),
        F::NoLower => app.text("error-password-lower", &[]),
        F::NoDigit => app.text("error-password-digit", &[]),
        F::NoSpecial => app.text("error-password-special", &[]),
        F::Context { .. } => app.text("error-password-context", &[]),
        F::Pattern | F::Common => app.text("error-password-common", &[]),
    }
}

/// The words a person's password must not hold.
#[must_use]
pub fn context_words(app: &App, username: &str, display_name: &str, email: Option<&str>) -> Vec<String> {
    let mut words: Vec<String> = vec!["countersign".into(), username.into(), app.config.organisation.clone().unwrap_or_default()];
    words.extend(display_name.split_whitespace().map(str::to_owned));
    words.extend(email.into_iter().flat_map(|e| e.split(['@', '.'])).map(str::to_owned));
    words
}
