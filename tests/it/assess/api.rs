//! The same over the API: ETags, keys that may come again, and lines by JSON and CSV.

use axum::body::Body;
use axum::http::{Request, header};
use countersign::policy::Role;
use serde_json::{Value, json};

use super::{begin, upload};
use crate::artifacts::approve;
use crate::support::check;

const SCOPES: [&str; 14] = [
    "assess.read",
    "system.create",
    "system.edit",
    "assessment.create",
    "assessment.bulk",
    "objective.assess",
    "objective.link",
    "objective.unlink",
    "objective.record",
    "objective.withdraw",
    "objective.comment",
    "requirement.assign",
    "requirement.partial",
    "evidence.list",
];

#[tokio::test]
async fn a_program_describes_begins_assesses_and_reads_why_not() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let token = person.token(&[Role::Contributor], &SCOPES).await;
        assert_eq!(token.get("/api/v1/frameworks").await.expect(200).json()[0]["key"], "nist-800-171-r2");
        let body = json!({ "name": "Core", "cage_codes": "1abc2" });
        let made = token.post_with("/api/v1/systems", &body, &[("idempotency-key", "one")]).await.expect(201);
        let again = token.post_with("/api/v1/systems", &body, &[("idempotency-key", "one")]).await.expect(201);
        assert_eq!((made.json()["id"].clone(), again.header("idempotency-replayed")), (again.json()["id"].clone(), "true"));
        let system = made.json()["id"].as_str().expect("an id").to_owned();
        let shown = token.get(&format!("/api/v1/systems/{system}")).await.expect(200);
        assert_eq!((shown.header("etag"), &shown.json()["cage_codes"]), ("\"1\"", &json!(["1ABC2"])));
        let renamed = json!({ "name": "Core network" });
        token.post(&format!("/api/v1/systems/{system}"), &renamed).await.expect(428);
        token.post_with(&format!("/api/v1/systems/{system}"), &renamed, &[("if-match", "1")]).await.expect(400);
        token.post_with(&format!("/api/v1/systems/{system}"), &renamed, &[("if-match", "\"1\"")]).await.expect(204);
        let late = token.post_with(&format!("/api/v1/systems/{system}"), &json!({ "name": "Late" }), &[("if-match", "\"1\"")]).await.expect(412);
        assert_eq!((&late.json()["yours"]["name"], &late.json()["current"]["name"]), (&json!("Late"), &json!("Core network")));
        token.post("/api/v1/assessments", &json!({ "system": system, "framework": "none", "name": "x" })).await.expect(422);
        let body = json!({ "system": system, "framework": "nist-800-171-r2", "name": "2026" });
        let id = token.post("/api/v1/assessments", &body).await.expect(201).json()["id"].as_str().expect("an id").to_owned();
        assert_eq!(token.get(&format!("/api/v1/assessments?system={system}")).await.expect(200).json()[0]["id"], id);

        let objective = format!("/api/v1/assessments/{id}/objectives/3.4.4");
        let shown = token.get(&objective).await.expect(200);
        assert_eq!((shown.header("etag"), &shown.json()["why"]["code"]), ("\"0\"", &json!("unassessed")));
        let met = json!({ "stage": "in_progress", "finding": "met" });
        let kept = token.post_with(&objective, &met, &[("if-match", "\"0\"")]).await.expect(200);
        assert_eq!((kept.header("etag"), &kept.json()["why"]["code"]), ("\"1\"", &json!("no_evidence")));
        assert_eq!(kept.json()["why"]["href"], format!("/assess/{id}/objectives/3.4.4#evidence"));
        let late = token.post_with(&objective, &json!({ "stage": "reviewed", "notes": "mine" }), &[("if-match", "\"0\"")]).await.expect(412);
        assert_eq!(
            (&late.json()["code"], &late.json()["yours"]["notes"], &late.json()["current"]["finding"]),
            (&json!("changed"), &json!("mine"), &json!("met"))
        );
        token.post_with(&objective, &json!({ "stage": "complete", "finding": "met" }), &[("if-match", "\"1\"")]).await.expect(409);
        token.post_with(&objective, &json!({ "stage": "finished" }), &[("if-match", "\"1\"")]).await.expect(422);
        token.post_with(&objective, &json!({ "stage": "reviewed", "colour": "red" }), &[("if-match", "\"1\"")]).await.expect(422);
        let record = json!({ "method": "test", "with": "The change board", "said": "It weighs them.", "held_on": "2026-01-14" });
        let made = token.post_with(&format!("{objective}/records"), &record, &[("idempotency-key", "two")]).await.expect(201).json();
        let again = token.post_with(&format!("{objective}/records"), &record, &[("idempotency-key", "two")]).await.expect(201).json();
        assert_eq!(made, again);
        assert_eq!(token.get(&objective).await.expect(200).json()["why"]["code"], "unconfirmed");
        let officer = app.person(&[Role::Compliance]).await;
        let second = officer.token(&[Role::Compliance], &["objective.confirm"]).await;
        token.post(&format!("{objective}/confirm"), &json!({ "record": made["id"] })).await.expect(403);
        second.post(&format!("{objective}/confirm"), &json!({ "record": made["id"] })).await.expect(204);
        second.post(&format!("{objective}/confirm"), &json!({ "record": made["id"] })).await.expect(409);
        assert_eq!(token.get(&objective).await.expect(200).json()["why"], Value::Null);
        token.post_with(&objective, &json!({ "stage": "complete", "finding": "met" }), &[("if-match", "\"1\"")]).await.expect(200);
        token.post(&format!("{objective}/withdraw"), &json!({ "record": made["id"] })).await.expect(409);
        let file = upload(&person, "weighed.txt").await;
        approve(&person, &file).await;
        token.post(&format!("{objective}/link"), &json!({ "evidence": file, "method": "examine" })).await.expect(204);
        token.post(&format!("{objective}/link"), &json!({ "evidence": file })).await.expect(409);
        token.post(&format!("{objective}/withdraw"), &json!({ "record": made["id"] })).await.expect(204);
        token.post(&format!("{objective}/unlink"), &json!({ "evidence": file })).await.expect(409);
        token.post(&format!("{objective}/comments"), &json!({ "text": "Done." })).await.expect(201);
        token
            .post(&format!("/api/v1/assessments/{id}/requirements/3.1.1/assign"), &json!({ "owner": person.username, "due_on": "2026-03-31" }))
            .await
            .expect(204);
        token.post(&format!("/api/v1/assessments/{id}/requirements/3.13.11/partial"), &json!({ "because": "not validated" })).await.expect(204);
        let whole = token.get(&format!("/api/v1/assessments/{id}")).await.expect(200).json();
        let requirements = whole["requirements"].as_array().expect("requirements");
        assert_eq!((requirements.len(), requirements.iter().map(|r| r["objectives"].as_array().map_or(0, Vec::len)).sum::<usize>()), (110, 320));
        let verified = requirements.iter().filter(|r| r["verified"] == "met").count();
        assert_eq!(verified, 1);
        let scores = token.get(&format!("/api/v1/assessments/{id}/score")).await.expect(200).json();
        assert_eq!((&scores["verified"]["score"], &scores["verified"]["reasons"][0]["code"]), (&Value::Null, &json!("no_ssp")));
        assert_eq!(scores["ranking"][0]["gate"], true);
        assert_eq!(scores["hindrances"][0]["code"], "no_score");
    })
    .await;
}

