//! Google's token door and spreadsheets over real HTTP, with their faults: it checks the signature of who signs in, knows tabs
//! and ranges, and holds cells as they came.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{post, put as putting};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// The spreadsheet that is there.
pub const SPREADSHEET: &str = "1AbCdEfGhIjKlMnOpQrStUvWxYz-0123456789_abcd";
const TOKEN: &str = "ya29.a-token";

/// How the next request is answered, once each; then as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoogleAnswer {
    /// As it should be.
    Fine,
    /// This status, nothing done.
    Status(u16),
    /// Done, and then this status.
    DoneBut(u16),
    /// Done, and never an answer.
    DoneSilent,
    /// To another host.
    Redirect,
}

#[derive(Debug, Default)]
struct Held {
    answers: VecDeque<GoogleAnswer>,
    /// Cells by tab and row.
    tabs: BTreeMap<String, BTreeMap<usize, Vec<String>>>,
    asked: Vec<String>,
}

/// The fake.
#[derive(Clone)]
pub struct FakeGoogle {
    held: Arc<Mutex<Held>>,
    public: Arc<Vec<u8>>,
    /// Where it is.
    pub url: String,
    /// The file of the service account, on one line.
    pub account: String,
}

impl FakeGoogle {
    /// Starts it with a new account.
    pub async fn start() -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).expect("DER");
        let pem = format!("-----{} PRIVATE KEY-----\n{}\n-----{} PRIVATE KEY-----\n", "BEGIN", STANDARD.encode(der.as_ref()), "END");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let account = json!({ "type": "service_account", "client_email": "export@example.iam", "private_key": pem }).to_string();
        let fake = Self { held: Arc::default(), public: Arc::new(key.public_key().as_ref().to_vec()), url, account };
        let router =
            Router::new().route("/token", post(token)).route("/v4/spreadsheets/{id}", post(batch)).route("/v4/spreadsheets/{id}/values/{range}", putting(put));
        let router = router.with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    /// Answers the next requests like this.
    pub fn next(&self, answers: &[GoogleAnswer]) {
        self.held.lock().expect("one at a time").answers.extend(answers);
    }

    /// The rows of the newest tab.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let held = self.held.lock().expect("one at a time");
        held.tabs.values().next_back().map(|tab| tab.values().cloned().collect()).unwrap_or_default()
    }

    /// Tabs there are.
    pub fn tabs(&self) -> usize {
        self.held.lock().expect("one at a time").tabs.len()
    }

    /// Requests that came.
    pub fn asked(&self) -> Vec<String> {
        self.held.lock().expect("one at a time").asked.clone()
    }

    /// What is done now instead of the right answer; the right one is done before it where it says so.
    async fn instead(&self, line: String, work: impl FnOnce(&mut Held) -> Response) -> Response {
        let answer = {
            let mut held = self.held.lock().expect("one at a time");
            held.asked.push(line);
            match held.answers.pop_front() {
                None | Some(GoogleAnswer::Fine) => return work(&mut held),
                Some(answer) => {
                    if matches!(answer, GoogleAnswer::DoneBut(_) | GoogleAnswer::DoneSilent) {
                        drop(work(&mut held));
                    }
                    answer
                }
            }
        };
        match answer {
            GoogleAnswer::Status(status) | GoogleAnswer::DoneBut(status) => StatusCode::from_u16(status).expect("a status").into_response(),
            GoogleAnswer::Redirect => (StatusCode::TEMPORARY_REDIRECT, [("location", format!("{}/elsewhere", self.url))]).into_response(),
            GoogleAnswer::DoneSilent | GoogleAnswer::Fine => std::future::pending().await,
        }
    }
}

async fn token(State(fake): State<FakeGoogle>, body: Bytes) -> Response {
    let form: BTreeMap<String, String> = serde_urlencoded::from_bytes(&body).expect("a form");
    let assertion = form.get("assertion").cloned().unwrap_or_default();
    let (text, signature) = assertion.rsplit_once('.').unwrap_or_default();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
    let is_right = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, fake.public.as_slice()).verify(text.as_bytes(), &signature).is_ok();
    let claims: Value = text.split_once('.').and_then(|(_, c)| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(c).ok()?).ok()).unwrap_or_default();
    let is_right =
        is_right && claims["iss"] == "export@example.iam" && claims["aud"] == format!("{}/token", fake.url) && claims["exp"].as_u64() > claims["iat"].as_u64();
    let work = move |_: &mut Held| match is_right {
        true => axum::Json(json!({ "access_token": TOKEN, "expires_in": 600, "token_type": "Bearer" })).into_response(),
        false => StatusCode::BAD_REQUEST.into_response(),
    };
    fake.instead("token".into(), work).await
}

fn may(headers: &HeaderMap, id: &str) -> Result<(), StatusCode> {
    match headers.get("authorization").and_then(|v| v.to_str().ok()) {
        Some(value) if value == format!("Bearer {TOKEN}") => {}
        _ => return Err(StatusCode::UNAUTHORIZED),
    }
    if id == SPREADSHEET { Ok(()) } else { Err(StatusCode::NOT_FOUND) }
}

async fn batch(State(fake): State<FakeGoogle>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let title = body["requests"][0]["addSheet"]["properties"]["title"].as_str().unwrap_or_default().to_owned();
    let work = move |held: &mut Held| {
        if let Err(refusal) = may(&headers, id.strip_suffix(":batchUpdate").unwrap_or_default()) {
            return refusal.into_response();
        }
        if held.tabs.contains_key(&title) {
            let said = json!({ "error": { "code": 400, "message": format!("A sheet with the name \"{title}\" already exists.") } });
            return (StatusCode::BAD_REQUEST, axum::Json(said)).into_response();
        }
        held.tabs.insert(title, BTreeMap::new());
        axum::Json(json!({ "replies": [] })).into_response()
    };
    fake.instead("tab".into(), work).await
}

async fn put(
    State(fake): State<FakeGoogle>,
    Path((id, range)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let line = format!("{range}?{}", query.clone().unwrap_or_default());
    let work = move |held: &mut Held| {
        if let Err(refusal) = may(&headers, &id) {
            return refusal.into_response();
        }
        let Some((title, first)) = range.split_once("!A") else { return StatusCode::BAD_REQUEST.into_response() };
        let (Some(tab), Ok(first), Some(rows)) = (held.tabs.get_mut(title), first.parse::<usize>(), body["values"].as_array()) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        // Raw text stays text; anything else would be looked at as somebody typed it.
        let is_raw = query.as_deref() == Some("valueInputOption=RAW");
        for (n, row) in rows.iter().enumerate() {
            let cell = |cell: &Value| if is_raw { cell.as_str().expect("text").to_owned() } else { format!("RUN {cell}") };
            tab.insert(first + n, row.as_array().expect("a row").iter().map(cell).collect());
        }
        axum::Json(json!({ "updatedRows": rows.len() })).into_response()
    };
    fake.instead(line, work).await
}
