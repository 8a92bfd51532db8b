//! Charts and findings of the trail, and the views somebody keeps of it.

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use countersign::core::clock::{DAY, HOUR};
use countersign::policy::Role;
use countersign::trail::activity::{DAYS, activity};
use countersign::trail::insights::{Finding, insights};

use crate::support::app::PASSWORD;
use crate::support::{TestApp, TestPerson, check};

async fn found(app: &TestApp, kind: &str) -> Vec<Finding> {
    app.app.db.settle().await.expect("settles");
    insights(&app.app.db, "UTC").await.expect("reads").into_iter().filter(|f| f.kind == kind).collect()
}

#[tokio::test]
async fn every_entry_is_counted_on_its_day_and_in_its_hour() {
    check(async |app| {
        // The beginning of the server is at noon of 15 January, a Thursday.
        let size = async || {
            app.app.db.settle().await.expect("settles");
            app.app.db.head(1).await.expect("reads").expect("is there").size
        };
        let first = size().await;
        let person = app.person(&[Role::Contributor]).await;
        let at_noon = size().await;
        app.clock.advance(3 * DAY + 5 * HOUR);
        person.open_session().await;
        for _ in 0..7 {
            person.get("/audit").await.expect(403);
        }
        let later = size().await - at_noon;
        assert!(first > 0 && later >= 7);
        let seen = activity(&app.app.db, "UTC", app.clock.now()).await.expect("counts");
        assert_eq!(seen.days.len(), DAYS);
        let days: Vec<(String, i64)> = seen.days.iter().filter(|(_, n)| *n > 0).map(|(d, n)| (d.to_string(), *n)).collect();
        assert_eq!(days, [("2026-01-15".into(), at_noon), ("2026-01-18".into(), later)]);
        assert_eq!((seen.heat[3][12], seen.heat[6][17]), (at_noon, later));
        assert_eq!(seen.heat.iter().flatten().sum::<i64>(), at_noon + later);
        let tokyo = activity(&app.app.db, "Asia/Tokyo", app.clock.now()).await.expect("counts");
        assert_eq!((tokyo.heat[3][21], tokyo.heat[0][2]), (at_noon, later), "the reader's hours");
        app.clock.advance(28 * DAY);
        let old = activity(&app.app.db, "UTC", app.clock.now()).await.expect("counts");
        assert_eq!(old.days.iter().map(|(_, n)| n).sum::<i64>(), later, "31 days ago is no longer shown");
        assert_eq!(old.heat.iter().flatten().sum::<i64>(), 0, "nor what is older than four weeks");
    })
    .await;
}

#[tokio::test]
async fn failed_sign_ins_and_refusals_in_bursts_deserve_a_look() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        let other = app.person(&[Role::Contributor]).await;
        let stranger = app.stranger();
        stranger.get("/login").await.expect(200);
        for n in 0..4 {
            stranger.post("/login", &[("username", &format!("nobody.{n}")), ("password", "wrong wrong Wrong 1")]).await.expect(422);
        }
        for _ in 0..9 {
            other.get("/audit").await.expect(403);
        }
        assert!(found(app, "failures").await.is_empty() && found(app, "denials").await.is_empty());
        officer.get("/audit/insights").await.expect(200).says("Nothing stands out");
        stranger.post("/login", &[("username", "nobody.5"), ("password", "wrong wrong Wrong 1")]).await.expect(422);
        other.get("/audit").await.expect(403);
        assert_eq!(found(app, "failures").await.iter().map(|f| f.count).collect::<Vec<_>>(), [5]);
        let denials = found(app, "denials").await;
        assert_eq!((denials.len(), denials[0].count, denials[0].who.as_deref()), (1, 10, other.id.as_ref().map(|id| id.as_str())));
        let page = officer.get("/audit/insights").await.expect(200).says("5 failed sign-ins").says(&other.username).text();
        let href = page.split("/audit?actor").nth(1).and_then(|t| t.split('"').next()).expect("a link").replace("&#x3d;", "=").replace("&amp;", "&");
        let list = officer.get(&format!("/audit?actor{href}")).await.expect(200).text();
        assert_eq!(list.matches("<tr><td class=\"n\">").count(), 10, "{list}");
        app.clock.advance(8 * DAY);
        assert!(found(app, "failures").await.is_empty() && found(app, "denials").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn exports_at_night_and_changed_roles_deserve_a_look() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        let admin = app.person(&[Role::Admin]).await;
        let other = TestPerson::enrolled(app, &[Role::Contributor]).await;
        officer.post("/audit/export", &[("format", "json")]).await.expect(200);
        assert!(found(app, "exports").await.is_empty(), "noon is no night");
        officer.post("/account/zone", &[("zone", "Pacific/Auckland")]).await.expect(303);
        assert_eq!(found(app, "exports").await.len(), 1, "one in the morning, where this person is");
        let id = other.id.as_ref().expect("an id").to_string();
        admin.post(&format!("/admin/users/{id}/roles"), &[("roles", "intake")]).await.expect(303);
        let roles = found(app, "roles").await;
        assert_eq!((roles.len(), roles[0].who.as_deref()), (1, Some(id.as_str())));
        officer.get("/audit/insights").await.expect(200).says("An export outside").says("Roles were changed of");
    })
    .await;
}

