//! Evidence from the upload to the deletion, through the pages and the API, with what a hostile client would send.

use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::http::{Request, header};
use countersign::policy::Role;
use sha2::{Digest as _, Sha256};

use crate::support::person::{BOUNDARY, TestToken, multipart};
use crate::support::{Reply, TestApp, TestPerson, check};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";
const PDF: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path()) {
        if entry.is_dir() { out.extend(files_below(&entry)) } else { out.push(entry) }
    }
    out
}

fn stored(app: &TestApp) -> Vec<PathBuf> {
    files_below(&app.data().join("blobs"))
}

async fn items(app: &TestApp) -> i64 {
    app.app.db.query("select count(*) from evidence").scalar().await.expect("counts")
}

#[track_caller]
fn nothing_stored(app: &TestApp, what: &str) {
    assert_eq!(stored(app), Vec::<PathBuf>::new(), "{what}");
}

async fn send_form(person: &TestPerson<'_>, body: Vec<u8>, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::post("/evidence").header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    person.send(request.body(Body::from(body)).expect("a request")).await
}

fn part(name: &str, file: Option<&str>, bytes: &[u8]) -> Vec<u8> {
    let file = file.map(|f| format!("; filename=\"{f}\"")).unwrap_or_default();
    let mut out = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n").into_bytes();
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
    out
}

fn parts(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut out = parts.concat();
    out.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    out
}

async fn get_with(person: &TestPerson<'_>, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    person.send(request.body(Body::empty()).expect("a request")).await
}

async fn contributor_token<'a>(person: &TestPerson<'a>) -> TestToken<'a> {
    person.token(&[Role::Contributor], &["evidence.upload", "evidence.list", "evidence.download"]).await
}

fn count(actions: &[String], which: &str) -> usize {
    actions.iter().filter(|a| *a == which).count()
}

