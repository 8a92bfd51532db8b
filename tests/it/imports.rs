//! Files of contacts by the browser: looked at, begun, taken over in batches, explained; and what a stop in the middle leaves.

use axum::body::Body;
use axum::http::{Request, header};
use countersign::contacts::import::stage;
use countersign::core::id::ImportId;
use countersign::policy::Role;

use crate::support::person::{BOUNDARY, multipart};
use crate::support::{Reply, TestApp, TestPerson, check};

const MESSY: &str = "sep=;\r\nName;Mobile;Note;ZIP\r\nAnna;(415) 555-2671;'=1+1;02139\r\nOmar;'+14155552672;\"a;b\nc\";\r\n\r\nAgain;+1 415 555 2671;;\r\nExcel;1.41555E+10;=cmd();\r\nPlus;447911123456;;\r\nNone;;;\r\n";

async fn upload(person: &TestPerson<'_>, name: &str, bytes: &[u8]) -> Reply {
    let token = person.csrf();
    let body = multipart(Some(&token), "file", name, "text/csv", bytes);
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let request = Request::post("/contacts/imports").header(header::CONTENT_TYPE, kind).body(Body::from(body)).expect("a request");
    person.send(request).await
}

/// Uploads and gives the import's page.
async fn staged(person: &TestPerson<'_>, bytes: &[u8]) -> String {
    let reply = upload(person, "spring list.csv", bytes).await.expect(303);
    assert!(reply.location().starts_with("/contacts/imports/imp_"), "{}", reply.location());
    reply.location().to_owned()
}

fn id_of(page: &str) -> ImportId {
    page.trim_start_matches("/contacts/imports/").parse().expect("an id")
}

