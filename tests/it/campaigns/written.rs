//! Campaigns and templates written over the API, segments as their audience, and how far a campaign says that it is.

use axum::body::Body;
use axum::http::{Request, header};
use countersign::policy::Role;
use serde_json::{Value, json};

use super::{approve, count, list, number, reviewed, state, text, until};
use crate::support::person::TestToken;
use crate::support::{Reply, check};

const SCOPES: [&str; 8] =
    ["campaign.list", "campaign.create", "campaign.edit", "campaign.submit", "template.create", "template.edit", "segment.create", "contact.list"];

async fn put(token: &TestToken<'_>, path: &str, body: &Value, version: Option<i64>) -> Reply {
    let mut request = Request::put(path).header("authorization", format!("Bearer {}", token.secret)).header(header::CONTENT_TYPE, "application/json");
    if let Some(version) = version {
        request = request.header("if-match", format!("\"{version}\""));
    }
    token.send(request.body(Body::from(body.to_string())).expect("a request")).await
}

#[tokio::test]
async fn a_campaign_is_written_over_the_api_once_and_changed_by_its_version() {
    check(async |app| {
        let (author, other) = (app.person(&[Role::Messaging]).await, app.person(&[Role::Messaging]).await);
        let list = list(&author, "Spring", "Europe/London", 0, 2).await;
        let token = author.token(&[Role::Messaging], &SCOPES).await;
        let bare = author.token(&[Role::Messaging], &["campaign.list"]).await;
        let made = async |key: &str| token.post_with("/api/v1/templates", &json!({ "name": "T", "text": "Hello {name}" }), &[("idempotency-key", key)]).await;
        let first = made("a").await.expect(201);
        let again = made("a").await.expect(201);
        assert_eq!((first.json()["id"].as_str(), again.header("idempotency-replayed")), (again.json()["id"].as_str(), "true"));
        made("b").await.expect(409);
        let template = first.json()["id"].as_str().expect("an id").to_owned();
        let page = format!("/api/v1/templates/{template}");
        for (bad, field) in [(json!({ "name": "", "text": "x" }), "name"), (json!({ "name": "U", "text": "{" }), "text"), (json!({ "name": "U" }), "text")] {
            let said = token.post("/api/v1/templates", &bad).await.expect(422).text();
            assert!(said.contains(field), "{said}");
        }
        bare.post("/api/v1/templates", &json!({ "name": "U", "text": "x" })).await.expect(403);
        put(&token, &page, &json!({ "text": "Hi {name}" }), None).await.expect(428);
        put(&token, &page, &json!({ "text": "Hi {name}" }), Some(1)).await.expect(200);
        let late = put(&token, &page, &json!({ "text": "Lost?" }), Some(1)).await.expect(412).json();
        assert_eq!((late["yours"]["text"].as_str(), late["current"]["text"].as_str()), (Some("Lost?"), Some("Hi {name}")));
        assert_eq!(token.get(&page).await.expect(200).json()["version"].as_i64(), Some(2));
        let new = json!({ "name": "C", "template": template, "audience": [list], "gateway": "sandbox", "per_minute": 60000, "needs_consent": false });
        let with = |name: &str, value: Value| {
            let mut body = new.clone();
            body[name] = value;
            body
        };
        for (field, value) in [
            ("name", json!("")),
            ("template", json!("tpl_none")),
            ("template_version", json!(7)),
            ("audience", json!([])),
            ("audience", json!(["lst_0192f0c1a2b37c4d8e5f60718293a4b5"])),
            ("gateway", json!("carrier")),
            ("gateway", json!("rules:rtg_0192f0c1a2b37c4d8e5f60718293a4b5")),
            ("scheduled_at", json!("2020-01-01T00:00:00Z")),
            ("scheduled_at", json!("tomorrow")),
            ("per_minute", json!(0)),
            ("sql", json!("1=1")),
        ] {
            token.post("/api/v1/campaigns", &with(field, value)).await.expect(422);
        }
        let key = [("idempotency-key", "one")];
        let first = token.post_with("/api/v1/campaigns", &new, &key).await.expect(201);
        let id = first.json()["id"].as_str().expect("an id").to_owned();
        assert_eq!(token.post_with("/api/v1/campaigns", &new, &key).await.expect(201).json()["id"].as_str(), Some(id.as_str()));
        token.post_with("/api/v1/campaigns", &with("name", json!("D")), &key).await.expect(422);
        assert_eq!(count(app, "select count(*) from campaign").await, 1);
        let page = format!("/campaigns/{id}");
        let api = format!("/api/v1/campaigns/{id}");
        bare.post("/api/v1/campaigns", &new).await.expect(403);
        assert_eq!(put(&bare, &api, &new, Some(1)).await.status.as_u16(), 403);
        token.post(&format!("{api}/submit"), &json!({})).await.expect(204);
        until(app, &page, "review").await;
        approve(app, &other, &page).await.expect(303);
        // An edit names what it saw, and takes the approval away.
        let seen: i64 = token.get(&api).await.expect(200).header("etag").trim_matches('"').parse().expect("a version");
        put(&token, &api, &with("name", json!("E")), Some(seen - 1)).await.expect(412);
        assert_eq!(state(app, &page).await, "approved");
        put(&token, &api, &with("name", json!("E")), Some(seen)).await.expect(200);
        assert_eq!(state(app, &page).await, "draft");
        token.post(&format!("{api}/submit"), &json!({})).await.expect(204);
        until(app, &page, "review").await;
        // The holder of the token wrote it, so they do not approve it.
        approve(app, &author, &page).await.expect(403);
    })
    .await;
}