#[tokio::test]
async fn a_file_goes_up_by_the_form_and_comes_back_byte_for_byte() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        for (name, kind, bytes) in [("report.pdf", "application/pdf", PDF), ("shot.png", "image/png", PNG)] {
            let page = person.upload(name, "text/html", bytes).await.expect(303).location().to_owned();
            assert!(page.starts_with("/evidence/evd_"), "{page}");
            person.get(&page).await.expect(200).says(name).says(&hex::encode(Sha256::digest(bytes)));
            let got = person.get(&format!("{page}/content")).await.expect(200);
            assert_eq!((got.bytes.as_slice(), got.header("content-type")), (bytes, kind));
            assert_eq!(got.header("content-length"), bytes.len().to_string());
        }
        person.get("/evidence").await.expect(200).says("report.pdf").says("shot.png");
        let actions = app.db_actions().await;
        assert_eq!((count(&actions, "evidence.upload ok"), count(&actions, "evidence.download ok")), (2, 2), "{actions:?}");
        assert_eq!(stored(app).len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_file_goes_up_by_the_api_and_is_described_there() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let token = contributor_token(&person).await;
        let made = token.upload("report.pdf", "application/pdf", PDF).await.expect(201);
        let id = made.json()["id"].as_str().expect("an id").to_owned();
        assert_eq!(made.location(), format!("/api/v1/evidence/{id}"));
        let shown = token.get(&format!("/api/v1/evidence/{id}")).await.expect(200).json();
        assert_eq!(shown["name"], "report.pdf");
        assert_eq!(shown["type"], "application/pdf");
        assert_eq!(shown["size"], PDF.len());
        assert_eq!(shown["sha256"], hex::encode(Sha256::digest(PDF)));
        assert_eq!(shown["deleted_at"], serde_json::Value::Null);
        assert_eq!(token.get(&format!("/api/v1/evidence/{id}/content")).await.expect(200).bytes, PDF);
        let list = token.get("/api/v1/evidence?limit=1").await.expect(200).json();
        assert_eq!((list["items"][0]["id"].as_str(), &list["next"]), (Some(id.as_str()), &serde_json::Value::Null));
        for path in ["/api/v1/evidence/evd_1", "/api/v1/evidence/..%2f..%2fcheckpoints", "/api/v1/evidence/evd_0192f0c1a2b37c4d8e5f60718293a4b5"] {
            assert_eq!(token.get(path).await.expect(404).header("content-type"), "application/problem+json", "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_same_content_twice_is_stored_once_and_listed_twice() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let first = person.upload("a.pdf", "application/pdf", PDF).await.expect(303).location().to_owned();
        let second = person.upload("b.pdf", "application/pdf", PDF).await.expect(303).location().to_owned();
        assert_ne!(first, second);
        assert_eq!((stored(app).len(), items(app).await), (1, 2));
        person.post(&format!("{first}/delete"), &[("reason", "there twice")]).await.expect(303);
        assert_eq!(person.get(&format!("{second}/content")).await.expect(200).bytes, PDF);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_what_its_name_says_is_refused_and_nothing_stays() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let token = contributor_token(&person).await;
        let html = b"<!doctype html><script>alert(1)</script>".as_slice();
        for (name, bytes, api) in [
            ("page.png", html, 415),
            ("page.pdf", html, 415),
            ("shot.pdf", PNG, 415),
            ("shot.docx", PNG, 415),
            ("bytes.txt", b"\0\xff\xfe\x01".as_slice(), 415),
            ("tool.exe", b"MZ\x90\0".as_slice(), 415),
            ("report.pdf.exe", PDF, 415),
            ("page.html", html, 415),
            ("page.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>".as_slice(), 415),
            ("report", PDF, 415),
            (".pdf", PDF, 415),
            ("report.pdf.", PDF, 415),
            ("empty.pdf", b"".as_slice(), 422),
            ("..", PDF, 415),
        ] {
            let form = person.upload(name, "image/png", bytes).await;
            assert_eq!(form.status.as_u16(), 422, "{name}: {}", form.text());
            assert!(form.text().contains("href=\"#file\"") || form.text().contains("aria-invalid"), "{name}: {}", form.text());
            let reply = token.upload(name, "image/png", bytes).await;
            assert_eq!(reply.status.as_u16(), api, "{name}: {}", reply.text());
            assert_eq!(reply.header("content-type"), "application/problem+json", "{name}");
            nothing_stored(app, name);
        }
        let long = format!("{}.pdf", "x".repeat(300));
        person.upload(&long, "application/pdf", PDF).await.expect(422);
        assert_eq!(token.upload(&long, "application/pdf", PDF).await.expect(422).json()["errors"][0]["field"], "file");
        nothing_stored(app, "a long name");
        assert_eq!(items(app).await, 0);
        assert_eq!(count(&app.db_actions().await, "evidence.upload ok"), 0);
    })
    .await;
}

#[tokio::test]
async fn a_file_announced_beyond_the_limit_is_refused_before_it_is_read() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let token = contributor_token(&person).await;
        let csrf = person.csrf();
        let body = multipart(Some(&csrf), "file", "big.pdf", "application/pdf", PDF);
        let length = (app.app.policies.uploads.bytes_max + 1_000_000).to_string();
        send_form(&person, body.clone(), &[("content-length", &length)]).await.expect(413);
        let request = Request::post("/api/v1/evidence")
            .header("authorization", format!("Bearer {}", token.secret))
            .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
            .header("content-length", &length)
            .body(Body::from(body))
            .expect("a request");
        assert_eq!(app.send(request).await.expect(413).header("content-type"), "application/problem+json");
        nothing_stored(app, "announced too large");
    })
    .await;
}

