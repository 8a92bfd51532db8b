//! Pages of one's own account: password, address, authenticator, recovery codes, sessions, time zone.
//! Must stay true: whatever needs fresh authentication asks for it on the GET already, before anything is typed.

use std::sync::OnceLock;

use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;

use super::web::{context_words, me, new_password, passphrase, rules, rules_in_words, told, told_to};
use super::web_signin::{CodesPage, enrol_page, signed_out};
use super::{ChangeEmail, ChangePassword, ChangeTotp, Client, CreateToken, Error, NewCodes, OfPerson, Person, Revoke, Settings};
use super::{account, sessions, sql, tokens};
use crate::core::clock::{DAY, Micros};
use crate::core::fault::Context as _;
use crate::core::id::{SessionId, TokenId};
use crate::core::text::Email;
use crate::http::ctx::{Session, Stage};
use crate::http::form::{FormState, Posted};
use crate::http::{self, Answer, App, Ctx, Routes, Rule, Signed};

/// A token that ends within this is shown as ending.
const EXPIRING: Micros = 14 * DAY;
/// Characters of a user agent that no name was found in.
const AGENT_CHARS_MAX: usize = 60;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/account", Rule::Signed, get_account)
        .post("/account/zone", Rule::Act("account.settings"), post_zone)
        .post("/account/text", Rule::Act("account.settings"), post_text)
        .get("/account/password", Rule::Act("account.password"), get_password)
        .post("/account/password", Rule::Act("account.password"), post_password)
        .get("/account/email", Rule::Act("account.email"), get_email)
        .post("/account/email", Rule::Act("account.email"), post_email)
        .get("/account/totp", Rule::Act("account.totp"), get_totp)
        .post("/account/totp", Rule::Act("account.totp"), post_totp)
        .get("/account/codes", Rule::Act("account.codes"), get_codes)
        .post("/account/codes", Rule::Act("account.codes"), post_codes)
        .post("/account/sessions/{id}/revoke", Rule::Act("session.revoke"), post_session_revoke)
        .post("/account/sessions/revoke-all", Rule::Act("session.revoke"), post_revoke_all)
}

/// The browser session of this request. A token has none, and its pages are the API.
pub(super) fn own(ctx: &Ctx) -> Result<Session, http::Error> {
    ctx.session.clone().filter(|s| s.stage == Stage::Full).ok_or_else(|| http::Error::new(StatusCode::FORBIDDEN, "forbidden"))
}

#[derive(Serialize)]
struct Me {
    username: String,
    display_name: String,
    email: String,
    role_names: Vec<String>,
    created_at: Micros,
    password_changed_at: Micros,
    totp_since: Option<Micros>,
    recovery_left: i64,
}

#[derive(Serialize)]
struct SessionRow {
    id: SessionId,
    started_at: Micros,
    seen_at: Micros,
    address: String,
    agent: String,
    current: bool,
}

#[derive(Serialize)]
struct TokenRow {
    id: TokenId,
    name: String,
    prefix: &'static str,
    scopes: Vec<String>,
    created_at: Micros,
    expires_at: Micros,
    used_at: Option<Micros>,
    used_address: Option<String>,
    state: &'static str,
}

#[derive(Serialize)]
struct Size {
    value: &'static str,
    text: String,
}

#[derive(Serialize)]
struct ShowPage {
    me: Me,
    sessions: Vec<SessionRow>,
    tokens: Vec<TokenRow>,
    may_make_tokens: bool,
    zones: Vec<String>,
    sizes: Vec<Size>,
    form: FormState,
}

async fn get_account(Signed { ctx, .. }: Signed) -> Answer {
    let session = own(&ctx)?;
    let page = show_page(&ctx, &session, FormState::default()).await?;
    ctx.page("account/show.html", page).await
}

