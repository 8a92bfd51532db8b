//! The log over HTTP: programs not written here verify what is served, and nothing is served beyond the checkpoint.

use std::collections::HashMap;

use countersign::core::clock::MINUTE;
use countersign::core::clock::SECOND;
use countersign::db::Detail;
use countersign::operate::Start;
use countersign::policy::{Actor, On, Role};
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{Checkpoint, HashReader as _, Tile, TileHashReader, TileReader};

use crate::support::{TestApp, check};

/// Adds entries until there are at least `size`, and signs them.
async fn grow(app: &TestApp, size: u64) -> u64 {
    let db = &app.app.db;
    db.settle().await.expect("settles");
    while *db.size().borrow() < size {
        let missing = size - *db.size().borrow();
        for _ in 0..missing {
            let permit = app.app.policy.permit::<Start>(&Actor::system(), &On::any("server")).expect("the system may start");
            db.record(permit, Detail::ok()).await.expect("records");
        }
        db.settle().await.expect("settles");
    }
    app.sign().await;
    *db.size().borrow()
}

/// What the server gives under `/log/`, for a reader that cannot wait.
#[derive(Default)]
struct Mirror(HashMap<String, Vec<u8>>);

impl TileReader for Mirror {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        // Its paths begin with `tile/8/`, the height; those of tlog-tiles leave it out.
        Ok(tiles.iter().map(|tile| self.0[&tile.path().replacen("tile/8/", "/log/tile/", 1)].clone()).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

#[tokio::test]
async fn strangers_programs_verify_what_is_served() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        let token = officer.token(&[Role::Compliance], &["trail.read"]).await;
        let size = grow(app, 530).await;

        let note = app.get("/log/checkpoint").await.expect(200);
        assert_eq!(note.header("content-type"), "text/plain; charset=utf-8");
        let policy = app.get("/log/policy").await.expect(200).text();
        let vkey = policy.split(' ').nth(1).expect("a key");
        assert_eq!(vkey, app.app.keeper.signer().vkey(&app.app.db.log().1));
        let verifiers = VerifierList::new(vec![Box::new(StandardVerifier::new(vkey).expect("a verifier key"))]);
        let note = Note::from_bytes(note.text().as_bytes()).expect("a signed note");
        let (verified, unverified) = note.verify(&verifiers).expect("verifies");
        assert_eq!((verified.len(), unverified.len()), (1, 0));
        let checkpoint = Checkpoint::from_bytes(note.text()).expect("a checkpoint");
        assert_eq!((checkpoint.origin(), checkpoint.size()), (app.app.db.log().1.as_str(), size));

        let mut mirror = Mirror::default();
        for tile in Tile::new_tiles(8, 0, size) {
            let path = tile.path().replacen("tile/8/", "/log/tile/", 1);
            let reply = app.get(&path).await.expect(200);
            assert_eq!(reply.header("cache-control").contains("immutable"), tile.width() == 256, "{path}");
            mirror.0.insert(path, reply.bytes.clone());
        }
        let indexes: Vec<u64> = (0..size).map(|n| tlog_tiles::stored_hash_index(0, n)).collect();
        let hashes = TileHashReader::new(size, *checkpoint.hash(), &mirror).read_hashes(&indexes).expect("the tiles make the signed root");

        let mut seq = 0;
        for bundle in 0..=size / 256 {
            let width = (size - bundle * 256).min(256);
            let path = if width == 256 { format!("/log/tile/entries/{bundle:03}") } else { format!("/log/tile/entries/{bundle:03}.p/{width}") };
            let reply = token.get(&path).await.expect(200);
            assert_eq!(reply.header("cache-control"), "no-store");
            let mut rest = reply.bytes.as_slice();
            while let Some((length, after)) = rest.split_first_chunk::<2>() {
                let (leaf, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
                assert_eq!(tlog_tiles::record_hash(leaf), hashes[usize::try_from(seq).expect("few")], "entry {seq}");
                seq += 1;
                rest = after;
            }
        }
        assert_eq!(seq, size);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_served_that_no_checkpoint_covers() {
    check(async |app| {
        let size = grow(app, 3).await;
        app.get(&format!("/log/tile/0/000.p/{size}")).await.expect(200);
        app.get("/log/tile/0/000.p/1").await.expect(200);
        for path in [
            format!("/log/tile/0/000.p/{}", size + 1),
            "/log/tile/0/000".into(),
            "/log/tile/0/001.p/1".into(),
            "/log/tile/1/000.p/1".into(),
            "/log/tile/8/000.p/1".into(),
            "/log/tile/00/000.p/1".into(),
            "/log/tile/0/0.p/1".into(),
            "/log/tile/0/000.p/01".into(),
            "/log/tile/0/x000/000.p/1".into(),
            "/log/tile/data/000".into(),
        ] {
            app.get(&path).await.expect(404);
        }
        // Entries that came after the checkpoint wait for the next.
        let permit = app.app.policy.permit::<Start>(&Actor::system(), &On::any("server")).expect("the system may start");
        app.app.db.record(permit, Detail::ok()).await.expect("records");
        app.app.db.settle().await.expect("settles");
        app.get(&format!("/log/tile/0/000.p/{}", size + 1)).await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn entries_are_for_those_who_may_read_the_trail() {
    check(async |app| {
        let size = grow(app, 3).await;
        let path = format!("/log/tile/entries/000.p/{size}");
        app.get(&path).await.expect(303);
        app.person(&[Role::Messaging]).await.get(&path).await.expect(403);
        let officer = app.person(&[Role::Compliance]).await;
        officer.get(&path).await.expect(200);
        officer.token(&[Role::Compliance], &["trail.read"]).await.get(&path).await.expect(200);
        officer.token(&[Role::Compliance], &["person.list"]).await.get(&path).await.expect(403);
    })
    .await;
}

#[tokio::test]
async fn reading_does_not_flood_the_trail() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        let other = app.person(&[Role::Compliance]).await;
        let reads = async || app.db_actions().await.iter().filter(|a| *a == "trail.read ok").count();
        grow(app, 60).await;
        let first = officer.get("/audit").await.expect(200);
        let older = first
            .text()
            .split("href=\"")
            .map(|h| h.split('"').next().unwrap_or_default().replace("&#x2f;", "/").replace("&amp;", "&"))
            .find(|h| h.contains("after=evt_"))
            .expect("a second page");
        officer.get(&older).await.expect(200);
        officer.get("/audit").await.expect(200);
        assert_eq!(reads().await, 1, "pages of one list");
        officer.get("/audit?outcome=denied").await.expect(200);
        other.get("/audit").await.expect(200);
        assert_eq!(reads().await, 3, "another filter, another person");
        app.advance(15 * MINUTE / SECOND);
        officer.get("/audit").await.expect(200);
        assert_eq!(reads().await, 4, "a quarter of an hour later");
    })
    .await;
}
