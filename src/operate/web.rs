//! Home, policies, settings, status.

use serde::Serialize;

use super::home::{self, SignIn};
use super::{ReadConfig, ReadPolicy, health, shown, status, waiting, web_api};
use crate::config::Source;
use crate::core::clock::Micros;
use crate::db::DbError;
use crate::http::templates::bytes;
use crate::http::{Answer, Ctx, Routes, Rule, Signed};
use crate::notices::alert::is_alert;
use crate::policy::{On, Role, Who};
use crate::trail;

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/", Rule::Signed, get_home)
        .get("/waiting", Rule::Signed, waiting::get)
        .get("/policies", Rule::Act("policy.read"), get_policies)
        .get("/config", Rule::Act("config.read"), get_config)
        .get("/status", Rule::Act("config.read"), get_status)
        .get("/api/v1/status", Rule::Act("config.read"), web_api::get_api)
        .and(health::routes())
}

#[derive(Serialize)]
struct Wait {
    tag: String,
    tag_kind: &'static str,
    text: String,
    href: &'static str,
    action: String,
}

#[derive(Serialize)]
struct Card {
    title: String,
    figure: String,
    unit: String,
    note: String,
    href: Option<&'static str>,
}

#[derive(Serialize)]
struct Last {
    at: Micros,
    address: String,
}

#[derive(Serialize)]
struct ShownSignIn {
    at: Micros,
    address: String,
    agent: String,
    outcome: &'static str,
}

#[derive(Serialize)]
struct HomePage {
    daytime: &'static str,
    first_name: String,
    last: Option<Last>,
    waits: Vec<Wait>,
    cards: Vec<Card>,
    sign_ins: Vec<ShownSignIn>,
    may_read_trail: bool,
}

async fn get_home(Signed { ctx, person }: Signed) -> Answer {
    let db = &ctx.app.db;
    let (daytime, midnight) = home::day(ctx.now(), ctx.time_zone())?;
    let may_read_trail = ctx.app.policy.can::<trail::Read>(&ctx.actor, &On::any("trail"));
    let sign_ins = home::sign_ins(db, &person).await?;
    let (codes, notices) = home::own(db, &person).await?;
    let mut desk = Desk { ctx: &ctx, waits: Vec::new(), cards: Vec::new() };
    if db.in_doubt() {
        let href = if ctx.actor.has(Role::Admin) { "/status" } else { "/" };
        let key = if db.in_fault() { "wait-trail" } else { "wait-clock" };
        desk.wait("trail", "bad", key, None, href, "wait-open");
    }
    if codes < home::CODES_FEW {
        desk.wait("account", "warn", "wait-codes", Some(codes), "/account", "wait-make");
    }
    for notice in &notices {
        let key = format!("notice-{}", notice.template.replace('_', "-"));
        let key = if ctx.app.templates.texts.has(&key) { key } else { "notice-other".to_owned() };
        if is_alert(&notice.template) {
            desk.wait("trail", "bad", &key, None, "/status", "wait-open");
        } else if notice.template == trail::review_remind::TEMPLATE {
            desk.wait("trail", "warn", &key, None, "/audit/reviews", "wait-open");
        } else if notice.template == crate::intake::ALARM {
            desk.wait("trail", "bad", &key, None, "/audit?action=intake.break_glass", "wait-open");
        } else if notice.template == crate::assess::MENTION || notice.template == crate::assess::system::SCOPE_CHANGED {
            desk.wait("assess", "", &key, None, "/assess", "wait-open");
        } else {
            desk.wait("account", "", &key, None, "/account", "wait-open");
        }
    }
    desk.by_role(&person, midnight).await?;
    let Desk { waits, cards, .. } = desk;
    let page = HomePage {
        daytime,
        first_name: name(&ctx),
        last: sign_ins.get(1).map(|s| Last { at: s.at, address: address(&ctx, s) }),
        waits,
        cards,
        sign_ins: sign_ins.iter().map(|s| sign_in(&ctx, s)).collect(),
        may_read_trail,
    };
    ctx.page("home.html", page).await
}

fn name(ctx: &Ctx) -> String {
    match (&ctx.session, &ctx.actor.who) {
        (Some(session), _) => session.display_name.clone(),
        (None, Who::Person { name, .. }) => name.clone(),
        (None, Who::Stranger | Who::Console | Who::System) => String::new(),
    }
}