async fn show_page(ctx: &Ctx, session: &Session, mut form: FormState) -> Result<ShowPage, http::Error> {
    form.values.entry("zone".to_owned()).or_insert_with(|| session.time_zone.as_str().into());
    form.values.entry("size".to_owned()).or_insert_with(|| session.text_size.as_deref().unwrap_or(account::TEXT_SIZES[0]).into());
    let (app, db) = (&ctx.app, &ctx.app.db);
    let person = me(ctx).await?;
    let recovery_left: i64 = db.query(sql::CODES_LEFT).bind(&person.id).scalar().await.context("count recovery codes")?;
    let sessions = super::web::live_sessions(app, &person.id).await?.into_iter().map(|(row, client)| SessionRow {
        current: row.id == session.id,
        id: row.id,
        started_at: row.made_at,
        seen_at: row.seen_at,
        agent: agent(app, &client),
        address: client.address.unwrap_or_default(),
    });
    let sessions = sessions.collect();
    let tokens = tokens::list(db, &person.id).await?.into_iter().map(|(row, client)| token_row(row, client, ctx.now())).collect();
    let mut zones = zones().to_vec();
    if !zones.contains(&session.time_zone) {
        zones.insert(0, session.time_zone.clone());
    }
    Ok(ShowPage {
        me: Me {
            role_names: ctx.actor.roles.iter().map(|r| app.text(&format!("role-{r}"), &[])).collect(),
            email: person.email.unwrap_or_default(),
            created_at: person.created_at,
            password_changed_at: person.password_at.unwrap_or(person.created_at),
            totp_since: person.totp_at,
            recovery_left,
            username: person.username,
            display_name: person.display_name,
        },
        sessions,
        tokens,
        may_make_tokens: app.policy.can::<CreateToken>(&ctx.actor, &OfPerson::token(None, &session.person)),
        zones,
        sizes: account::TEXT_SIZES.map(|value| Size { value, text: app.text(&format!("text-size-{value}"), &[]) }).into(),
        form,
    })
}

fn token_row(row: tokens::Listed, client: Client, now: Micros) -> TokenRow {
    let state = match row.revoked_at {
        Some(_) => "revoked",
        None if row.expires_at <= now => "expired",
        None if row.expires_at - now < EXPIRING => "expiring",
        None => "active",
    };
    TokenRow {
        id: row.id,
        name: row.name,
        prefix: tokens::PREFIX,
        scopes: row.scopes.split_whitespace().map(str::to_owned).collect(),
        created_at: row.made_at,
        expires_at: row.expires_at,
        used_at: row.seen_at,
        used_address: client.address,
        state,
    }
}

/// A browser in two words, such as `Firefox, Linux`; else what it said of itself, cut.
fn agent(app: &App, client: &Client) -> String {
    let Some(agent) = client.agent.as_deref().filter(|a| !a.trim().is_empty()) else { return app.text("account-agent-unknown", &[]) };
    agent_words(agent)
}