#[tokio::test]
async fn a_segment_is_an_audience_as_it_was_at_review() {
    check(async |app| {
        let (author, other) = (app.person(&[Role::Messaging]).await, app.person(&[Role::Messaging]).await);
        // Sixty of one clinic, five of another; the segment is taken down in more than one batch.
        list(&author, "All", "Europe/London", 0, 60).await;
        for n in 60..65 {
            let fields = [("number", number(n)), ("name", "Bo".into()), ("zone", "Europe/London".into()), ("fields", "Clinic: South".into())];
            let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).chain([("postal", ""), ("tags", "vip")]).collect();
            author.post("/contacts/new", &fields).await.expect(303);
        }
        let mut form = vec![("name", "South or one"), ("within", "all"), ("between", "any")];
        for n in 0..12 {
            let (field, op, value) = match n {
                0 => ("Clinic", "is", "south"),
                1 => ("tag", "is", "VIP"),
                4 => ("name", "begins", "anna7 "),
                _ => ("", "is", ""),
            };
            form.extend([("field", field), ("op", op), ("value", value)]);
        }
        for (name, value, says) in [("name", " ", "name"), ("op", "like", "")] {
            let mut bad = form.clone();
            if let Some(field) = bad.iter_mut().find(|(n, _)| *n == name) {
                field.1 = value;
            }
            author.post("/contacts/segments", &bad).await.expect(422).says(says);
        }
        let empty: Vec<(&str, &str)> = form.iter().map(|(n, v)| if *n == "field" { (*n, "") } else { (*n, *v) }).collect();
        author.post("/contacts/segments", &empty).await.expect(422).says("at least one test");
        let page = author.post("/contacts/segments", &form).await.expect(303).location().to_owned();
        author.post("/contacts/segments", &form).await.expect(422).says("of this name already");
        author.get(&page).await.expect(200).says("Bo").says("Anna7 Keller").says("Clinic").lacks("Anna8");
        let sealed: Vec<(Vec<u8>,)> = app.app.db.query("select sealed from segment").all().await.expect("reads");
        assert!(sealed.iter().all(|(bytes,)| !bytes.windows(5).any(|w| w == b"anna7")), "what a filter looks for lies sealed");
        let token = author.token(&[Role::Messaging], &SCOPES).await;
        for bad in [json!({ "all": [] }), json!({ "sql": "1=1" }), json!({ "test": { "field": "sealed", "op": "is", "value": "x" } })] {
            token.post("/api/v1/segments", &json!({ "name": "N", "filter": bad })).await.expect(422);
        }
        let filter = json!({ "any": [{ "test": { "field": "region", "op": "is", "value": "US" } }] });
        token.post("/api/v1/segments", &json!({ "name": "Everybody", "filter": filter })).await.expect(201);
        assert_eq!(token.get("/api/v1/segments").await.expect(200).json()["items"][0]["filter"], filter);
        let segment = page.trim_start_matches("/contacts/segments/").to_owned();
        let template = text(&author, "T", "Hello {name}").await;
        let campaign = super::draft(&author, &template, &[&segment], "sandbox").await;
        reviewed(app, &author, &campaign).await;
        other.get(&campaign).await.expect(200).says("South or one (segment)");
        assert_eq!(count(app, "select count(*) from campaign_recipient").await, 6);
        // Who comes to fit it later gets nothing: it was taken down for review.
        let fields = [("number", "+14155552999"), ("name", "Late"), ("zone", "Europe/London"), ("postal", ""), ("tags", "vip"), ("fields", "Clinic: South")];
        author.post("/contacts/new", &fields).await.expect(303);
        approve(app, &other, &campaign).await.expect(303);
        author.post(&format!("{campaign}/begin"), &[]).await.expect(303);
        until(app, &campaign, "done").await;
        assert_eq!(count(app, "select count(*) from message where state = 'accepted'").await, 6);
        // The whole of it, in several batches.
        let everybody: (String,) = app.app.db.query("select id from segment where name = 'Everybody'").optional().await.expect("reads").expect("there");
        let whole = super::draft(&author, &template, &[&everybody.0], "sandbox").await;
        reviewed(app, &author, &whole).await;
        let wanted: i64 =
            app.app.db.query("select recipients from campaign where id = $1").bind(whole.trim_start_matches("/campaigns/")).scalar().await.expect("reads");
        assert_eq!(wanted, 66);
    })
    .await;
}