fn address(ctx: &Ctx, sign_in: &SignIn) -> String {
    // What was never there was not erased.
    sign_in.address.clone().unwrap_or_else(|| ctx.app.text(if sign_in.erased { "erased" } else { "none-shown" }, &[]))
}

fn sign_in(ctx: &Ctx, sign_in: &SignIn) -> ShownSignIn {
    ShownSignIn { at: sign_in.at, address: address(ctx, sign_in), agent: sign_in.agent.clone().unwrap_or_default(), outcome: "done" }
}

/// What lies on somebody's desk, gathered role by role.
struct Desk<'a> {
    ctx: &'a Ctx,
    waits: Vec<Wait>,
    cards: Vec<Card>,
}

impl Desk<'_> {
    async fn by_role(&mut self, person: &crate::core::id::PersonId, midnight: Micros) -> Result<(), DbError> {
        let (app, actor) = (&self.ctx.app, &self.ctx.actor);
        if actor.has(Role::Admin) {
            let people = home::people(&app.db, &app.policies.throttle.sign_in).await?;
            for (count, kind, text) in [(people.invited, "", "wait-invited"), (people.locked, "warn", "wait-locked-accounts")] {
                if count > 0 {
                    self.wait("people", kind, text, Some(count), "/admin/users", "wait-see");
                }
            }
            if people.exported == 0 {
                self.wait("trail", "warn", "wait-keys", None, "/status", "wait-open");
            }
            let note = app.text("card-people-note", &[("count", &people.invited.to_string())]);
            self.card("card-people", people.active, note, "/admin/users");
        }
        if actor.has(Role::Contributor) {
            let held = home::evidence(&app.db, person).await?;
            let size = |n: i64| bytes(u64::try_from(n).unwrap_or(0));
            let note = app.text("card-evidence-note", &[("size", &size(held.bytes)), ("max", &size(app.policies.uploads.person_bytes_max))]);
            self.card("card-evidence", held.files, note, "/evidence");
        }
        // Both own objectives.
        if actor.has(Role::Contributor) || actor.has(Role::Compliance) {
            let own = home::owner(&app.db, person, waiting::soon(self.ctx)).await?;
            self.waiting("evidence", "wait-given-back", own.given_back, "/waiting#given-back");
            self.waiting("assess", "wait-due", own.due, "/waiting#due");
        }
        if actor.has(Role::Messaging) {
            let sent = home::messages(&app.db, person, midnight).await?;
            if sent.unknown > 0 {
                self.wait("message", "warn", "wait-unknown", Some(sent.unknown), "/messages", "wait-see");
            }
            let note = app.text("card-messages-note", &[("count", &sent.unknown.to_string())]);
            self.card("card-messages", sent.accepted, note, "/messages");
        }
        if actor.has(Role::Intake) {
            let found = home::intakes(&app.db).await?;
            if found.handover > 0 {
                self.wait("intake", "warn", "wait-handover", Some(found.handover), "/intake?state=handover", "wait-see");
            }
            let counts = [("unfinished", found.unfinished), ("expiring", found.expiring), ("held", found.held)].map(|(name, n)| (name, n.to_string()));
            let note = app.text("card-intake-note", &counts.each_ref().map(|(name, n)| (*name, n.as_str())));
            self.card("card-intake", found.complete, note, "/intake?state=complete");
        }
        if actor.has(Role::Compliance) {
            let found = home::officer(&app.db, person, midnight).await?;
            self.waiting("evidence", "wait-approve", found.files, "/waiting#approve");
            self.waiting("assess", "wait-confirm", found.records, "/waiting#confirm");
            self.card("card-denied", found.denied, app.text("card-denied-note", &[]), "/audit?outcome=denied");
        }
        if app.policy.can::<crate::campaigns::Approve>(actor, &On::any("campaign")) {
            self.waiting("campaign", "wait-campaigns", home::campaigns(&app.db, person).await?, "/waiting#campaigns");
        }
        Ok(())
    }

    fn wait(&mut self, tag: &str, tag_kind: &'static str, text: &str, count: Option<i64>, href: &'static str, action: &str) {
        let app = &self.ctx.app;
        let count = count.map(|n| n.to_string());
        let args: Vec<(&str, &str)> = count.iter().map(|n| ("count", n.as_str())).collect();
        let wait = Wait { tag: app.text(&format!("wait-tag-{tag}"), &[]), tag_kind, text: app.text(text, &args), href, action: app.text(action, &[]) };
        self.waits.push(wait);
    }

    fn waiting(&mut self, tag: &str, text: &str, count: i64, href: &'static str) {
        if count > 0 {
            self.wait(tag, "warn", text, Some(count), href, "wait-see");
        }
    }

    fn card(&mut self, key: &str, figure: i64, note: String, href: &'static str) {
        let app = &self.ctx.app;
        let figure = figure.to_string();
        let unit = app.text(&format!("{key}-unit"), &[("count", &figure)]);
        self.cards.push(Card { title: app.text(key, &[]), figure, unit, note, href: Some(href) });
    }
}

