//! Files that come with messages: fetched from the provider alone, judged by their bytes, sealed, handed out as attachments.

use countersign::policy::Role;
use sha2::{Digest as _, Sha256};

use super::{THEM, count, deliver_with, only, with_twilio};
use crate::support::TestApp;
use crate::support::twilio::Serves;

const PDF: &[u8] = b"%PDF-1.7\nplanted";

/// A picture of several pieces.
fn picture() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1A\nPlanted".to_vec();
    bytes.extend((0..600_000_u32).map(|n| (n % 251) as u8));
    bytes
}

/// A message with one file.
async fn bring(app: &TestApp, sid: &str, url: &str, claimed: &str) {
    deliver_with(app, sid, THEM, "", &[("NumMedia", "1"), ("MediaUrl0", url), ("MediaContentType0", claimed)]).await.expect(200);
}

/// Waits until nothing waits, and gives how the newest file ended. Time passes in steps when `passes`.
async fn ended(app: &TestApp, passes: bool) -> (String, String, Option<String>) {
    for _ in 0..2400 {
        let newest: Option<(String, String, Option<String>)> =
            app.app.db.query("select id, state, reason from inbound_media order by id desc limit 1").optional().await.expect("reads");
        let newest = newest.expect("a file");
        if newest.1 != "waiting" {
            return newest;
        }
        if passes {
            app.advance(30);
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("a file stays open");
}

#[tokio::test]
async fn a_picture_is_fetched_sealed_and_handed_out_as_an_attachment() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        twilio.serves("ME1", Serves::Redirects(twilio.media("ME2")));
        twilio.serves("ME2", Serves::File(picture()));
        bring(app, "MM1", &twilio.media("ME1"), "image/png").await;
        let (media, state, reason) = ended(app, false).await;
        assert_eq!((state.as_str(), reason), ("kept", None));
        let id = only(app).await;
        person.get(&format!("/inbox/{id}")).await.expect(200).says("Download (image/png)");
        let reply = person.get(&format!("/inbox/media/{media}")).await.expect(200);
        assert_eq!(reply.bytes, picture());
        assert_eq!(reply.header("content-type"), "image/png");
        assert!(reply.header("content-disposition").starts_with("attachment; filename=\"med_"), "{}", reply.header("content-disposition"));
        assert!(reply.header("content-security-policy").contains("sandbox") && reply.header("x-content-type-options") == "nosniff");
        let chunks: Vec<(Vec<u8>,)> = app.app.db.query("select sealed from media_chunk order by n").all().await.expect("reads");
        assert_eq!(chunks.len(), 3);
        assert!(chunks.iter().all(|(sealed,)| !sealed.windows(7).any(|w| w == b"Planted")));
        // Who has the picture elsewhere finds its hash neither in the trail nor in the row.
        let digest = hex::encode(Sha256::digest(picture()));
        let holds = |bytes: &[u8]| bytes.windows(digest.len()).any(|w| w == digest.as_bytes());
        let bodies: Vec<(Vec<u8>,)> = app.app.db.query("select body from audit_event where object_kind = 'media'").all().await.expect("reads");
        assert_eq!(bodies.len(), 2, "one that it was kept, one that it was handed out");
        for (body,) in &bodies {
            assert!(!holds(body) && body.windows(8).any(|w| w == b"\"sha256\""), "{}", String::from_utf8_lossy(body));
        }
        let row: (Vec<u8>,) = app.app.db.query("select sha256_sealed from inbound_media").one().await.expect("reads");
        assert!(!holds(&row.0));
        let acts = app.db_actions().await;
        for act in ["media.fetch ok", "media.download ok"] {
            assert_eq!(acts.iter().filter(|a| *a == act).count(), 1, "{act}: {acts:?}");
        }
        app.person(&[Role::Intake]).await.get(&format!("/inbox/media/{media}")).await.expect(403);
        person.get("/inbox/media/med_0192f0c1a2b37c4d8e5f60718293a4b5").await.expect(404);
        // Delivered twice, fetched once.
        bring(app, "MM1", &twilio.media("ME1"), "image/png").await;
        assert_eq!(count(app, "select count(*) from inbound_media").await, 1);
    })
    .await;
}

