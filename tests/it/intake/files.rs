//! Images and documents of a record: sealed on the way in, opened for a purpose, gone with the record.

use axum::body::Body;
use axum::http::{Request, header};
use countersign::intake::files::Arriving;
use countersign::intake::{AttachSent, Error, Record, end, read};
use countersign::policy::{Actor, Permit, Resource as _, Role};

use super::{count, entries, newest, say, whole, with};
use crate::support::person::{BOUNDARY, PNG, multipart};
use crate::support::{Reply, TestApp, TestPerson};

/// A picture of several pieces, with a text that is looked for.
fn picture(bytes: usize) -> Vec<u8> {
    let mut out = PNG.to_vec();
    while out.len() < bytes {
        out.extend_from_slice(b"planted-xray ");
    }
    out.truncate(bytes.max(PNG.len()));
    out
}

async fn send(person: &TestPerson<'_>, path: &str, name: &str, bytes: &[u8]) -> Reply {
    let body = multipart(Some(&person.csrf()), "file", name, "text/html", bytes);
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    person.send(Request::post(path).header(header::CONTENT_TYPE, kind).body(Body::from(body)).expect("a request")).await
}

async fn newest_file(app: &TestApp) -> (String, String) {
    app.app.db.query("select id, sha256 from intake_file order by id desc limit 1").one().await.expect("there is one")
}

fn stored(app: &TestApp, sha256: &str) -> std::path::PathBuf {
    app.data().join("blobs").join(&sha256[..2]).join(sha256)
}

/// Stored files there are.
fn blobs(app: &TestApp) -> usize {
    let names = |folder: std::path::PathBuf| std::fs::read_dir(folder).expect("a folder").filter_map(Result::ok).map(|entry| entry.path());
    let folders = names(app.data().join("blobs")).filter(|path| path.is_dir() && !path.ends_with("tmp"));
    folders.map(|folder| names(folder).count()).sum()
}

async fn record(app: &TestApp, id: &str) -> Record {
    read::find(&app.app.db, &id.parse().expect("an id")).await.expect("reads").expect("there is one")
}

fn may(app: &TestApp, record: &Record) -> Permit<AttachSent> {
    app.app.policy.permit(&Actor::system(), &record.on()).expect("may")
}

fn holds(path: &std::path::Path, text: &[u8]) -> bool {
    std::fs::read(path).expect("reads").windows(text.len()).any(|w| w == text)
}