#[tokio::test]
async fn lines_come_as_json_and_as_csv() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let id = begin(&person).await.trim_start_matches("/assess/").to_owned();
        let token = person.token(&[Role::Contributor], &SCOPES).await;
        let path = format!("/api/v1/assessments/{id}/statuses");
        let lines = json!([{ "objective": "3.1.1[a]", "finding": "not_met", "because": "none" }, { "objective": "3.1.1[b]", "stage": "reviewed" }]);
        assert_eq!(token.post(&path, &lines).await.expect(200).json()["changed"], 2);
        let bad = token.post(&path, &json!([{ "objective": "3.1.1[a]", "version": 9 }, { "objective": "none" }])).await.expect(422).json();
        assert_eq!(bad["errors"].as_array().map(Vec::len), Some(2), "{bad}");
        token.post(&path, &json!([])).await.expect(422);
        token.post(&path, &json!([{ "objective": "3.1.1[a]", "status": "met" }])).await.expect(422);
        let csv = async |text: &str| {
            let request = Request::post(&path).header("authorization", format!("Bearer {}", token.secret)).header(header::CONTENT_TYPE, "text/csv");
            token.send(request.body(Body::from(text.to_owned())).expect("a request")).await
        };
        assert_eq!(csv("objective,stage\n3.4.4,reviewed\n").await.expect(200).json()["changed"], 1);
        csv("objective\n\"").await.expect(422);
        csv(&"x".repeat(2 << 20)).await.expect(413);
        let narrow = person.token(&[Role::Contributor], &["assess.read"]).await;
        narrow.post(&path, &lines).await.expect(403);
    })
    .await;
}