fn agent_words(agent: &str) -> String {
    // Each of them also claims to be those that follow it.
    const BROWSERS: [(&str, &str); 6] =
        [("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"), ("curl/", "curl")];
    const SYSTEMS: [(&str, &str); 6] =
        [("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "macOS"), ("Linux", "Linux")];
    let named = |list: &[(&str, &'static str)]| list.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    match (named(&BROWSERS), named(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, _) => agent.chars().take(AGENT_CHARS_MAX).collect(),
    }
}

/// The IANA names of places, and UTC.
fn zones() -> &'static [String] {
    static ZONES: OnceLock<Vec<String>> = OnceLock::new();
    ZONES.get_or_init(|| {
        let is_place = |name: &str| name == "UTC" || name.contains('/') && !["Etc/", "posix/", "right/", "SystemV/"].iter().any(|p| name.starts_with(p));
        let mut names: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).filter(|name| is_place(name)).collect();
        names.sort_unstable();
        names.dedup();
        names
    })
}

async fn post_text(_: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let session = own(&ctx)?;
    let size = fields.one("size")?;
    fields.finish()?;
    let person = me(&ctx).await?;
    let permit = ctx.permit::<Settings>(&person).await?;
    if !account::TEXT_SIZES.contains(&size.as_str()) {
        let mut form = FormState::default();
        form.wrong("size", ctx.app.text("error-text-size", &[]));
        let page = show_page(&ctx, &session, form).await?;
        return ctx.again("account/show.html", page).await;
    }
    account::text_size(&ctx.app.db, permit, &person.id, &size).await.map_err(told)?;
    Ok(ctx.go("/account", "text-saved"))
}

async fn post_zone(_: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let session = own(&ctx)?;
    let zone = fields.one("zone")?;
    fields.finish()?;
    let person = me(&ctx).await?;
    let permit = ctx.permit::<Settings>(&person).await?;
    if !zones().contains(&zone) && zone != session.time_zone {
        let mut form = FormState::default().keep("zone", session.time_zone.as_str());
        form.wrong("zone", ctx.app.text("error-zone-unknown", &[]));
        let page = show_page(&ctx, &session, form).await?;
        return ctx.again("account/show.html", page).await;
    }
    account::zone(&ctx.app.db, permit, &person.id, &zone).await.map_err(told)?;
    Ok(ctx.go("/account", "zone-saved"))
}

#[derive(Serialize)]
struct PasswordPage {
    rules: Vec<String>,
    generated: Option<String>,
    form: FormState,
}

fn password_page(app: &App, generated: Option<String>, form: FormState) -> PasswordPage {
    PasswordPage { rules: rules_in_words(app), generated, form }
}

async fn get_password(Signed { ctx, .. }: Signed) -> Answer {
    own(&ctx)?;
    let _permit = ctx.permit::<ChangePassword>(&me(&ctx).await?).await?;
    ctx.page("account/password.html", password_page(&ctx.app, None, FormState::default())).await
}

async fn post_password(_: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let (app, session) = (&ctx.app, own(&ctx)?);
    let person = me(&ctx).await?;
    let permit = ctx.permit::<ChangePassword>(&person).await?;
    let words = context_words(app, &person.username, &person.display_name, person.email.as_deref());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if fields.optional("generate")?.is_some() {
        let generated = Some(passphrase(app, &words));
        return ctx.page("account/password.html", password_page(app, generated, FormState::default())).await;
    }
    let mut form = FormState::default();
    let password = new_password(app, &mut fields, &mut form, &words)?;
    fields.finish()?;
    if let Some(password) = &password
        && app.hasher.verify(password, person.password_hash.as_deref()).await.map_err(|e| told(e.into()))?
    {
        form.wrong("password", app.text("error-password-same", &[]));
    }
    let (Some(password), true) = (password, form.is_fine()) else {
        return ctx.again("account/password.html", password_page(app, None, form)).await;
    };
    let hash = app.hasher.hash(&password).await.map_err(|e| told(e.into()))?;
    account::password(&app.db, permit, &person, &session.id, &hash).await.map_err(told)?;
    Ok(ctx.go("/account", "password-changed"))
}

#[derive(Serialize)]
struct EmailPage {
    current: String,
    form: FormState,
}

async fn get_email(Signed { ctx, .. }: Signed) -> Answer {
    own(&ctx)?;
    let person = me(&ctx).await?;
    let _permit = ctx.permit::<ChangeEmail>(&person).await?;
    ctx.page("account/email.html", EmailPage { current: person.email.unwrap_or_default(), form: FormState::default() }).await
}

async fn post_email(_: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let session = own(&ctx)?;
    let given = fields.one("email")?;
    fields.finish()?;
    let person = me(&ctx).await?;
    let permit = ctx.permit::<ChangeEmail>(&person).await?;
    let wrong = match Email::parse(&given) {
        Ok(email) if person.email.as_ref() != Some(&email) => {
            account::email(&ctx.app.db, permit, &person, &session.id, &email).await.map_err(told)?;
            return Ok(ctx.go("/account", "email-changed"));
        }
        Ok(_) => "error-email-same",
        Err(_) if given.trim().is_empty() => "error-email-missing",
        Err(_) => "error-email-form",
    };
    let mut form = FormState::default().keep("email", given);
    form.wrong("email", ctx.app.text(wrong, &[]));
    ctx.again("account/email.html", EmailPage { current: person.email.unwrap_or_default(), form }).await
}

async fn get_totp(Signed { ctx, .. }: Signed) -> Answer {
    let session = own(&ctx)?;
    let person = me(&ctx).await?;
    let _permit = ctx.permit::<ChangeTotp>(&person).await?;
    ctx.page("account/totp.html", enrol_page(&ctx, &session, &person, FormState::default())?).await
}

async fn post_totp(_: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let session = own(&ctx)?;
    let code = fields.one("code")?;
    fields.finish()?;
    let person = me(&ctx).await?;
    let permit = ctx.permit::<ChangeTotp>(&person).await?;
    let mut form = FormState::default();
    if code.trim().is_empty() {
        form.wrong("code", ctx.app.text("error-code-missing", &[]));
        return ctx.again("account/totp.html", enrol_page(&ctx, &session, &person, form)?).await;
    }
    match account::totp(&ctx.app.db, rules(&ctx.app), permit, &person, &session, &code).await {
        Ok(made) => ctx.page("login/codes.html", CodesPage { codes: made.codes, username: person.username }).await,
        Err(Error::Wrong) => {
            form.wrong("code", ctx.app.text("error-code-wrong", &[]));
            ctx.again("account/totp.html", enrol_page(&ctx, &session, &person, form)?).await
        }
        Err(error) => Err(told_to(&ctx, error)),
    }
}

#[derive(Serialize)]
struct NewCodesPage {
    codes: Option<Vec<String>>,
    left: i64,
    username: String,
}

async fn new_codes_page(ctx: &Ctx, person: Person, codes: Option<Vec<String>>) -> Answer {
    let left: i64 = ctx.app.db.query(sql::CODES_LEFT).bind(&person.id).scalar().await.context("count recovery codes")?;
    ctx.page("account/codes.html", NewCodesPage { codes, left, username: person.username }).await
}

async fn get_codes(Signed { ctx, .. }: Signed) -> Answer {
    own(&ctx)?;
    let person = me(&ctx).await?;
    let _permit = ctx.permit::<NewCodes>(&person).await?;
    new_codes_page(&ctx, person, None).await
}

async fn post_codes(_: Signed, Posted { ctx, fields }: Posted) -> Answer {
    own(&ctx)?;
    fields.finish()?;
    let person = me(&ctx).await?;
    let permit = ctx.permit::<NewCodes>(&person).await?;
    let codes = account::codes(&ctx.app.db, permit, &person).await.map_err(told)?;
    new_codes_page(&ctx, person, Some(codes)).await
}

async fn post_session_revoke(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, fields }: Posted) -> Answer {
    fields.finish()?;
    let id: SessionId = id.parse().map_err(|_| http::Error::not_found())?;
    let session = sessions::find_for(&ctx.app.db, &person, &id).await?.ok_or_else(http::Error::not_found)?;
    let permit = ctx.permit::<Revoke>(&session).await?;
    sessions::revoke(&ctx.app.db, permit, &id).await.map_err(told)?;
    if ctx.session.as_ref().is_some_and(|s| s.id == id) {
        return signed_out(ctx, "asked").await;
    }
    Ok(ctx.go("/account", "session-ended"))
}