/// Signs in from an address, with the forms.
async fn sign_in_from(person: &TestPerson<'_>, address: [u8; 4]) {
    let form = |path: &str, fields: &[(&str, &str)]| {
        let token = person.csrf();
        let mut all = vec![("csrf_token", token.as_str())];
        all.extend_from_slice(fields);
        let body = serde_urlencoded::to_string(all).expect("a form");
        let mut request = Request::post(path).header("content-type", "application/x-www-form-urlencoded").body(Body::from(body)).expect("a request");
        request.extensions_mut().insert(ConnectInfo(std::net::SocketAddr::from((address, 40_000))));
        request
    };
    person.keep("countersign", "");
    person.get("/login").await.expect(200);
    let request = form("/login", &[("username", &person.username), ("password", PASSWORD)]);
    person.send(request).await.expect(303);
    let code = person.code();
    let request = form("/login/totp", &[("code", &code)]);
    assert_eq!(person.send(request).await.expect(303).location(), "/");
}

#[tokio::test]
async fn an_administrators_new_address_deserves_a_look() {
    check(async |app| {
        let admin = TestPerson::enrolled(app, &[Role::Admin]).await;
        let staff = TestPerson::enrolled(app, &[Role::Intake]).await;
        sign_in_from(&admin, [192, 0, 2, 1]).await;
        sign_in_from(&staff, [192, 0, 2, 1]).await;
        app.advance(60);
        sign_in_from(&admin, [192, 0, 2, 1]).await;
        sign_in_from(&staff, [192, 0, 2, 2]).await;
        assert!(found(app, "addresses").await.is_empty(), "known, or nobody's administrator");
        app.advance(60);
        sign_in_from(&admin, [192, 0, 2, 3]).await;
        let new = found(app, "addresses").await;
        assert_eq!((new.len(), new[0].who.as_deref()), (1, admin.id.as_ref().map(|id| id.as_str())));
        app.advance(60);
        sign_in_from(&admin, [192, 0, 2, 3]).await;
        assert_eq!(found(app, "addresses").await, new, "once");
    })
    .await;
}

#[tokio::test]
async fn a_view_is_kept_sealed_and_is_its_owners_alone() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        let other = app.person(&[Role::Compliance, Role::Admin]).await;
        officer.post("/audit/views", &[("name", "All")]).await.expect(422);
        officer.post("/audit/views", &[("name", " "), ("outcome", "denied")]).await.expect(422);
        officer.post("/audit/views", &[("name", "x"), ("outcome", "no such")]).await.expect(422);
        let view = officer
            .post("/audit/views", &[("name", "Refused to Nora"), ("outcome", "denied"), ("actor", "nora.quist")])
            .await
            .expect(303)
            .location()
            .to_owned();
        officer.get("/audit").await.expect(200).says("Refused to Nora").says(&view);
        other.get("/audit").await.expect(200).lacks(&view);
        assert_eq!(officer.get(&view).await.expect(303).location(), "/audit?actor=nora.quist&outcome=denied");
        other.get(&view).await.expect(404);
        other.post(&format!("{view}/delete"), &[]).await.expect(404);
        app.person(&[Role::Contributor]).await.get(&view).await.expect(403);
        let row: (Vec<u8>,) = app.app.db.query("select sealed from saved_view").one().await.expect("reads");
        assert!(!String::from_utf8_lossy(&row.0).contains("nora"));
        let body: Vec<u8> = app.app.db.query("select body from audit_event where action = 'view.save'").scalar().await.expect("an entry");
        assert!(!String::from_utf8_lossy(&body).to_lowercase().contains("nora"));
        officer.post(&format!("{view}/delete"), &[]).await.expect(303);
        officer.post(&format!("{view}/delete"), &[]).await.expect(404);
        officer.get(&view).await.expect(404);
        assert_eq!(app.db_actions().await.iter().filter(|a| a.starts_with("view.")).cloned().collect::<Vec<_>>(), ["view.save ok", "view.delete ok"]);
        let left: i64 = app.app.db.query("select count(*) from saved_view where sealed is not null").scalar().await.expect("counts");
        assert_eq!(left, 0, "a deleted view is empty");
    })
    .await;
}

#[tokio::test]
async fn nobody_keeps_more_views_than_fifty_even_in_a_race() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        for n in 0..49 {
            officer.post("/audit/views", &[("name", &format!("view {n}")), ("outcome", "denied")]).await.expect(303);
        }
        let save = || officer.post("/audit/views", &[("name", "one more"), ("outcome", "denied")]);
        let (one, other) = tokio::join!(save(), save());
        let mut said = [one.status.as_u16(), other.status.as_u16()];
        said.sort_unstable();
        assert_eq!(said, [303, 409]);
        save().await.expect(409);
    })
    .await;
}