async fn ended(app: &TestApp, page: &str) -> stage::Import {
    for _ in 0..3_000 {
        let import = stage::find(&app.app.db, &id_of(page)).await.expect("reads").expect("is there");
        if import.ended_at.is_some() {
            return import;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the import did not end in time");
}

fn counts(import: &stage::Import) -> [i64; 5] {
    [import.rows_done, import.created, import.known, import.duplicates, import.refused]
}

#[tokio::test]
async fn a_messy_file_is_taken_over_and_each_refusal_explained() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        // Who opted out before stays so, whatever a file says.
        person.post("/contacts/stops", &[("number", "+14155552672"), ("kind", "opt_out")]).await.expect(303);
        let page = staged(&person, MESSY.as_bytes()).await;
        let seen = person.get(&page).await.expect(200).text();
        for text in ["spring list.csv", "UTF-8", "Its first row names the columns", "the telephone number", "(415) 555-2671 · &#x27;+14155552672"] {
            assert!(seen.contains(text), "{text}: {seen}");
        }
        let begin = format!("{page}/begin");
        let uses = [("use_0", "name"), ("use_1", "phone"), ("use_2", "field"), ("use_3", "postal")];
        let with = |list: &'static str, region: &'static str| [&[("list", list), ("region", region)], &uses[..]].concat();
        person.post(&begin, &with("", "US")).await.expect(422).says("Enter a name");
        person.post(&begin, &with("Spring", "XX")).await.expect(422).says("two letters");
        person.post(&begin, &[&with("Spring", "US")[..5], &[("use_1", "name")]].concat()).await.expect(400);
        let mut twice = with("Spring", "US");
        twice[2].1 = "phone";
        person.post(&begin, &twice).await.expect(422).says("Choose exactly one column");
        person.post(&begin, &with("Spring", "US")).await.expect(303);
        let import = ended(app, &page).await;
        assert_eq!((import.state.as_str(), counts(&import)), ("done", [6, 2, 0, 1, 3]));
        person.post(&begin, &with("Spring", "US")).await.expect(409);
        let shown = person.get(&page).await.expect(200).text();
        for text in ["a spreadsheet has turned the number into scientific notation", "the + of the number seems to be lost", "there is no number", "Spring"] {
            assert!(shown.contains(text), "{text}: {shown}");
        }
        let refused = person.post(&format!("{page}/refused"), &[]).await.expect(200);
        assert!(refused.header("content-disposition").contains("refused.csv"));
        let refused = refused.text();
        assert_eq!(refused.lines().count(), 4, "{refused}");
        assert!(refused.contains("\"Excel\",\"1.41555E+10\",\"'=cmd()\""), "{refused}");
        let list = import.list_id.expect("a list");
        let listed = person.get(&format!("/contacts?list={list}")).await.expect(200).text();
        assert!(listed.contains("Anna") && listed.contains("Opted out"), "{listed}");
        let anna = person.get("/contacts?q=Anna").await.expect(200).text();
        let anna = anna.split("href=\"").find_map(|h| h.split('"').next().filter(|h| h.contains("con_"))).expect("a contact").replace("&#x2f;", "/");
        person.get(&anna).await.expect(200).says("=1+1").says("02139");
        assert!(!stage::file_of(&app.app, &id_of(&page)).exists(), "the file went after use");
        person.post("/messages", &[("to", "+14155552672"), ("text", "hello")]).await.expect(422);
        // The same file again finds who is there.
        let again = staged(&person, MESSY.as_bytes()).await;
        person.post(&format!("{again}/begin"), &with("Autumn", "US")).await.expect(303);
        assert_eq!(counts(&ended(app, &again).await), [6, 0, 2, 1, 3]);
        let acts = app.db_actions().await;
        for (act, times) in [("import.stage ok", 2), ("import.begin ok", 2), ("import.batch ok", 2), ("import.end ok", 2), ("contact.export ok", 1)] {
            assert_eq!(acts.iter().filter(|a| *a == act).count(), times, "{act}: {acts:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_import_stopped_anywhere_goes_on_without_loss_or_double() {
    let app = TestApp::new(&[]).await;
    let mut text = String::from("phone,name\n");
    for n in 0..6_000 {
        match n % 100 {
            0 => text.push_str(&format!("+1415555{:04},n{n}\n", 2_000 + n / 100)),
            1 => text.push_str("+14155552000,again\n"),
            _ => text.push_str("x,refused\n"),
        }
    }
    let page = {
        let person = app.person(&[Role::Messaging]).await;
        let page = staged(&person, text.as_bytes()).await;
        let begin = [("list", "Spring"), ("region", "US"), ("use_0", "phone"), ("use_1", "name")];
        person.post(&format!("{page}/begin"), &begin).await.expect(303);
        page
    };
    let mut app = app;
    for _ in 0..3 {
        app.installation.take().expect("open").close().await;
        // The staged file is there until the import has ended.
        if stage::file_of(&app.app, &id_of(&page)).exists()
            && let Ok(mut file) = std::fs::OpenOptions::new().append(true).open(stage::errors_of(&app.app, &id_of(&page)))
        {
            // As a batch would leave it that was written and not committed.
            std::io::Write::write_all(&mut file, b"half a row").expect("writes");
        }
        app = app.restart_closed().await;
    }
    let import = ended(&app, &page).await;
    assert_eq!((import.state.as_str(), counts(&import)), ("done", [6_000, 60, 0, 60, 5_880]));
    let refused = std::fs::read_to_string(stage::errors_of(&app.app, &id_of(&page))).expect("reads");
    assert_eq!((refused.lines().count(), refused.matches("half a row").count()), (5_881, 0));
    let members: i64 = app.app.db.query("select count(*) from list_member").scalar().await.expect("counts");
    assert_eq!(members, 60);
    let batches = app.db_actions().await.iter().filter(|a| *a == "import.batch ok").count();
    assert!(batches >= 6, "{batches}");
    app.finish().await;
}

#[tokio::test]
async fn a_workbook_is_read_like_any_other_file() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        let mut book = countersign::core::xlsx::Xlsx::default();
        let mut bytes = book.begin();
        for row in [["Name", "Mobile", "Note"], ["Anna", "+14155552671", "=1+1"], ["", "", ""], ["Omar", "(415) 555-2672", "a, \"b\"\nc"], ["None", "", ""]] {
            bytes.extend(book.row(&row).expect("room"));
        }
        bytes.extend(book.end());
        let page = upload(&person, "spring.xlsx", &bytes).await.expect(303).location().to_owned();
        person.get(&page).await.expect(200).says("spring.xlsx").says("Its first row names the columns").says("+14155552671");
        let begin = [("list", "Spring"), ("region", "US"), ("use_0", "name"), ("use_1", "phone"), ("use_2", "field")];
        person.post(&format!("{page}/begin"), &begin).await.expect(303);
        let import = ended(app, &page).await;
        assert_eq!((import.state.as_str(), counts(&import)), ("done", [3, 2, 0, 0, 1]));
        assert_eq!(import.sha256, hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&bytes)), "the hash is that of what was sent");
        let anna = person.get("/contacts?q=Anna").await.expect(200).text();
        let anna = anna.split("href=\"").find_map(|h| h.split('"').next().filter(|h| h.contains("con_"))).expect("a contact").replace("&#x2f;", "/");
        person.get(&anna).await.expect(200).says("=1+1");
        // A sheet by its name comes before the file.
        let sheet = |name: &str| {
            let part = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"sheet\"\r\n\r\n{name}\r\n");
            let form = multipart(None, "file", "a.xlsx", "application/octet-stream", &bytes);
            let request = Request::post("/contacts/imports").header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"));
            request.header("x-csrf-token", person.csrf()).body(Body::from([part.into_bytes(), form].concat())).expect("a request")
        };
        person.send(sheet("Summer")).await.expect(422).says("There is no such sheet. There are: Export");
        person.send(sheet("export")).await.expect(303);
    })
    .await;
}