#[tokio::test]
async fn a_file_that_turns_out_beyond_the_limit_is_refused_and_removed() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let csrf = person.csrf();
        let max = app.app.policies.uploads.bytes_max;
        let head = [part("csrf_token", None, csrf.as_bytes()), part("file", Some("big.pdf"), PDF)].concat();
        let head = bytes::Bytes::from(head[..head.len() - 2].to_vec());
        let piece = bytes::Bytes::from(vec![b'x'; 1 << 20]);
        let pieces = std::iter::once(head).chain(std::iter::repeat_n(piece, usize::try_from(max >> 20).expect("fits") + 2));
        let body = Body::from_stream(futures_util::stream::iter(pieces.map(Ok::<_, std::io::Error>)));
        let request =
            Request::post("/evidence").header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}")).body(body).expect("a request");
        person.send(request).await.expect(413);
        nothing_stored(app, "too large");
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let csrf = person.csrf();
        let whole = multipart(Some(&csrf), "file", "a.pdf", "application/pdf", PDF);
        send_form(&person, whole[..whole.len() - 20].to_vec(), &[]).await.expect(400);
        let begun = bytes::Bytes::from(whole[..whole.len() - 40].to_vec());
        let body = Body::from_stream(futures_util::stream::iter([Ok(begun), Err(std::io::Error::other("gone"))]));
        let request =
            Request::post("/evidence").header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}")).body(body).expect("a request");
        person.send(request).await.expect(400);
        nothing_stored(app, "broken off");
        assert_eq!(items(app).await, 0);
    })
    .await;
}

#[tokio::test]
async fn the_form_token_must_be_right_and_come_before_the_file() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let other = app.person(&[Role::Contributor]).await;
        let (csrf, foreign) = (person.csrf(), other.csrf());
        let file = part("file", Some("a.pdf"), PDF);
        for (what, body) in [
            ("no token", parts(std::slice::from_ref(&file))),
            ("a token too late", parts(&[file.clone(), part("csrf_token", None, csrf.as_bytes())])),
            ("another's token", parts(&[part("csrf_token", None, foreign.as_bytes()), file.clone()])),
            ("an empty token", parts(&[part("csrf_token", None, b""), file.clone()])),
            ("a long token", parts(&[part("csrf_token", None, &[b'x'; 5_000]), file.clone()])),
            ("not UTF-8", parts(&[part("csrf_token", None, b"\xff"), file.clone()])),
        ] {
            let reply = send_form(&person, body, &[]).await;
            assert_eq!(reply.status.as_u16(), 403, "{what}");
            nothing_stored(app, what);
        }
        let right = parts(&[part("csrf_token", None, csrf.as_bytes()), file.clone()]);
        send_form(&person, right, &[("x-csrf-token", &foreign)]).await.expect(403);
        nothing_stored(app, "another's token in the header");
        send_form(&person, parts(&[file]), &[("x-csrf-token", &csrf)]).await.expect(303);
        assert_eq!((stored(app).len(), items(app).await), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn there_is_exactly_one_file_and_nothing_else() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let token = person.csrf();
        let csrf = part("csrf_token", None, token.as_bytes());
        let file = part("file", Some("a.pdf"), PDF);
        for (what, status, says, body) in [
            ("no file", 422, "", parts(std::slice::from_ref(&csrf))),
            ("nobody chose a file", 422, "", parts(&[csrf.clone(), part("file", Some(""), b"")])),
            ("no name", 422, "", parts(&[csrf.clone(), part("file", None, PDF)])),
            ("two files", 400, "file", parts(&[csrf.clone(), file.clone(), part("file", Some("b.pdf"), PDF)])),
            ("two tokens", 400, "csrf_token", parts(&[csrf.clone(), csrf.clone(), file.clone()])),
            ("an unknown field", 422, "surplus", parts(&[csrf.clone(), part("surplus", None, b"1"), file.clone()])),
            ("an unknown field after the file", 422, "surplus", parts(&[csrf.clone(), file.clone(), part("surplus", None, b"1")])),
        ] {
            let reply = send_form(&person, body, &[]).await;
            assert_eq!(reply.status.as_u16(), status, "{what}: {}", reply.text());
            assert!(reply.text().contains(says), "{what}: {}", reply.text());
            nothing_stored(app, what);
        }
        person.post("/evidence", &[("file", "a.pdf")]).await.expect(415);
        let bare = Request::post("/evidence").header(header::CONTENT_TYPE, "multipart/form-data").body(Body::from("x")).expect("a request");
        person.send(bare).await.expect(400);
        nothing_stored(app, "not multipart");
        assert_eq!(items(app).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_path_in_a_file_name_is_data_and_reaches_no_file() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let before: Vec<PathBuf> = files_below(app.folder.path());
        for (name, kept) in [
            ("../../../../tmp/evil.pdf", "evil.pdf"),
            ("/etc/cron.d/evil.pdf", "evil.pdf"),
            ("%2e%2e%2fevil.pdf", "%2e%2e%2fevil.pdf"),
            ("..%5cevil.pdf", "..%5cevil.pdf"),
        ] {
            let page = person.upload(name, "application/pdf", PDF).await.expect(303).location().to_owned();
            let stored: String =
                app.app.db.query("select name from evidence where id = $1").bind(page.trim_start_matches("/evidence/")).scalar().await.expect("reads");
            assert_eq!(stored, kept, "{name}");
            let header = person.get(&format!("{page}/content")).await.expect(200).header("content-disposition").to_owned();
            assert!(header.starts_with("attachment; filename=\"") && !header.contains('/') && !header.contains('\\'), "{header}");
        }
        let new: Vec<PathBuf> = files_below(app.folder.path()).into_iter().filter(|f| !before.contains(f) && f.starts_with(app.data().join("blobs"))).collect();
        assert_eq!(new.len(), 1, "{new:?}");
        assert!(new[0].to_string_lossy().contains(&hex::encode(Sha256::digest(PDF))[4..]), "{new:?}");
        assert!(files_below(app.folder.path()).iter().all(|f| !f.to_string_lossy().contains("evil")));
    })
    .await;
}

