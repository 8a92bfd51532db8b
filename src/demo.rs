//! The demonstration's people and samples, made by the verbs everybody uses. Works only in a folder the demonstration made.

use axum::extract::{ConnectInfo, Path, State};
use axum::response::IntoResponse as _;

use crate::core::clock::seconds;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{PersonId, TokenId};
use crate::db::{Chore, Detail};
use crate::evidence;
use crate::http::ctx::set_session_cookie;
use crate::http::{self, Answer, App, Ctx, Routes, Rule};
use crate::identity::links::NewPerson;
use crate::identity::sessions::NewSession;
use crate::identity::signin::totp_place;
use crate::identity::tokens::{self, NewToken};
use crate::identity::totp::{self, Secret};
use crate::identity::{self, OfPerson, Person, digest, people, web};
use crate::policy::{Actor, Auth, On, Origin, Role, Who};

crate::acts! {
    /// Sign in by a link of the demonstration.
    SignIn = "session.demo" on Person,
}

const LINK: &str = "insert into fixed (name, value) values ($1, $2)";
const TAKE: &str = "delete from fixed where name = $1 returning value";
/// Every statement of this file, for the test that prepares them all.
pub const ALL: &[&str] = &[LINK, TAKE];

/// What was made at the first start, so that the next one can tell it again; the folder holds nothing secret.
const FILE: &str = "demo-people";
/// Who there is: role, user name, shown name.
const PEOPLE: [(Role, &str, &str); 6] = [
    (Role::Admin, "avery.lindqvist", "Avery Lindqvist"),
    (Role::Compliance, "dana.whitfield", "Dana Whitfield"),
    (Role::Contributor, "omar.bell", "Omar Bell"),
    (Role::Messaging, "mika.torres", "Mika Torres"),
    (Role::Intake, "ines.ruiz", "Ines Ruiz"),
    (Role::Assessor, "sam.okafor", "Sam Okafor"),
];

/// A person of the demonstration, with what is printed once.
#[derive(Debug, serde::Deserialize, serde::Serialize)]
pub struct DemoPerson {
    /// Role name.
    pub role: String,
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
    /// Base32.
    pub totp_secret: String,
    /// With the full scope of the role.
    pub api_token: String,
    /// Token of the sign-in link, new at every start.
    #[serde(skip)]
    pub sign_in: String,
}

/// Makes the people (or new sign-in links for those already there) and, the first time, the samples.
///
/// # Errors
/// When something could not be made.
pub async fn seed(app: &App) -> Result<Vec<DemoPerson>, Fault> {
    if let Some(people) = again(app).await? {
        return Ok(people);
    }
    let mut out = Vec::new();
    let mut ids = Vec::new();
    for (role, username, name) in PEOPLE {
        let (person, id) = make(app, role, username, name).await?;
        out.push(person);
        ids.push((role, id));
    }
    samples(app, &ids).await?;
    app.keeper.sign_now().await.context("sign a checkpoint")?;
    let text = serde_json::to_string(&out).context("write down the people")?;
    crate::core::folder::write_private(&app.config.data.join(FILE), text.as_bytes()).context("write down the people")?;
    Ok(out)
}

/// The people of a demonstration that was made before, with new sign-in links; none the first time.
async fn again(app: &App) -> Result<Option<Vec<DemoPerson>>, Fault> {
    let text = match std::fs::read(app.config.data.join(FILE)) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Fault::with("read the people of the demonstration", e)),
    };
    let mut people: Vec<DemoPerson> = serde_json::from_slice(&text).context("read the people of the demonstration")?;
    for person in &mut people {
        let there = identity::by_username(&app.db, &person.username).await?.ok_or_else(|| Fault::new("a person of the demonstration is gone"))?;
        person.sign_in = link(app, &there.id).await?;
    }
    Ok(Some(people))
}

/// A single-use sign-in link.
async fn link(app: &App, id: &PersonId) -> Result<String, Fault> {
    let sign_in = app.db.rng().token();
    let mut chore = app.db.chore(Chore::Fixed).await.context("begin")?;
    chore.query(LINK).bind(format!("demo:{}", digest(&sign_in))).bind(id.as_str()).execute().await.context("make a link")?;
    chore.commit().await.context("make a link")?;
    Ok(sign_in)
}

