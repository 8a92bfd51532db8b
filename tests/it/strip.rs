//! Copies of evidence without metadata: a new version beside an original that stays.

use countersign::policy::Role;
use serde_json::{Value, json};

use crate::support::check;

fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 2).expect("short").to_be_bytes();
    [&[0xFF, marker], length.as_slice(), data].concat()
}

#[tokio::test]
async fn a_copy_without_metadata_is_a_new_draft_and_the_original_stays() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let scan = [segment(0xDB, b"table"), segment(0xDA, b"\x01\x01"), b"\x12\x34\xFF\xD9".to_vec()].concat();
        let dirty = [b"\xFF\xD8".to_vec(), segment(0xE1, b"Exif\0\0taken by Ada"), scan.clone()].concat();
        let page = person.upload("photo.jpg", "image/jpeg", &dirty).await.expect(303).location().to_owned();
        person.get(&page).await.expect(200).says("Make a copy without metadata");
        let copy = person.post(&format!("{page}/strip"), &[]).await.expect(303).location().to_owned();
        assert_ne!(copy, page);
        let bytes = |page: &str| format!("{page}/content");
        assert_eq!(person.get(&bytes(&copy)).await.expect(200).bytes, [b"\xFF\xD8".to_vec(), scan].concat());
        assert_eq!(person.get(&bytes(&page)).await.expect(200).bytes, dirty);
        person.get(&copy).await.expect(200).says("Version 2").says("draft");
        app.app.db.settle().await.expect("settles");
        let sql = "select body from audit_event where action = 'evidence.upload' order by id desc limit 1";
        let body: Vec<u8> = app.app.db.query(sql).scalar().await.expect("is there");
        let entry: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(entry["data"]["without_metadata_of"], page.trim_start_matches("/evidence/"));
        // Once more there is nothing to leave out, and of text there never is.
        person.post(&format!("{copy}/strip"), &[]).await.expect(409).says("holds no metadata");
        let text = person.upload("a.txt", "text/plain", b"words").await.expect(303).location().to_owned();
        person.get(&text).await.expect(200).lacks("Make a copy without metadata");
        let token = person.token(&[Role::Contributor], &["evidence.upload"]).await;
        let id = text.trim_start_matches("/evidence/").to_owned();
        assert_eq!(token.post(&format!("/api/v1/evidence/{id}/strip"), &json!({})).await.expect(409).json()["code"], "strip");
        let id = page.trim_start_matches("/evidence/");
        // Whoever makes one does not become the uploader of what another uploaded.
        let other = app.person(&[Role::Contributor]).await;
        other.post(&format!("{page}/strip"), &[]).await.expect(303);
        let owners: i64 = app.app.db.query("select count(distinct owner_id) from evidence").scalar().await.expect("counts");
        assert_eq!(owners, 1);
        assert!(token.post(&format!("/api/v1/evidence/{id}/strip"), &json!({})).await.expect(201).json()["id"].is_string());
    })
    .await;
}