#[tokio::test]
async fn a_download_is_an_attachment_in_a_sandbox_with_its_exact_type() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let page = person.upload("Prüfung \u{202e}fdp.md", "text/html", b"# <script>alert(1)</script>\n").await;
        // A name that reorders what a person reads is refused or cleaned, never handed on.
        if page.status.as_u16() == 303 {
            let reply = person.get(&format!("{}/content", page.location())).await.expect(200);
            assert!(!reply.header("content-disposition").contains("%E2%80%AE"), "{}", reply.header("content-disposition"));
        }
        for (name, bytes, kind) in [
            ("Prüfung €.pdf", PDF, "application/pdf"),
            ("a.csv", b"a,b\n=1+1,2\n".as_slice(), "text/csv"),
            ("page.txt", b"<script>alert(1)</script>", "text/plain"),
            ("a.PNG", PNG, "image/png"),
        ] {
            let page = person.upload(name, "text/html", bytes).await.expect(303).location().to_owned();
            let reply = person.get(&format!("{page}/content")).await.expect(200);
            assert_eq!(reply.bytes, bytes, "{name}: byte for byte");
            assert_eq!(reply.header("content-type").split(';').next(), Some(kind), "{name}");
            let disposition = reply.header("content-disposition");
            assert!(disposition.starts_with("attachment; filename=\"") && disposition.contains("filename*=UTF-8''"), "{name}: {disposition}");
            assert_eq!(reply.header("x-content-type-options"), "nosniff");
            assert_eq!(reply.header("content-security-policy"), "sandbox; default-src 'none'");
            assert_eq!(reply.header("cache-control"), "no-store");
            assert_eq!(reply.header("cross-origin-resource-policy"), "same-origin");
            assert_eq!(reply.header("etag"), format!("\"{}\"", hex::encode(Sha256::digest(bytes))));
        }
    })
    .await;
}