#[tokio::test]
async fn bad_files_are_refused_and_leave_nothing() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        let open = [b"phone\n+14155552671\n\"".as_slice(), &vec![b'x'; 600_000]].concat();
        for (content, says) in [
            (Vec::new(), "The file is empty"),
            (vec![0; 5_000], "The file is no text"),
            (vec![b'x'; 2_000_000], "Row 1 is too long"),
            (open, "never closed"),
            (vec!["a"; 10_000].join(",").into_bytes(), "more than 256 columns"),
            (b"PK\x03\x04".to_vec(), "The file is no workbook and no archive"),
        ] {
            upload(&person, "a.csv", &content).await.expect(422).says(says);
        }
        upload(&person, "", b"").await.expect(422).says("Choose a file");
        let left = std::fs::read_dir(stage::folder(&app.app)).map(Iterator::count).unwrap_or(0);
        assert_eq!(left, 0);
        // Damage behind what was looked at ends the import, keeps what was taken over, and says where.
        let mut late = b"phone\n+14155552671\n".to_vec();
        late.extend(std::iter::repeat_n(b"x\n".as_slice(), 300_000).flatten());
        late.push(0);
        let page = staged(&person, &late).await;
        person.post(&format!("{page}/begin"), &[("list", "L"), ("region", "US"), ("use_0", "phone")]).await.expect(303);
        let import = ended(app, &page).await;
        assert_eq!((import.state.as_str(), import.created), ("failed", 1));
        person.get(&page).await.expect(200).says("row 300003 holds a NUL");
    })
    .await;
}

#[tokio::test]
async fn a_file_that_nobody_begins_goes_after_a_day_and_refused_rows_too() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        let waiting = staged(&person, b"phone\n+14155552671\n").await;
        let done = staged(&person, b"phone\nx\n").await;
        person.post(&format!("{done}/begin"), &[("list", "L"), ("region", "US"), ("use_0", "phone")]).await.expect(303);
        ended(app, &done).await;
        let cancelled = staged(&person, b"phone\nx\n").await;
        person.post(&format!("{cancelled}/cancel"), &[]).await.expect(303);
        person.post(&format!("{cancelled}/cancel"), &[]).await.expect(409);
        assert!(!stage::file_of(&app.app, &id_of(&cancelled)).exists());
        assert!(stage::errors_of(&app.app, &id_of(&done)).exists());
        app.advance(25 * 3600);
        let now = app.app.db.clock().now();
        stage::sweep(&app.app, now).await.expect("sweeps");
        let import = stage::find(&app.app.db, &id_of(&waiting)).await.expect("reads").expect("is there");
        assert_eq!(import.state, "expired");
        assert!(!stage::file_of(&app.app, &id_of(&waiting)).exists() && !stage::errors_of(&app.app, &id_of(&done)).exists());
    })
    .await;
}

#[tokio::test]
async fn a_file_whose_import_was_never_recorded_goes_after_three_days() {
    let app = TestApp::new(&[]).await;
    let person = app.person(&[Role::Messaging]).await;
    let waiting = staged(&person, b"phone\n+14155552671\n").await;
    let (folder, now) = (stage::folder(&app.app), app.app.db.clock().now());
    let lost = stage::file_of(&app.app, &ImportId::new(app.app.db.clock(), app.app.db.rng()));
    let fresh = stage::file_of(&app.app, &ImportId::new(app.app.db.clock(), app.app.db.rng()));
    let old = now - 3 * stage::KEPT_FOR - 1;
    let files =
        [(lost.clone(), old), (stage::part_of(&lost), old), (folder.join("other"), old), (stage::file_of(&app.app, &id_of(&waiting)), old), (fresh, now)];
    for (path, at) in &files {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path).expect("opens");
        let since = std::time::Duration::from_micros(u64::try_from(*at).expect("after 1970"));
        file.set_modified(std::time::UNIX_EPOCH + since).expect("is set");
    }
    stage::sweep(&app.app, now).await.expect("sweeps");
    // What waits for somebody stays as long as its row says so.
    assert_eq!(files.each_ref().map(|(path, _)| path.exists()), [false, false, false, true, true]);
    assert_eq!(stage::find(&app.app.db, &id_of(&waiting)).await.expect("reads").expect("is there").state, "staged");
    drop(person);
    app.finish().await;
}