async fn make(app: &App, role: Role, username: &'static str, name: &str) -> Result<(DemoPerson, PersonId), Fault> {
    let db = &app.db;
    let password = web::passphrase(app, &["countersign", username]);
    let hash = app.hasher.hash(&password).await.context("hash a password")?;
    let new = NewPerson { username: username.into(), display_name: name.into(), email: None, time_zone: app.config.zone_name().into() };
    let nobody = Person::nobody(PersonId::new(db.clock(), db.rng()));
    let permit = app.policy.permit(&Actor::console(), &nobody).context("create a person")?;
    let id = people::create(db, permit, &new, &[role], Some(&hash)).await.context("create a person")?;
    let secret = enrol(app, &id).await?;
    let scopes: Vec<String> = tokens::scopes_for(&app.policy, &[role]).into_iter().map(str::to_owned).collect();
    let who = Who::Person { id: id.clone(), name: username.into(), auth: Auth::Token(TokenId::new(db.clock(), db.rng())) };
    let actor = Actor { who, roles: vec![role], scopes: None, fresh: true, origin: Origin::default() };
    let permit = app.policy.permit(&actor, &OfPerson::token(None, &id)).context("make a token")?;
    let token = NewToken { name: "demonstration".into(), scopes, days: 30, repeat: None };
    let (_, api_token, _) = tokens::create(db, &app.policies.session, permit, &id, &token).await.context("make a token")?;
    let sign_in = link(app, &id).await?;
    let totp_secret = totp::base32(&secret).to_string();
    Ok((DemoPerson { role: role.name().to_owned(), username: username.to_owned(), password, totp_secret, api_token, sign_in }, id))
}

/// Enrols an authenticator without a phone: the secret is printed instead.
async fn enrol(app: &App, id: &PersonId) -> Result<Secret, Fault> {
    let db = &app.db;
    let secret = Secret::new(db.rng().bytes::<20>());
    let person = identity::by_id(db, id).await?.ok_or_else(|| Fault::new("the person was just made"))?;
    let sealed = db.vault().seal(id.as_str(), &totp_place(id), secret.as_bytes()).await.context("seal a secret")?;
    let permit = app.policy.permit::<identity::Enrol>(&Actor::stranger(Origin::default()), &person).context("enrol")?;
    let mut tx = db.begin(&permit).await.context("begin")?;
    let now = db.clock().now();
    // Two steps back, so that the code of this very moment is still good.
    let step = i64::try_from(seconds(now) / totp::STEP_SECS).unwrap_or(2) - 2;
    tx.write(identity::sql::SET_TOTP).bind(id).bind(sealed).bind(now).bind(step).execute().await.context("enrol")?;
    tx.commit(permit, Detail::ok().with("factor", "demonstration")).await.context("enrol")?;
    Ok(secret)
}

async fn samples(app: &App, people: &[(Role, PersonId)]) -> Result<(), Fault> {
    let of = |role: Role| people.iter().find(|(r, _)| *r == role).map(|(_, id)| id.clone());
    let actor = |role: Role| {
        let id = of(role)?;
        let name = PEOPLE.iter().find(|(r, _, _)| *r == role).map_or("", |(_, n, _)| n);
        let who = Who::Person { id, name: name.into(), auth: Auth::Token(TokenId::new(app.db.clock(), app.db.rng())) };
        Some(Actor { who, roles: vec![role], scopes: None, fresh: true, origin: Origin::default() })
    };
    let officer = actor(Role::Compliance);
    if let Some(actor) = actor(Role::Contributor) {
        evidence_samples(app, &actor).await?;
        if let Some(officer) = officer {
            approve_samples(app, &actor, &officer).await?;
        }
        crate::assess::demo_samples(app, &actor).await.context("sample assessment")?;
        crate::plans::demo_samples(app, &actor).await.context("sample plan")?;
    }
    if let Some(actor) = actor(Role::Compliance) {
        crate::seal::demo_samples(app, &actor).await.context("sample seal")?;
    }
    let officer = actor(Role::Compliance);
    if let Some(actor) = actor(Role::Messaging) {
        crate::contacts::demo_samples(app, &actor).await.context("sample contacts")?;
        crate::messages::demo_samples(app, &actor).await.context("sample messages")?;
        crate::inbox::demo_samples(app, &actor).await.context("sample conversations")?;
        if let Some(other) = officer {
            crate::campaigns::demo_samples(app, &actor, &other).await.context("sample campaigns")?;
        }
    }
    if let Some(actor) = actor(Role::Intake) {
        crate::intake::demo_samples(app, &actor).await.context("sample intakes")?;
    }
    Ok(())
}