#[tokio::test]
async fn parts_and_known_copies_are_answered_as_asked() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let content = format!("{}/content", person.upload("a.pdf", "application/pdf", PDF).await.expect(303).location());
        let len = PDF.len();
        let part = get_with(&person, &content, &[("range", "bytes=2-5")]).await.expect(206);
        assert_eq!((part.bytes.as_slice(), part.header("content-range")), (&PDF[2..6], format!("bytes 2-5/{len}").as_str()));
        assert_eq!(part.header("content-length"), "4");
        let end = get_with(&person, &content, &[("range", "bytes=-6")]).await.expect(206);
        assert_eq!(end.bytes, PDF[len - 6..]);
        let far = get_with(&person, &content, &[("range", &format!("bytes={len}-"))]).await.expect(416);
        assert_eq!(far.header("content-range"), format!("bytes */{len}"));
        assert!(far.bytes.windows(4).all(|w| w != b"%PDF"));
        assert_eq!(get_with(&person, &content, &[("range", "bytes=0-1,3-4")]).await.expect(200).bytes, PDF);
        assert_eq!(get_with(&person, &content, &[("range", "bytes=0-1"), ("if-range", "\"other\"")]).await.expect(200).bytes, PDF);
        let tag = part.header("etag").to_owned();
        let known = get_with(&person, &content, &[("if-none-match", &tag)]).await.expect(304);
        assert_eq!((known.bytes.len(), known.header("etag")), (0, tag.as_str()));
        get_with(&person, &content, &[("if-none-match", "\"other\"")]).await.expect(200);
        let head = person.send(Request::head(&content).body(Body::empty()).expect("a request")).await.expect(200);
        assert_eq!((head.bytes.len(), head.header("content-length")), (0, len.to_string().as_str()));
        // Five times bytes left, and each is an entry; 304, 416 and HEAD moved none.
        let actions = app.db_actions().await;
        assert_eq!(count(&actions, "evidence.download ok"), 5, "{actions:?}");
    })
    .await;
}

#[tokio::test]
async fn an_altered_file_never_arrives_whole() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        for (n, size) in [0_usize, 200_000, 1_000_000].into_iter().enumerate() {
            let mut bytes = PDF.to_vec();
            bytes.extend(std::iter::repeat_n(b'a' + u8::try_from(n).expect("small"), size));
            let page = person.upload("a.pdf", "application/pdf", &bytes).await.expect(303).location().to_owned();
            let content = format!("{page}/content");
            let digest = hex::encode(Sha256::digest(&bytes));
            let file = stored(app).into_iter().find(|f| f.to_string_lossy().replace('/', "").ends_with(&digest)).expect("stored under its hash");
            let mut wrong = bytes.clone();
            *wrong.last_mut().expect("not empty") ^= 1;
            for (what, on_disk) in [("one bit", wrong), ("cut", bytes[..bytes.len() - 1].to_vec()), ("grown", [bytes.as_slice(), b"x"].concat())] {
                std::fs::remove_file(&file).expect("removes");
                std::fs::write(&file, &on_disk).expect("alters");
                let whole = person.get(&content).await;
                assert!(whole.broken || whole.status.is_server_error(), "{what}, {size}: {}", whole.status);
                let part = get_with(&person, &content, &[("range", "bytes=0-3")]).await;
                assert!(part.status.is_server_error(), "{what}, {size}: {}", part.status);
                assert!(!part.text().contains("blobs") && !part.text().contains(&digest), "{}", part.text());
            }
            std::fs::remove_file(&file).expect("removes");
            assert!(person.get(&content).await.status.is_server_error(), "missing");
            person.get(&page).await.expect(200);
            std::fs::write(&file, &bytes).expect("restores");
            assert_eq!(person.get(&content).await.expect(200).bytes, bytes);
        }
        assert!(count(&app.db_actions().await, "evidence.download error") >= 9, "{:?}", app.db_actions().await);
    })
    .await;
}

