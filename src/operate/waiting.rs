//! What waits for whoever is signed in: files, records and campaigns to decide about, own files that were given back, own
//! objectives that are due. Must stay true: a page of each at most, the oldest first, and nothing that one may not decide about.

use jiff::civil::Date;
use serde::Serialize;

use super::sql;
use crate::core::clock::Micros;
use crate::db::DbError;
use crate::http::{Answer, Ctx, Signed};
use crate::policy::{On, Role};
use crate::{assess, campaigns};

/// What is due within so many days is due soon.
const SOON_DAYS: i64 = 7;
/// Shown of each kind; the statements read one more.
const EACH_MAX: usize = 100;

crate::row! {
    struct Named { id: String, name: String, by_whom: String, at: i64 }
}
crate::row! {
    struct RecordRow { assessment_id: String, assessment: String, objective: String, with_whom: String, by_whom: String, at: i64 }
}
crate::row! {
    struct DueRow { assessment_id: String, assessment: String, objective: String, due_on: String }
}

#[derive(Serialize)]
struct Item {
    text: String,
    href: String,
    about: String,
    at: Option<Micros>,
}

#[derive(Serialize)]
struct Section {
    id: &'static str,
    items: Vec<Item>,
    more: bool,
}

#[derive(Serialize)]
struct WaitingPage {
    sections: Vec<Section>,
}

/// The last day that is soon, in UTC.
pub(super) fn soon(ctx: &Ctx) -> Date {
    let today = jiff::Timestamp::from_microsecond(ctx.now()).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date();
    today.checked_add(jiff::Span::new().days(SOON_DAYS)).unwrap_or(today)
}

/// An objective's page.
fn objective(assessment: &str, name: &str) -> String {
    format!("/assess/{assessment}/objectives/{}", name.replace('[', "%5B").replace(']', "%5D"))
}

impl WaitingPage {
    fn add(&mut self, id: &'static str, mut items: Vec<Item>) {
        let more = items.len() > EACH_MAX;
        items.truncate(EACH_MAX);
        if !items.is_empty() {
            self.sections.push(Section { id, items, more });
        }
    }
}

/// `GET /waiting`.
pub(super) async fn get(Signed { ctx, person }: Signed) -> Answer {
    let (app, actor, db) = (&ctx.app, &ctx.actor, &ctx.app.db);
    let by = |who: &str| app.text("waiting-by", &[("who", who)]);
    let named = |root: &'static str| move |r: Named| Item { text: r.name, href: format!("{root}{}", r.id), about: r.by_whom, at: Some(r.at) };
    let told = |mut item: Item| {
        item.about = by(&item.about);
        item
    };
    let mut page = WaitingPage { sections: Vec::new() };
    let found = async {
        if actor.has(Role::Compliance) {
            let files: Vec<Named> = db.query(sql::WAITING_FILES).bind(&person).all().await?;
            page.add("approve", files.into_iter().map(named("/evidence/")).map(told).collect());
        }
        if app.policy.can::<assess::Confirm>(actor, &On::any("objective")) {
            let records: Vec<RecordRow> = db.query(sql::WAITING_RECORDS).bind(&person).all().await?;
            let item = |r: RecordRow| Item {
                href: format!("{}#evidence", objective(&r.assessment_id, &r.objective)),
                text: format!("{}: {}", r.objective, r.with_whom),
                about: format!("{}, {}", r.assessment, by(&r.by_whom)),
                at: Some(r.at),
            };
            page.add("confirm", records.into_iter().map(item).collect());
        }
        if app.policy.can::<campaigns::Approve>(actor, &On::any("campaign")) {
            let rows: Vec<Named> = db.query(sql::WAITING_CAMPAIGNS).bind(&person).all().await?;
            page.add("campaigns", rows.into_iter().map(named("/campaigns/")).map(told).collect());
        }
        if actor.has(Role::Contributor) || actor.has(Role::Compliance) {
            let files: Vec<Named> = db.query(sql::GIVEN_BACK).bind(&person).all().await?;
            page.add("given-back", files.into_iter().map(named("/evidence/")).map(told).collect());
            let due: Vec<DueRow> = db.query(sql::DUE).bind(&person).bind(soon(&ctx).to_string()).all().await?;
            let item = |r: DueRow| Item {
                href: objective(&r.assessment_id, &r.objective),
                about: format!("{}, {}", r.assessment, app.text("waiting-due-on", &[("day", &r.due_on)])),
                text: r.objective,
                at: None,
            };
            page.add("due", due.into_iter().map(item).collect());
        }
        Ok::<_, DbError>(())
    };
    found.await?;
    ctx.page("waiting.html", page).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::templates::Templates;
    use crate::http::texts::Texts;

    #[test]
    fn what_waits_renders_full_and_empty() {
        let render = |page: &WaitingPage| {
            let assets = serde_json::json!({ "css": "c", "js": "j", "icons": "i", "mark": "m" });
            let base = serde_json::json!({
                "nonce": "n", "csrf_token": "t", "assets": assets, "lang": "en", "path": "/", "now": 0, "time_zone": "UTC", "viewer": null,
                "flash": null, "banner": null, "trail": null, "page_title_error": false,
            });
            Templates::new(std::sync::Arc::new(Texts::english())).render("waiting.html", base, page).expect("it renders")
        };
        let mut page = WaitingPage { sections: Vec::new() };
        assert!(render(&page).contains("Nothing waits"));
        let item = |n: usize| Item { text: format!("<i>{n}"), href: objective("asm_1", "3.1.1[a]"), about: "by Ada".into(), at: Some(0) };
        for id in ["approve", "confirm", "campaigns", "given-back", "due"] {
            page.add(id, (0..=EACH_MAX).map(item).collect());
        }
        let shown = render(&page);
        assert!(shown.contains("&lt;i&gt;99") && !shown.contains("&lt;i&gt;100") && shown.contains("There are more"));
        assert!(shown.contains("3.1.1%5Ba%5D") && shown.contains("Interviews and tests to confirm"));
    }
}