async fn get_policies(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<ReadPolicy>(&On::any("policy")).await?;
    ctx.page("policies.html", shown::policies(&ctx.app)).await
}

#[derive(Serialize)]
struct ConfigRow {
    key: &'static str,
    value: String,
    secret: bool,
    source: &'static str,
    meaning: &'static str,
}

#[derive(Serialize)]
struct ConfigPage {
    rows: Vec<ConfigRow>,
}

async fn get_config(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<ReadConfig>(&On::any("config")).await?;
    let source = |source: &Source| match source {
        Source::Flag => "flag",
        Source::Env(_) => "environment",
        Source::File(_) => "file",
        Source::Default => "default",
        Source::Credential(_) => "credential",
        Source::KeyFolder(_) => "key-folder",
    };
    let rows = ctx.app.config.show().iter().map(|s| ConfigRow {
        key: s.key,
        value: s.value.clone(),
        // Masked values hold nothing but stars.
        secret: !s.value.is_empty() && s.value.bytes().all(|b| b == b'*'),
        source: source(&s.source),
        meaning: s.meaning,
    });
    let page = ConfigPage { rows: rows.collect() };
    ctx.page("config.html", page).await
}

#[derive(Serialize)]
struct StatusPage {
    checked_at: Micros,
    checks: Vec<status::Check>,
    facts: Vec<status::Fact>,
}

