//! Staff: a field for a purpose, corrections that keep what was, exports that say what they hold, and the broken glass.

use axum::http::Method;
use countersign::policy::Role;
use countersign::vault::{OpenError, Place};
use sha2::{Digest as _, Sha256};

use super::{PHONE, count, entries, say, whole, with};

const PURPOSE: (&str, &str) = ("purpose", "treatment");

#[tokio::test]
async fn a_field_is_read_for_a_purpose_and_the_entry_names_it() {
    with(&[], async |app| {
        let id = whole(app).await;
        let staff = app.person(&[Role::Intake]).await;
        let list = staff.get("/intake").await.expect(200).says(">RP<").says("40–49").lacks("Planted");
        assert!(list.header("cache-control").contains("no-store"));
        let page = staff.get(&format!("/intake/{id}")).await.expect(200);
        page.lacks("Planted").lacks("planted").lacks("1984-03");
        let reveal = format!("/intake/{id}/reveal");
        staff.post(&reveal, &[("field", "history"), ("purpose", "curiosity")]).await.expect(422).says("Choose a purpose").lacks("planted");
        staff.post(&reveal, &[("field", "history"), ("purpose", "other")]).await.expect(422).says("Write 1 to").lacks("planted");
        staff.post(&reveal, &[("field", "shoe_size"), PURPOSE]).await.expect(422);
        assert_eq!(count(app, "select count(*) from intake_disclosure").await, 0);
        staff.post(&reveal, &[("field", "history"), PURPOSE]).await.expect(200).says("planted-asthma").lacks("salbutamol").lacks("Plantedname");
        staff.post(&reveal, &[("field", "phone"), PURPOSE]).await.expect(200).says(PHONE);
        let told: Vec<_> = entries(app).await.into_iter().filter(|e| e["action"] == "intake.reveal").collect();
        assert_eq!(told.len(), 2);
        assert_eq!((told[0]["data"]["field"].as_str(), told[0]["data"]["purpose"].as_str()), (Some("history"), Some("treatment")));
        assert_eq!(told[0]["resource"]["id"].as_str(), Some(id.as_str()));
        let account = staff.get(&format!("/intake/{id}/disclosures")).await.expect(200);
        account.says("Medical history").says("Treatment").says("Phone");
    })
    .await;
}

#[tokio::test]
async fn who_has_no_part_in_intakes_hears_that_there_is_nothing() {
    with(&[], async |app| {
        let id = whole(app).await;
        for role in [Role::Admin, Role::Contributor, Role::Messaging, Role::Assessor, Role::Compliance] {
            let person = app.person(&[role]).await;
            person.get("/intake").await.expect(404);
            person.get(&format!("/intake/{id}")).await.expect(404);
            person.post(&format!("/intake/{id}/reveal"), &[("field", "history"), PURPOSE]).await.expect(404);
            person.get("/intake/export").await.expect(404);
        }
        let token = app.person(&[Role::Intake]).await.token(&[Role::Intake], &["intake.list"]).await;
        assert_eq!(token.post(&format!("/api/v1/intakes/{id}/reveal"), &serde_json::json!({})).await.status.as_u16(), 404, "its scope is another");
        // Every try is an entry.
        let denied = count(app, "select count(*) from audit_event where category = 'intake' and outcome = 'denied'").await;
        assert!(denied >= 20, "{denied}");
    })
    .await;
}

#[tokio::test]
async fn over_the_api_each_act_is_a_scope_and_a_field_has_a_purpose() {
    with(&[], async |app| {
        let id = whole(app).await;
        let staff = app.person(&[Role::Intake]).await;
        let token = staff.token(&[Role::Intake], &["intake.list", "intake.reveal"]).await;
        let all = token.get("/api/v1/intakes?state=complete").await.expect(200).json();
        assert_eq!((all["items"][0]["initials"].as_str(), all["items"][0]["age_band"].as_str()), (Some("RP"), Some("40–49")));
        let one = token.get(&format!("/api/v1/intakes/{id}")).await.expect(200).lacks("lanted").json();
        assert_eq!(one["fields"].as_array().map(Vec::len), Some(5));
        let reveal = format!("/api/v1/intakes/{id}/reveal");
        let ask = |field: &str, purpose: &str| serde_json::json!({ "field": field, "purpose": purpose });
        token.post(&reveal, &ask("history", "curiosity")).await.expect(422);
        token.post(&reveal, &ask("history", "other")).await.expect(422);
        token.post(&reveal, &ask("shoe_size", "treatment")).await.expect(404);
        token.post(&reveal, &ask("history", "treatment")).await.expect(200).says("planted-asthma");
        assert_eq!(count(app, "select count(*) from intake_disclosure").await, 1);
    })
    .await;
}