/// Small invented files: a policy, a list and a note.
const FILES: [(&str, &[u8]); 3] = [
    (
        "AC-3.01.01 access control policy.pdf",
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
    ),
    ("security awareness training 2026.csv", b"person,course,completed\r\nOmar Bell,Handling CUI,2026-03-04\r\nMika Torres,Handling CUI,2026-03-11\r\n"),
    ("firewall rule review.md", b"# Firewall rule review, third quarter\n\nReviewed by two people. Rule 14 was removed: the service behind it was retired.\n"),
];

async fn evidence_samples(app: &App, actor: &Actor) -> Result<(), Fault> {
    let Some(owner) = actor.person() else { return Ok(()) };
    let uploads = &app.policies.uploads;
    let quota = evidence::Quota { bytes_max: uploads.person_bytes_max, files_max: uploads.person_files_max };
    for (name, bytes) in FILES {
        let kind = evidence::kind::agree(name, bytes, &uploads.extensions).context("a sample file")?;
        let mut incoming = app.blobs.receive().await?;
        incoming.write(bytes).await?;
        let permit = app.policy.permit(actor, &On::any("evidence")).context("upload a sample")?;
        let received = evidence::Received { name: name.into(), kind, incoming, key: None };
        evidence::upload(&app.db, permit, owner, received, quota).await.context("upload a sample")?;
    }
    Ok(())
}

/// The newest waits for approval, the next has expired, the rest holds.
async fn approve_samples(app: &App, actor: &Actor, officer: &Actor) -> Result<(), Fault> {
    let (db, Some(approver)) = (&app.db, officer.person()) else { return Ok(()) };
    let library = evidence::page(db, &evidence::Look::default(), evidence::PAGE_ITEMS_MAX).await?.items;
    let today = evidence::artifact::today(db.clock());
    let ago = |days: i64| today.saturating_sub(jiff::Span::new().days(days)).to_string();
    let may = "the policy lets the samples be made";
    for (n, item) in library.iter().enumerate() {
        let text = evidence::artifact::AboutText {
            method: "examine".into(),
            collector: "Omar Bell".into(),
            obtained: "Exported by the one who keeps it.".into(),
            period_from: ago(100),
            period_to: ago(10),
            expires_on: if n == 1 { ago(4) } else { String::new() },
            expires_days: (n != 1).then_some(365),
            tags: Vec::new(),
        };
        let known = evidence::artifact::of_evidence(db, item).await?;
        let permit = app.policy.permit(actor, item).context(may)?;
        evidence::artifact::describe(db, permit, &known, known.revision, &text).await.context("describe a sample")?;
        let permit = app.policy.permit(actor, item).context(may)?;
        evidence::artifact::submit(db, permit, &known).await.context("submit a sample")?;
        if n > 0 {
            let known = evidence::artifact::of_evidence(db, item).await?;
            let permit = app.policy.permit(officer, item).context(may)?;
            evidence::artifact::approve(db, permit, approver, &known, known.revision).await.context("approve a sample")?;
        }
    }
    Ok(())
}

/// The demonstration's own route; unknown in every other folder.
#[must_use]
pub fn routes() -> Routes {
    Routes::new().get("/demo/{token}", Rule::Public, get_demo)
}

async fn get_demo(State(app): State<App>, ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>, Path(token): Path<String>, ctx: Ctx) -> Answer {
    if !app.demo || !peer.ip().is_loopback() || !ctx.seen.address.is_loopback() {
        return Err(http::Error::not_found());
    }
    let db = &app.db;
    let mut chore = db.chore(Chore::Fixed).await?;
    let taken: Option<(String,)> = chore.query(TAKE).bind(format!("demo:{}", digest(&token))).optional().await?;
    chore.commit().await?;
    let id: PersonId = taken.and_then(|(id,)| id.parse().ok()).ok_or_else(http::Error::not_found)?;
    let person = identity::by_id(db, &id).await?.ok_or_else(http::Error::not_found)?;
    let permit = ctx.permit::<SignIn>(&person).await?;
    let session = NewSession::prepare(db, &app.policies.session, &id, "full", None, &ctx.seen.origin()).await.map_err(web::told)?;
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    session.insert(&mut tx, now).await?;
    tx.commit(permit, Detail::ok().with("session", session.id().as_str())).await?;
    let mut response = http::Error::see_other("/").into_response();
    set_session_cookie(&app, &mut response, &session.secret);
    Ok(response)
}