async fn get_status(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<ReadConfig>(&On::any("status")).await?;
    let checks = status::checks(&ctx.app).await?;
    let page = StatusPage { checked_at: ctx.now(), checks, facts: status::facts(&ctx.app).await? };
    ctx.page("status.html", page).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::templates::Templates;
    use crate::http::texts::Texts;

    fn render(name: &str, page: impl Serialize) -> String {
        let assets = serde_json::json!({ "css": "c", "js": "j", "icons": "i", "mark": "m" });
        let base = serde_json::json!({
            "nonce": "n", "csrf_token": "t", "assets": assets, "lang": "en", "path": "/", "now": 0, "time_zone": "UTC", "viewer": null,
            "flash": null, "banner": null, "trail": null, "page_title_error": false,
        });
        Templates::new(std::sync::Arc::new(Texts::english())).render(name, base, page).expect("it renders")
    }

    #[test]
    fn the_integrity_card_speaks_the_viewers_time() {
        let base = serde_json::json!({
            "nonce": "n", "csrf_token": "t", "assets": { "css": "c", "js": "j", "icons": "i", "mark": "m" }, "lang": "en", "path": "/", "now": 0,
            "time_zone": "Europe/Zurich", "viewer": null, "flash": null, "banner": null,
            "trail": { "size": 3, "verified_to": 3, "checkpoint_at": 0, "witness": null, "stamp": null, "ok": true }, "page_title_error": false,
        });
        let page = serde_json::json!({ "checked_at": 0, "checks": [], "facts": [] });
        let shown = Templates::new(std::sync::Arc::new(Texts::english())).render("status.html", base, page).expect("it renders");
        let card = shown.split("seal-title").nth(2).expect("the card");
        assert!(card.contains("01:00 CET"), "{shown}");
    }

    #[test]
    fn the_home_page_renders_full_and_empty() {
        let text = |t: &str| t.to_owned();
        let empty = HomePage {
            daytime: "evening",
            first_name: text("<Anna>"),
            last: None,
            waits: Vec::new(),
            cards: Vec::new(),
            sign_ins: Vec::new(),
            may_read_trail: false,
        };
        assert!(render("home.html", &empty).contains("&lt;Anna&gt;"));
        let full = HomePage {
            last: Some(Last { at: 0, address: text("192.0.2.7") }),
            waits: vec![Wait { tag: text("people"), tag_kind: "warn", text: text("x"), href: "/", action: text("Open") }],
            cards: vec![Card { title: text("People"), figure: text("1"), unit: text("account"), note: text("n"), href: Some("/") }],
            sign_ins: vec![ShownSignIn { at: 0, address: text("192.0.2.7"), agent: text("b"), outcome: "done" }],
            may_read_trail: true,
            ..empty
        };
        render("home.html", &full);
    }

    #[test]
    fn the_settings_render() {
        let row = |source| ConfigRow { key: "k", value: "v".into(), secret: true, source, meaning: "" };
        let rows = ["default", "file", "environment", "flag", "credential", "key-folder"].map(row).into();
        render("config.html", ConfigPage { rows });
        render("status.html", StatusPage { checked_at: 0, checks: Vec::new(), facts: Vec::new() });
    }

    #[test]
    fn every_word_of_the_desk_and_of_the_checks_is_there() {
        let texts = Texts::english();
        let words = "wait-tag-trail wait-tag-account wait-tag-people wait-tag-message wait-trail wait-clock wait-codes wait-invited wait-locked-accounts wait-keys \
            wait-unknown wait-open wait-make wait-see wait-tag-assess wait-tag-evidence wait-tag-campaign wait-given-back wait-due wait-approve wait-confirm \
            wait-campaigns card-people card-people-unit card-people-note card-evidence card-evidence-unit card-evidence-note \
            card-messages card-messages-unit card-messages-note card-denied card-denied-unit card-denied-note notice-other erased check-database \
            check-database-ok check-database-bad check-database-bad-remedy check-trail check-trail-ok check-trail-bad check-trail-remedy check-checkpoint \
            check-checkpoint-ok check-checkpoint-none check-checkpoint-late check-checkpoint-remedy check-clock check-clock-ok check-clock-bad \
            check-clock-bad-remedy check-clock-unknown check-clock-back check-clock-back-remedy banner-clock notice-alert-untimed check-unwitnessed \
            check-unwitnessed-ok check-unwitnessed-ok-remedy check-timestamp check-timestamp-ok check-timestamp-none check-timestamp-none-remedy \
            check-timestamp-never check-timestamp-never-remedy check-timestamp-trouble check-timestamp-trouble-remedy check-timestamp-stale \
            check-timestamp-stale-remedy check-keys check-keys-ok check-keys-export check-keys-export-remedy check-folder check-folder-ok check-folder-wide \
            check-folder-wide-remedy check-folder-unread check-folder-unread-remedy check-mail check-mail-ok check-mail-none check-mail-none-remedy \
            check-room check-room-ok check-room-short check-room-short-remedy check-room-unread check-room-unread-remedy notice-alert-no-room banner-room \
            check-checkpoint-stalled check-checkpoint-stalled-remedy notice-alert-unsigned \
            check-role check-role-owner check-role-owner-remedy notice-alert-unwitnessed check-witness check-witness-ok check-witness-none \
            check-witness-none-remedy check-witness-trouble \
            check-witness-trouble-remedy check-witness-stale check-witness-stale-remedy \
            check-stream check-stream-ok check-stream-failed check-stream-failed-remedy check-stream-late check-stream-late-remedy \
            notice-alert-stream-late notice-alert-stream-file check-alerts check-alerts-ok check-alerts-none check-alerts-none-remedy \
            notice-alert-integrity-fault notice-review-due notice-affirmation-due \
            notice-break-glass wait-tag-intake wait-handover card-intake card-intake-unit card-intake-note \
            check-notices check-notices-ok check-notices-stuck check-notices-stuck-remedy check-gateway check-gateway-sandbox \
            check-gateway-sandbox-remedy fact-version fact-build fact-public-url fact-database fact-origin fact-verifier-key fact-size circle-anyone \
            circle-person role-console role-system actor-stranger policies-source-folder policies-source-embedded";
        for word in words.split_whitespace() {
            assert!(texts.has(word), "{word}");
        }
    }
}
