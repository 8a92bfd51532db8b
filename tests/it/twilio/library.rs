//! The official Twilio library as a stranger: it talks to the fake as to Twilio, and signs what the server verifies. Without Python
//! or a network it is skipped aloud; under CI that is a failure.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use axum::body::Body;
use axum::http::{Request, header};
use countersign::core::clock::Clock;

use crate::support::app::NOON;
use crate::support::twilio::{Does, FROM, FakeTwilio, SID, TOKEN};
use crate::support::{TestApp, check_with};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Where the library lies; none when it cannot be had here.
async fn library() -> Option<PathBuf> {
    let found = tokio::task::spawn_blocking(|| Command::new(here("scripts/twilio-library.sh")).output()).await.expect("runs");
    let found = found.expect("a shell");
    if found.status.success() {
        return Some(PathBuf::from(String::from_utf8_lossy(&found.stdout).trim()));
    }
    let why = String::from_utf8_lossy(&found.stderr).into_owned();
    assert!(found.status.code() == Some(3) && !std::env::vars().any(|(k, v)| k == "CI" && v == "true"), "{why}");
    println!("SKIP: {why}");
    None
}

async fn run(library: &Path, args: &[&str]) -> Output {
    let mut command = Command::new("python3");
    command.arg(here("tests/strangers/twilio_library.py")).args(args).env("PYTHONPATH", library).env("PYTHONDONTWRITEBYTECODE", "1");
    let out = tokio::task::spawn_blocking(move || command.output()).await.expect("runs").expect("Python");
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_library_takes_the_fake_for_twilio() {
    let Some(library) = library().await else { return };
    let twilio = FakeTwilio::start(Clock::fixed(NOON)).await;
    let port = twilio.port().to_string();
    run(&library, &["talk", &port, SID, TOKEN, FROM]).await;
    assert_eq!(twilio.accepted().len(), 5);
    assert!(twilio.accepted().iter().all(|a| a.body.starts_with("Gr\u{fc}\u{df}e \u{1f600} & more = one+two")), "{:?}", twilio.accepted());
    twilio.does(&[Does::Refuses(400, 21610)]);
    run(&library, &["refused", &port, SID, TOKEN, FROM]).await;
    assert_eq!(twilio.accepted().len(), 5);
}

/// One request as the library signed it.
#[derive(serde::Deserialize)]
struct Signed {
    url: String,
    form: Vec<(String, String)>,
    signature: String,
}

impl Signed {
    async fn post(&self, app: &TestApp, form: &[(String, String)]) -> u16 {
        let path = self.url.splitn(4, '/').nth(3).expect("a path");
        let body = serde_urlencoded::to_string(form).expect("a form");
        let request = Request::post(format!("/{path}")).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = request.header("x-twilio-signature", &self.signature).header("x-forwarded-proto", "https");
        app.send(request.body(Body::from(body)).expect("a request")).await.status.as_u16()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_official_library_signs_is_believed_and_nothing_else() {
    let Some(library) = library().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    std::fs::write(&token, TOKEN).expect("writes");
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("sets");
    let token = token.display().to_string();
    // The address as configured, what it is signed as: Twilio may write a port or leave it out.
    for (configured, signed) in [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://cs.example.org", "https://cs.example.org"),
        ("https://cs.example.org", "https://cs.example.org:443"),
        ("https://cs.example.org:8443", "https://cs.example.org:8443"),
    ] {
        let flags = [("twilio.account_sid", SID), ("twilio.auth_token_file", token.as_str()), ("public_url", configured), ("trusted_proxies", "127.0.0.0/8")];
        check_with(&flags, async |app| {
            let out = run(&library, &["sign", TOKEN, &format!("{signed}/hooks/twilio"), SID]).await;
            let text = String::from_utf8(out.stdout).expect("UTF-8");
            let all: Vec<Signed> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
            assert_eq!(all.len(), 10);
            for one in &all {
                let mut changed = one.form.clone();
                changed[6].1.push('x');
                assert_eq!(one.post(app, &changed).await, 403, "{} {:?}", one.url, one.form);
                assert_eq!(one.post(app, &one.form).await, 200, "{} {:?}", one.url, one.form);
            }
            let kept: i64 = app.app.db.query("select count(*) from inbound_event").scalar().await.expect("counts");
            assert_eq!(kept, 10);
        })
        .await;
    }
}