#[tokio::test]
async fn only_the_owner_deletes_with_a_reason_and_the_page_stays() {
    check(async |app| {
        let owner = app.person(&[Role::Contributor]).await;
        let page = owner.upload("a.pdf", "application/pdf", PDF).await.expect(303).location().to_owned();
        let delete = format!("{page}/delete");
        for other in [app.person(&[Role::Contributor]).await, app.person(&[Role::Compliance]).await, app.person(&[Role::Admin]).await] {
            other.get(&delete).await.expect(403);
            other.post(&delete, &[("reason", "not mine")]).await.expect(403);
        }
        owner.get(&delete).await.expect(200);
        owner.post(&delete, &[]).await.expect(422).says("reason");
        for reason in ["", "   ", "\u{200b}", &"x".repeat(501), "a\u{202e}b"] {
            owner.post(&delete, &[("reason", reason)]).await.expect(422);
        }
        assert_eq!(owner.get(&format!("{page}/content")).await.expect(200).bytes, PDF);
        assert_eq!(owner.post(&delete, &[("reason", "Superseded by the second edition.")]).await.expect(303).location(), page);
        owner.get(&format!("{page}/content")).await.expect(404);
        owner.get(&page).await.expect(200).says("Superseded by the second edition.").says(&hex::encode(Sha256::digest(PDF)));
        owner.get(&delete).await.expect(409);
        owner.post(&delete, &[("reason", "again")]).await.expect(409);
        let officer = app.person(&[Role::Compliance]).await;
        officer.get(&page).await.expect(200).says("Superseded");
        officer.get(&format!("{page}/content")).await.expect(404);
        let actions = app.db_actions().await;
        assert_eq!((count(&actions, "evidence.delete ok"), count(&actions, "evidence.delete denied")), (1, 6), "{actions:?}");
    })
    .await;
}

#[tokio::test]
async fn a_deletion_asks_again_who_one_is_when_that_was_long_ago() {
    check(async |app| {
        let owner = app.person(&[Role::Contributor]).await;
        let page = owner.upload("a.pdf", "application/pdf", PDF).await.expect(303).location().to_owned();
        app.advance(app.app.policy.fresh_secs());
        let delete = format!("{page}/delete");
        let way = format!("/fresh?next={}", delete.replace('/', "%2F"));
        assert_eq!(owner.get(&delete).await.expect(303).location(), way);
        assert_eq!(owner.post(&delete, &[("reason", "old")]).await.expect(303).location(), way);
        assert_eq!(owner.get(&format!("{page}/content")).await.expect(200).bytes, PDF);
        let back = owner.post("/fresh", &[("password", crate::support::app::PASSWORD), ("code", &owner.code()), ("next", &delete)]).await.expect(303);
        assert_eq!(back.location(), delete);
        owner.post(&delete, &[("reason", "old")]).await.expect(303);
        owner.get(&format!("{page}/content")).await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn contributors_and_compliance_read_and_nobody_else() {
    check(async |app| {
        let owner = app.person(&[Role::Contributor]).await;
        let page = owner.upload("a.pdf", "application/pdf", PDF).await.expect(303).location().to_owned();
        let content = format!("{page}/content");
        for (role, reads, uploads) in [
            (Role::Contributor, true, true),
            (Role::Compliance, true, false),
            (Role::Messaging, false, false),
            (Role::Admin, false, false),
            (Role::Intake, false, false),
            (Role::Assessor, false, false),
        ] {
            let person = app.person(&[role]).await;
            for path in ["/evidence", &page, &content] {
                let reply = person.get(path).await;
                assert_eq!(reply.status.as_u16(), if reads { 200 } else { 403 }, "{role}: {path}");
                assert!(reads || !reply.text().contains("%PDF"), "{role}: {path}");
            }
            let before = stored(app).len();
            let other = format!("{}{role}", String::from_utf8_lossy(PDF));
            let reply = person.upload("b.pdf", "application/pdf", other.as_bytes()).await;
            assert_eq!(reply.status.as_u16(), if uploads { 303 } else { 403 }, "{role}");
            assert_eq!(stored(app).len(), before + usize::from(uploads), "{role}");
        }
        app.stranger().get(&content).await.expect(303);
        let scoped = owner.token(&[Role::Contributor], &["evidence.list"]).await;
        let id = page.trim_start_matches("/evidence/");
        scoped.get(&format!("/api/v1/evidence/{id}")).await.expect(200);
        scoped.get(&format!("/api/v1/evidence/{id}/content")).await.expect(403);
        scoped.upload("c.pdf", "application/pdf", PDF).await.expect(403);
    })
    .await;
}