#[tokio::test]
async fn nothing_but_the_provider_is_asked_and_what_lies_is_not_taken() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        let here = twilio.media("MEx");
        let port = here.split(':').nth(2).and_then(|rest| rest.split('/').next()).expect("a port").to_owned();
        twilio.serves("MEmeta", Serves::Redirects("http://169.254.169.254/latest/meta-data".into()));
        twilio.serves("MElocal", Serves::Redirects(format!("http://localhost:{port}/admin")));
        twilio.serves("MEother", Serves::Redirects(format!("http://127.0.0.1:{}/", crate::kill::free_port())));
        twilio.serves("MEloop", Serves::Redirects(twilio.media("MEloop")));
        twilio.serves("MEhuge", Serves::Floods { says: true });
        twilio.serves("MEendless", Serves::Floods { says: false });
        twilio.serves("MEpdf", Serves::File(PDF.to_vec()));
        twilio.serves("MEhtml", Serves::File(b"<html><script>alert(1)</script>".to_vec()));
        twilio.serves("MEexe", Serves::File(b"MZ\x90\0".to_vec()));
        twilio.serves("MEno", Serves::Fails(403));
        for (n, (url, claimed, reason)) in [
            ("http://169.254.169.254/latest/meta-data".to_owned(), "image/png", "not_provider"),
            ("https://twilio.com.evil.example/x.png".to_owned(), "image/png", "not_provider"),
            ("file:///etc/passwd".to_owned(), "image/png", "not_provider"),
            (format!("http://localhost:{port}/x.png"), "image/png", "not_provider"),
            (twilio.media("MEmeta"), "image/png", "not_provider"),
            (twilio.media("MElocal"), "image/png", "not_provider"),
            (twilio.media("MEother"), "image/png", "not_provider"),
            (twilio.media("MEloop"), "image/png", "redirects"),
            (twilio.media("MEhuge"), "image/png", "too_large"),
            (twilio.media("MEendless"), "image/png", "too_large"),
            (twilio.media("MEpdf"), "image/jpeg", "kind_lies"),
            (twilio.media("MEhtml"), "image/png", "kind_not_taken"),
            (twilio.media("MEexe"), "application/octet-stream", "kind_not_taken"),
            (twilio.media("MEno"), "image/png", "http_403"),
        ]
        .into_iter()
        .enumerate()
        {
            bring(app, &format!("MM{n}"), &url, claimed).await;
            let (media, state, why) = ended(app, false).await;
            assert_eq!((state.as_str(), why.as_deref()), ("failed", Some(reason)), "{url}");
            person.get(&format!("/inbox/media/{media}")).await.expect(404);
        }
        assert!(!twilio.requests().iter().any(|line| line.contains("/admin") || line.contains("/x.png")), "{:?}", twilio.requests());
        assert_eq!(count(app, "select count(*) from media_chunk").await, 0);
        let id = only(app).await;
        person.get(&format!("/inbox/{id}")).await.expect(200).says("it is not what it was said to be").says("it does not lie at the provider");
        assert_eq!(app.db_actions().await.iter().filter(|a| *a == "media.fetch failed").count(), 14);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_yet_is_asked_for_again_and_given_up_in_the_end() {
    with_twilio(async |app, twilio| {
        twilio.serves("ME1", Serves::Fails(404));
        bring(app, "MM1", &twilio.media("ME1"), "application/pdf").await;
        for _ in 0..2400 {
            if twilio.requests().iter().filter(|line| line.contains("/Media/ME1")).count() >= 1 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        twilio.serves("ME1", Serves::File(PDF.to_vec()));
        let (_, state, _) = ended(app, true).await;
        assert_eq!(state, "kept");
        twilio.serves("ME2", Serves::Fails(503));
        bring(app, "MM2", &twilio.media("ME2"), "application/pdf").await;
        let (_, state, reason) = ended(app, true).await;
        assert_eq!((state.as_str(), reason.as_deref()), ("failed", Some("http_503")));
        assert_eq!(twilio.requests().iter().filter(|line| line.contains("/Media/ME2")).count(), 5);
    })
    .await;
}

#[tokio::test]
async fn the_provider_is_shown_the_token_that_an_administrator_sealed() {
    with_twilio(async |app, twilio| {
        let admin = app.person(&[Role::Admin]).await;
        twilio.serves("ME1", Serves::File(PDF.to_vec()));
        admin.post("/admin/gateways/twilio/secret", &[("version", "0"), ("secret", "Planted-token-that-is-wrong")]).await.expect(303);
        bring(app, "MM1", &twilio.media("ME1"), "application/pdf").await;
        let (_, state, reason) = ended(app, false).await;
        assert_eq!((state.as_str(), reason.as_deref()), ("failed", Some("http_401")));
        // Back to what the settings give, without a start.
        admin.post("/admin/gateways/twilio/unseal", &[("version", "1")]).await.expect(303);
        app.advance(1);
        bring(app, "MM2", &twilio.media("ME1"), "application/pdf").await;
        let (_, state, reason) = ended(app, false).await;
        assert_eq!((state.as_str(), reason), ("kept", None));
    })
    .await;
}

#[tokio::test]
async fn a_piece_that_was_put_elsewhere_does_not_leave() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        twilio.serves("ME1", Serves::File(picture()));
        bring(app, "MM1", &twilio.media("ME1"), "image/png").await;
        let (media, ..) = ended(app, false).await;
        let path = format!("/inbox/media/{media}");
        person.get(&path).await.expect(200);
        let work = async |sql: &'static str| {
            let mut work = app.app.db.store().begin().await.expect("begins");
            work.query(sql).execute().await.expect("runs");
            work.commit(None).await.expect("commits");
        };
        work("update media_chunk set sealed = (select c.sealed from media_chunk c where c.n = 1) where n = 0").await;
        person.get(&path).await.expect(500);
        // Taken away at the end: every piece opens, and the hash does not fit.
        work("delete from media_chunk where n < 2").await;
        person.get(&path).await.expect(500);
    })
    .await;
}