async fn post_revoke_all(Signed { person, .. }: Signed, Posted { ctx, fields }: Posted) -> Answer {
    fields.finish()?;
    let all = OfPerson { kind: "session", id: None, owner: person.clone() };
    let permit = ctx.permit::<Revoke>(&all).await?;
    sessions::revoke_all(&ctx.app.db, permit, &person, None).await.map_err(told)?;
    signed_out(ctx, "everywhere").await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_named_by_what_it_is_and_not_by_what_it_claims() {
        for (agent, words) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Linux"),
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1", "Safari, iPhone"),
            ("curl/8.9", "curl"),
            ("something else", "something else"),
        ] {
            assert_eq!(agent_words(agent), words);
        }
        assert_eq!(agent_words(&"x".repeat(500)).chars().count(), AGENT_CHARS_MAX);
    }

    #[test]
    fn a_token_is_shown_by_what_is_left_of_it() {
        let row = |expires_at, revoked_at| tokens::Listed {
            id: "tok_0192f0c1a2b37c4d8e5f60718293a4b5".parse().expect("an id"),
            name: "nightly".into(),
            scopes: "evidence.list evidence.upload".into(),
            made_at: 0,
            expires_at,
            revoked_at,
            seen_at: None,
            client_sealed: None,
        };
        let state = |expires_at, revoked_at| token_row(row(expires_at, revoked_at), Client::default(), 10).state;
        assert_eq!(state(10, None), "expired");
        assert_eq!(state(10 + DAY, None), "expiring");
        assert_eq!(state(10 + 30 * DAY, None), "active");
        assert_eq!(state(10 + 30 * DAY, Some(9)), "revoked");
    }

    #[test]
    fn zones_are_places_and_utc() {
        assert!(zones().iter().any(|z| z == "UTC") && zones().iter().any(|z| z == "Europe/Berlin"));
        assert!(zones().iter().all(|z| jiff::tz::TimeZone::get(z).is_ok()));
        assert!(!zones().iter().any(|z| z.starts_with("Etc/")));
    }
}