#[tokio::test]
async fn a_campaign_says_how_far_it_is_and_shows_its_results_over_time() {
    check(async |app| {
        let (author, other) = (app.person(&[Role::Messaging]).await, app.person(&[Role::Messaging]).await);
        let (stranger, office) = (app.stranger(), app.person(&[Role::Contributor]).await);
        let list = list(&author, "Spring", "Europe/London", 0, 3).await;
        let template = text(&author, "T", "Hello {name}").await;
        let page = super::draft(&author, &template, &[&list], "sandbox").await;
        reviewed(app, &author, &page).await;
        approve(app, &other, &page).await.expect(303);
        author.post(&format!("{page}/begin"), &[]).await.expect(303);
        until(app, &page, "done").await;
        let live = author.get(&format!("{page}/live")).await.expect(200);
        assert_eq!(live.header("content-type"), "text/event-stream");
        let said = live.text();
        assert!(
            said.starts_with("retry: 5000\nevent: progress\ndata: {") && said.contains("\"progress\":100") && said.contains("\"accepted\":\"3\""),
            "{said}"
        );
        assert!(said.ends_with("event: end\ndata: {}\n\n"), "{said}");
        author.get("/campaigns/cmp_0192f0c1a2b37c4d8e5f60718293a4b5/live").await.expect(404);
        office.get(&format!("{page}/live")).await.expect(403);
        stranger.get(&format!("{page}/live")).await.expect(303);
        // The same without a script: bars with their numbers in a table.
        author.get(&page).await.expect(200).says("Results over time").says("<rect ").lacks("data-live");
    })
    .await;
}