#[tokio::test]
async fn somebody_is_found_by_number_or_by_name_and_birth_and_by_nothing_less() {
    with(&[], async |app| {
        whole(app).await;
        let staff = app.person(&[Role::Intake]).await;
        let find = async |fields: &[(&str, &str)]| staff.post("/intake/find", fields).await;
        find(&[("phone", "(415) 555-2671")]).await.expect(200).says(">RP<");
        find(&[("name", "  ruth   PLANTEDNAME"), ("birth", "1984-03-27")]).await.expect(200).says(">RP<");
        find(&[("name", "Ruth Plantedname"), ("birth", "1984-03-28")]).await.expect(200).lacks(">RP<").says("Nothing fits");
        find(&[("phone", "+14155552679")]).await.expect(200).lacks(">RP<");
        find(&[("birth", "1984-03-27")]).await.expect(422).says("whole name");
        find(&[]).await.expect(422);
    })
    .await;
}

#[tokio::test]
async fn a_value_moved_to_another_row_column_or_record_does_not_open() {
    with(&[], async |app| {
        let id = whole(app).await;
        let rows: Vec<(String, i64, Vec<u8>)> = app
            .app
            .db
            .query("select field, version, sealed from intake_value where record_id = $1 order by version")
            .bind(id.as_str())
            .all()
            .await
            .expect("reads");
        let vault = app.app.db.vault();
        let (field, version, sealed) = &rows[3];
        let open = async |row: String, table: &'static str, column: &'static str| vault.unseal_padded(&Place { table, row: &row, column }, sealed).await;
        assert!(open(format!("{id}/{field}/{version}"), "intake_value", "sealed").await.is_ok());
        for (row, table, column) in [
            (format!("{id}/{}/{version}", rows[4].0), "intake_value", "sealed"),
            (format!("{id}/{field}/{}", version + 1), "intake_value", "sealed"),
            (format!("itk_{}/{field}/{version}", "0".repeat(32)), "intake_value", "sealed"),
            (format!("{id}/{field}/{version}"), "intake_record", "sealed"),
            (format!("{id}/{field}/{version}"), "intake_value", "brief"),
        ] {
            assert!(matches!(open(row.clone(), table, column).await, Err(OpenError::Altered)), "{row} {table} {column}");
        }
        // Lengths show their bucket alone.
        assert_eq!(rows[3].2.len(), rows[4].2.len(), "{rows:?}");
    })
    .await;
}

#[tokio::test]
async fn a_correction_keeps_what_was_and_a_note_goes_with_the_record() {
    with(&[], async |app| {
        let id = whole(app).await;
        let staff = app.person(&[Role::Intake]).await;
        let version: i64 = app.app.db.query("select version from intake_record").scalar().await.expect("reads");
        let seen = version.to_string();
        let correct = async |field: &str, value: &str, seen: &str| {
            let fields = [("field", field), ("value", value), ("reason", "read out by the patient"), ("version", seen)];
            staff.post(&format!("/intake/{id}/correct"), &fields).await
        };
        correct("birth", "31/31/1984", &seen).await.expect(422);
        correct("name", "Ruth Newname", &seen).await.expect(303);
        correct("name", "Ruth Othername", &seen).await.expect(409);
        let reveal = format!("/intake/{id}/reveal");
        staff.post(&reveal, &[("field", "name"), PURPOSE]).await.expect(200).says("Ruth Newname");
        let first: i64 = app.app.db.query("select min(version) from intake_value where field = 'name'").scalar().await.expect("reads");
        let older = [("field", "name"), ("version", &first.to_string()), PURPOSE];
        staff.post(&reveal, &older).await.expect(200).says("Ruth Plantedname");
        staff.get("/intake").await.expect(200).says(">RN<");
        staff.post("/intake/find", &[("name", "Ruth Newname"), ("birth", "1984-03-27")]).await.expect(200).says(">RN<");
        staff.post(&format!("/intake/{id}/note"), &[("text", "called back, Plantednote")]).await.expect(303);
        staff.get(&format!("/intake/{id}")).await.expect(200).lacks("Plantednote");
        staff.post(&reveal, &[("field", "notes"), PURPOSE]).await.expect(200).says("Plantednote");
        let erase = format!("/intake/{id}/erase");
        staff.get(&erase).await.expect(200).says("Yesterday");
        staff.post(&erase, &[("reason", "asked on the telephone"), ("typed", "destroy")]).await.expect(422);
        staff.post(&erase, &[("reason", "asked on the telephone"), ("typed", "DESTROY")]).await.expect(303);
        assert_eq!(count(app, "select count(*) from intake_note where sealed is not null").await, 0);
        staff.post(&reveal, &[("field", "notes"), PURPOSE]).await.expect(410);
        staff.post(&format!("/intake/{id}/note"), &[("text", "more")]).await.expect(410);
    })
    .await;
}