#[tokio::test]
async fn a_file_is_sealed_read_for_a_purpose_and_gone_with_its_record() {
    with(&[], async |app| {
        let id = whole(app).await;
        let staff = app.person(&[Role::Intake]).await;
        let add = format!("/intake/{id}/files");
        let whole = picture(150_000);
        send(&staff, &add, "x ray.exe", &whole).await.expect(303);
        let (file, sha256) = newest_file(app).await;
        assert!(!holds(&stored(app, &sha256), b"planted-xray"), "no plaintext on the disk");
        for (name, bytes) in [
            ("a.pdf", &b"<script>alert(1)</script>"[..]),
            ("a.png", b""),
            ("b.png", b"MZ\x90\0 a program, however it is called, which is longer than its head is"),
        ] {
            send(&staff, &add, name, bytes).await.expect(422);
        }
        send(&staff, &add, "big.png", &picture(10_000_001)).await.expect(422).says("larger than 10 MB");
        assert_eq!(count(app, "select count(*) from intake_file").await, 1);
        staff.get(&format!("/intake/{id}")).await.expect(200).says("Read this file").lacks("x ray");
        let reveal = format!("/intake/{id}/files/reveal");
        staff.post(&reveal, &[("file", &file), ("purpose", "curiosity")]).await.expect(422);
        assert_eq!(count(app, "select count(*) from intake_disclosure").await, 0);
        let reply = staff.post(&reveal, &[("file", &file), ("purpose", "treatment")]).await.expect(200);
        assert!(reply.bytes == whole && !reply.broken);
        assert!(reply.header("content-disposition").starts_with("attachment") && reply.header("content-disposition").contains("x ray.png"));
        assert_eq!((reply.header("content-type"), reply.header("x-content-type-options")), ("image/png", "nosniff"));
        assert!(reply.header("content-security-policy").contains("sandbox") && reply.header("cache-control").contains("no-store"));
        staff.get(&format!("/intake/{id}/disclosures")).await.expect(200).says("Files");
        let all = entries(app).await;
        assert!(
            all.iter().any(|e| e["action"] == "intake.reveal" && e["data"]["file"] == file.as_str()) && !all.iter().any(|e| e.to_string().contains("x ray"))
        );
        for role in [Role::Admin, Role::Compliance, Role::Messaging] {
            let other = app.person(&[role]).await;
            other.post(&reveal, &[("file", &file), ("purpose", "treatment")]).await.expect(404);
            send(&other, &add, "a.png", PNG).await.expect(404);
        }
        app.advance(91 * 24 * 3600);
        end::expire(&app.app.db, &app.app.policy, app.app.db.clock().now()).await.expect("expires");
        staff.open_session().await;
        staff.post(&reveal, &[("file", &file), ("purpose", "treatment")]).await.expect(410);
        assert_eq!(count(app, "select count(*) from intake_file where meta_sealed is not null or sha256 is not null").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_stored_file_that_was_changed_cut_or_put_together_anew_never_arrives_whole() {
    with(&[], async |app| {
        let id = whole(app).await;
        let staff = app.person(&[Role::Intake]).await;
        // Two whole pieces and a last one.
        send(&staff, &format!("/intake/{id}/files"), "a.png", &picture(140_000)).await.expect(303);
        let (file, sha256) = newest_file(app).await;
        let path = stored(app, &sha256);
        let sound = std::fs::read(&path).expect("reads");
        let piece = 2 + 36 + 12 + 65_536 + 16;
        let swapped = [&sound[piece..2 * piece], &sound[..piece], &sound[2 * piece..]].concat();
        let mut flipped = sound.clone();
        flipped[piece + 100] ^= 1;
        let doubled = [&sound[..piece], &sound[..]].concat();
        let longer = [&sound[..], b"x"].concat();
        for (what, bytes) in [
            ("swapped", &swapped[..]),
            ("flipped", &flipped),
            ("cut", &sound[..2 * piece]),
            ("left out", &sound[piece..]),
            ("doubled", &doubled),
            ("longer", &longer),
        ] {
            std::fs::write(&path, bytes).expect("writes");
            let reply = staff.post(&format!("/intake/{id}/files/reveal"), &[("file", &file), ("purpose", "treatment")]).await;
            assert!(reply.broken, "{what}: {}", reply.status);
        }
        std::fs::write(&path, &sound).expect("writes");
        let reply = staff.post(&format!("/intake/{id}/files/reveal"), &[("file", &file), ("purpose", "treatment")]).await.expect(200);
        assert_eq!(reply.bytes.len(), 140_000);
    })
    .await;
}

#[tokio::test]
async fn who_holds_a_link_sends_files_with_it_and_no_more_than_the_flow_says() {
    with(&[], async |app| {
        let said = say(app, "FORM").await;
        let at = said.find("/intake/form/").expect("a link");
        let path: String = said[at..].chars().take_while(|c| *c != '<' && !c.is_whitespace()).collect();
        let id = newest(app).await;
        let patient = app.stranger();
        patient.get(&path).await.expect(200).says("A photo or PDF");
        let add = format!("{path}/files");
        send(&patient, &add, "a.svg", b"<svg xmlns='x' onload='alert(1)'>").await.expect(422).says("what counts is the content");
        for n in 1..=5 {
            send(&patient, &add, "card.png", &picture(1000 + n)).await.expect(200).says("added");
        }
        send(&patient, &add, "card.png", PNG).await.expect(422).says("no more files");
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let forged = Request::post(&add).header(header::CONTENT_TYPE, kind).body(Body::from(multipart(None, "file", "a.png", "image/png", PNG)));
        patient.send(forged.expect("a request")).await.expect(403);
        assert_eq!(count(app, "select count(*) from intake_file where person_id is null").await, 5);
        let answers = [("agree", "yes"), ("name", "Ruth Abernathy"), ("birth", "3/27/1984"), ("address", "1 Main St"), ("history", ""), ("medications", "")];
        patient.post(&path, &answers).await.expect(200);
        send(&patient, &add, "late.png", PNG).await.expect(404);
        let staff = app.person(&[Role::Intake]).await;
        let (file, _) = newest_file(app).await;
        let reply = staff.post(&format!("/intake/{id}/files/reveal"), &[("file", &file), ("purpose", "treatment")]).await.expect(200);
        assert_eq!(reply.bytes.len(), 1005);
    })
    .await;
}

#[tokio::test]
async fn a_file_that_a_full_record_refuses_leaves_nothing() {
    with(&[], async |app| {
        let record = record(app, &whole(app).await).await;
        let arrive = async || {
            let mut arriving = Arriving::begin(&app.app, &record, 1, None).await.expect("there is room");
            arriving.write(PNG).await.expect("takes");
            arriving
        };
        let (one, two) = (arrive().await, arrive().await);
        one.keep(&app.app, may(app, &record), &record, "a.png", None).await.expect("keeps");
        let refused = two.keep(&app.app, may(app, &record), &record, "b.png", None).await;
        assert!(matches!(refused, Err(Error::Full)), "{refused:?}");
        assert_eq!((blobs(app), count(app, "select count(*) from intake_file").await), (1, 1));
        let refused = Arriving::begin(&app.app, &record, 1, None).await;
        assert!(matches!(refused, Err(Error::Full)), "before a byte of it is taken");
    })
    .await;
}

#[tokio::test]
async fn a_link_that_was_used_while_a_file_came_takes_it_no_more() {
    with(&[], async |app| {
        let said = say(app, "FORM").await;
        let at = said.find("/intake/form/").expect("a link");
        let path: String = said[at..].chars().take_while(|c| *c != '<' && !c.is_whitespace()).collect();
        let token = path.strip_prefix("/intake/form/").expect("a token");
        let record = record(app, &newest(app).await).await;
        let mut arriving = Arriving::begin(&app.app, &record, 5, Some(token)).await.expect("there is room");
        arriving.write(PNG).await.expect("takes");
        let answers = [("agree", "yes"), ("name", "Ruth Abernathy"), ("birth", "3/27/1984"), ("address", "1 Main St"), ("history", ""), ("medications", "")];
        let patient = app.stranger();
        patient.get(&path).await.expect(200);
        patient.post(&path, &answers).await.expect(200);
        let refused = arriving.keep(&app.app, may(app, &record), &record, "late.png", None).await;
        assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
        assert_eq!((blobs(app), count(app, "select count(*) from intake_file").await), (0, 0));
    })
    .await;
}
