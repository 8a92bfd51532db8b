//! Exports into a spreadsheet: only where the settings say so, raw, once however often it is tried, and told when it failed.

use countersign::policy::Role;

use super::{count, entries, say_from, whole, with};
use crate::support::google::{FakeGoogle, GoogleAnswer, SPREADSHEET};
use crate::support::{Reply, TestApp, TestPerson};

async fn with_google(test: impl AsyncFnOnce(&TestApp, &FakeGoogle)) {
    use std::os::unix::fs::PermissionsExt as _;
    let google = FakeGoogle::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("account");
    std::fs::write(&path, &google.account).expect("writes");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("sets");
    let (path, token) = (path.display().to_string(), format!("{}/token", google.url));
    let flags = [("sheets.account_file", path.as_str()), ("sheets.spreadsheets", SPREADSHEET), ("sheets.api_url", &google.url), ("sheets.token_url", &token)];
    with(&flags, async |app| test(app, &google).await).await;
}

async fn export(app: &TestApp, staff: &TestPerson<'_>, spreadsheet: &str) -> Reply {
    let today: String = countersign::http::templates::both_times(app.app.db.clock().now(), "UTC").0.chars().take(10).collect();
    let fields = [
        ("flow", "default"),
        ("from", today.as_str()),
        ("to", &today),
        ("purpose", "treatment"),
        ("columns", "address"),
        ("columns", "phone"),
        ("spreadsheet", spreadsheet),
    ];
    staff.post("/intake/export/sheet", &fields).await
}

#[tokio::test]
async fn an_export_goes_raw_into_a_tab_of_its_own_and_only_where_it_may() {
    with_google(async |app, google| {
        let id = whole(app).await;
        for text in ["intake", "yes", "Eve Formula", "1 May 1970", "=HYPERLINK(\"http://evil\")", "skip", "skip"] {
            say_from(app, "+14155552672", text).await;
        }
        let staff = app.person(&[Role::Intake]).await;
        staff.get("/intake/export").await.expect(200).says(SPREADSHEET);
        export(app, &staff, "1AnotherSpreadsheetThatNobodyNamed-000000000").await.expect(422);
        assert!(google.asked().is_empty(), "nothing left before it was known where to");
        export(app, &staff, SPREADSHEET).await.expect(303);
        let rows = google.rows();
        assert_eq!(rows.len(), 3, "{rows:?}");
        assert_eq!((rows[0][2].as_str(), rows[1][0].as_str(), rows[1][3].as_str()), ("address", id.as_str(), super::PHONE));
        assert_eq!(rows[2][2], "=HYPERLINK(\"http://evil\")", "as it is, and no formula");
        let all = entries(app).await;
        let began = all.iter().find(|e| e["action"] == "intake.export_sheet").expect("an entry");
        assert_eq!((began["data"]["spreadsheet"].as_str(), began["data"]["fields"].as_str()), (Some(SPREADSHEET), Some("address phone")));
        let ended = all.iter().find(|e| e["action"] == "intake.exported").expect("an entry");
        assert_eq!(ended["data"]["rows"].as_i64(), Some(2));
        staff.get(&format!("/intake/{id}/disclosures")).await.expect(200).says("Exported into a spreadsheet");
    })
    .await;
}

#[tokio::test]
async fn what_google_does_wrong_is_tried_again_where_it_may_and_told_where_not() {
    with_google(async |app, google| {
        whole(app).await;
        let staff = app.person(&[Role::Intake]).await;
        // Too many at first, then a fault: asked again.
        google.next(&[GoogleAnswer::Status(429), GoogleAnswer::Status(500)]);
        export(app, &staff, SPREADSHEET).await.expect(303);
        assert_eq!((google.tabs(), google.rows().len()), (1, 2));
        for (answers, tabs) in [
            (&[GoogleAnswer::Status(401)][..], 1),
            (&[GoogleAnswer::Redirect], 1),
            (&[GoogleAnswer::Status(503), GoogleAnswer::Status(503), GoogleAnswer::Status(503)], 1),
        ] {
            google.next(answers);
            export(app, &staff, SPREADSHEET).await.expect(422).says("Google did not take it");
            assert_eq!(google.tabs(), tabs, "{answers:?}");
        }
        let asked = google.asked();
        assert!(!asked.iter().any(|line| line.contains("elsewhere")), "{asked:?}");
        let failed: Vec<_> = entries(app).await.into_iter().filter(|e| e["action"] == "intake.exported" && e["outcome"] == "failed").collect();
        assert_eq!(failed.len(), 3);
        assert_eq!(count(app, "select count(*) from intake_export where finished_at is null").await, 3);
    })
    .await;
}

#[tokio::test]
async fn what_was_done_without_an_answer_is_there_once() {
    with_google(async |app, google| {
        whole(app).await;
        let staff = app.person(&[Role::Intake]).await;
        // The token, the tab made and said to have failed, the tab again, the rows written and no answer at all, the rows again.
        google.next(&[GoogleAnswer::Fine, GoogleAnswer::DoneBut(500), GoogleAnswer::Fine, GoogleAnswer::DoneSilent]);
        export(app, &staff, SPREADSHEET).await.expect(303);
        assert_eq!((google.tabs(), google.rows().len()), (1, 2));
    })
    .await;
}

#[tokio::test]
async fn without_settings_there_is_no_spreadsheet() {
    with(&[], async |app| {
        whole(app).await;
        let staff = app.person(&[Role::Intake]).await;
        staff.get("/intake/export").await.expect(200).lacks("Google");
        export(app, &staff, SPREADSHEET).await.expect(404);
    })
    .await;
}