#[tokio::test]
async fn a_broken_glass_is_told_to_every_officer() {
    with(&[], async |app| {
        let id = whole(app).await;
        let officer = app.person(&[Role::Compliance]).await;
        let admin = app.person(&[Role::Admin]).await;
        let nurse = app.person(&[Role::Messaging]).await;
        admin.get("/intake/break-glass").await.expect(404);
        nurse.get("/intake/break-glass").await.expect(200);
        let glass = async |note: &str, phone: &str| {
            let fields = [("phone", phone), ("field", "medications"), PURPOSE, ("note", note)];
            nurse.post("/intake/break-glass", &fields).await
        };
        glass("", PHONE).await.expect(422).says("Write 1 to");
        glass("unconscious in the waiting room", "+14155552679").await.expect(422).says("no finished record");
        // A number that has none is tried no more quietly than one that has.
        assert_eq!(count(app, "select count(*) from notice where template = 'break_glass'").await, 2);
        let tried: Vec<_> = entries(app).await.into_iter().filter(|e| e["action"] == "intake.break_glass" && e["outcome"] != "denied").collect();
        assert_eq!((tried.len(), tried[0]["outcome"].as_str(), tried[0]["reason"].as_str()), (1, Some("failed"), Some("nothing_found")));
        assert!(!tried[0].to_string().contains("5552679"), "{tried:?}");
        glass("unconscious in the waiting room", PHONE).await.expect(200).says("planted-salbutamol");
        assert_eq!(count(app, "select count(*) from notice where template = 'break_glass'").await, 4);
        let mut told = false;
        for _ in 0..400 {
            told = officer.get("/").await.expect(200).text().contains("without the role");
            if told {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert!(told, "it stands on the officer's page");
        officer.get(&format!("/intake/{id}/disclosures")).await.expect(200).says("Read without the role");
        app.advance(11 * 60);
        assert!(nurse.get("/intake/break-glass").await.expect(303).location().starts_with("/fresh"));
    })
    .await;
}

#[tokio::test]
async fn an_export_holds_what_it_says_and_no_formula_and_its_entries_say_what_it_held() {
    with(&[], async |app| {
        let id = whole(app).await;
        for text in ["intake", "yes", "Eve Formula", "1 May 1970", "=HYPERLINK(\"http://evil\")", "-2+3", "@SUM(A1)"] {
            super::say_from(app, "+14155552672", text).await;
        }
        say(app, "intake").await;
        let staff = app.person(&[Role::Intake]).await;
        staff.get("/intake/export").await.expect(200).says("Medical history").lacks("checked");
        let day = "2026-11-21";
        let today: String = countersign::http::templates::both_times(app.app.db.clock().now(), "UTC").0.chars().take(10).collect();
        let base = [("flow", "default"), ("from", today.as_str()), ("to", today.as_str()), PURPOSE];
        let with = |columns: &[&'static str]| base.iter().copied().chain(columns.iter().map(|c| ("columns", *c))).collect::<Vec<_>>();
        staff.post("/intake/export", &with(&[])).await.expect(422).says("at least one column");
        staff.post("/intake/export", &with(&["shoe_size"])).await.expect(422);
        let reply = staff.post("/intake/export", &with(&["address", "history", "phone"])).await.expect(200);
        assert!(reply.header("content-disposition").contains("intake.csv") && reply.header("cache-control").contains("no-store"));
        let text = reply.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}\n{day}");
        assert!(lines[1].contains(&id) && lines[1].contains("planted-asthma") && lines[1].contains(&format!("\"{PHONE}\"")), "{text}");
        assert!(lines[2].contains("\"'=HYPERLINK(\"\"http://evil\"\")\"") && lines[2].contains("\"'-2+3\""), "{text}");
        assert!(!text.contains("Formula") && !text.contains("salbutamol"), "only the columns that were chosen: {text}");
        let machine = staff.post("/intake/export/machine", &with(&["history"])).await.expect(200).text();
        assert!(machine.contains(",-2+3\r\n"), "{machine}");
        let xlsx: Vec<_> = with(&["history"]).into_iter().chain([("format", "xlsx")]).collect();
        let book = staff.post("/intake/export", &xlsx).await.expect(200);
        assert!(book.header("content-disposition").contains("intake.xlsx") && book.bytes.starts_with(b"PK"));
        let all = entries(app).await;
        let began: Vec<_> = all.iter().filter(|e| e["action"] == "intake.export").collect();
        assert_eq!(
            (began.len(), began[0]["data"]["fields"].as_str(), began[0]["data"]["purpose"].as_str()),
            (2, Some("address history phone"), Some("treatment"))
        );
        let ended: Vec<_> = all.iter().filter(|e| e["action"] == "intake.exported").collect();
        assert_eq!((ended.len(), ended[0]["data"]["rows"].as_i64()), (3, Some(2)));
        assert_eq!(ended[0]["data"]["sha256"].as_str(), Some(hex::encode(Sha256::digest(text.as_bytes())).as_str()));
        let account = staff.get(&format!("/intake/{id}/disclosures")).await.expect(200);
        account.says("Exported for a spreadsheet").says("Exported for a program");
        app.advance(11 * 60);
        let stale = staff.post("/intake/export", &with(&["history"])).await.expect(303);
        assert!(stale.location().starts_with("/fresh"), "{} {}", stale.location(), Method::POST);
    })
    .await;
}
