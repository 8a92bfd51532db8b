//! Records as a fresh tab of a spreadsheet at Google: off unless an account and spreadsheets are named in the settings.
//! Must stay true: only named spreadsheets are written to; values go raw, so that none runs as a formula; each page goes to a
//! range of its own, so that what is sent twice is there once; nothing is tried that a redirect, or another host, offers.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::{Client, RequestBuilder, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::client;
use crate::config::Sheets as Settings;
use crate::core::clock::{Micros, seconds};
use crate::core::fault::{Context as _, Fault};

/// How long one try may take.
const TRY_MAX: Duration = Duration::from_secs(10);
/// Tries of one request.
const TRIES_MAX: u32 = 3;
/// The first pause between them; the next is twice as long.
const PAUSE: Duration = Duration::from_millis(250);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// What the token is for.
const SCOPE: &str = "https://www.googleapis.com/auth/spreadsheets";
/// Seconds a token is asked for.
const TOKEN_SECS: u64 = 600;

/// Why a spreadsheet was not written.
#[derive(Debug, thiserror::Error)]
pub enum SheetsError {
    /// The account is none, or was refused.
    #[error("the account at Google was refused: {0}")]
    Account(String),
    /// The spreadsheet was refused.
    #[error("the spreadsheet was refused: {0}")]
    Refused(String),
    /// No answer that says it is there.
    #[error("Google did not answer as it must: {0}")]
    Unclear(String),
}

/// What the file of a service account holds.
#[derive(Deserialize)]
struct Account {
    client_email: String,
    private_key: String,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

/// A tab that is being written.
#[derive(Debug)]
pub struct Tab {
    client: Client,
    base: String,
    spreadsheet: String,
    title: String,
    token: Zeroizing<String>,
}

/// Signs in, and makes a tab of this title with room for so many rows and columns.
///
/// # Errors
/// See [`SheetsError`].
pub async fn begin(settings: &Settings, spreadsheet: &str, title: &str, rows: i64, columns: usize, now: Micros) -> Result<Tab, SheetsError> {
    let client = client::new(TRY_MAX, 1).map_err(|e| SheetsError::Unclear(e.chain()))?;
    let assertion = assertion(settings, now).map_err(|e| SheetsError::Account(e.chain()))?;
    let form = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion.as_str())];
    let form = Zeroizing::new(serde_urlencoded::to_string(form).map_err(|_| SheetsError::Unclear("no form".into()))?);
    let kind = "application/x-www-form-urlencoded";
    let answer = asked(|| client.post(&settings.token_url).header(header::CONTENT_TYPE, kind).body(form.to_string())).await?;
    let token: Token = match answer {
        (StatusCode::OK, body) => serde_json::from_slice(&body).map_err(|_| SheetsError::Unclear("no token".into()))?,
        (status, _) => return Err(SheetsError::Account(format!("http_{}", status.as_u16()))),
    };
    let tab =
        Tab { client, base: settings.api_url.clone(), spreadsheet: spreadsheet.to_owned(), title: title.to_owned(), token: Zeroizing::new(token.access_token) };
    let properties = json!({ "title": title, "gridProperties": { "rowCount": rows, "columnCount": columns } });
    let body = json!({ "requests": [{ "addSheet": { "properties": properties } }] });
    let url = format!("{}/v4/spreadsheets/{}:batchUpdate", tab.base, tab.spreadsheet);
    tab.told(|| tab.client.post(&url).json(&body)).await?;
    Ok(tab)
}

impl Tab {
    /// Writes rows from the row `first` on, which counts from one.
    ///
    /// # Errors
    /// See [`SheetsError`].
    pub async fn write(&self, first: i64, rows: &[Vec<Zeroizing<String>>]) -> Result<(), SheetsError> {
        let range = format!("{}!A{first}", self.title);
        let values: Vec<Vec<&str>> = rows.iter().map(|row| row.iter().map(|cell| cell.as_str()).collect()).collect();
        let body = json!({ "range": range, "majorDimension": "ROWS", "values": values });
        let url = format!("{}/v4/spreadsheets/{}/values/{range}?valueInputOption=RAW", self.base, self.spreadsheet);
        self.told(|| self.client.put(&url).json(&body)).await
    }

    async fn told(&self, request: impl Fn() -> RequestBuilder) -> Result<(), SheetsError> {
        match asked(|| request().bearer_auth(self.token.as_str())).await? {
            (status, _) if status.is_success() => Ok(()),
            // A try that got no answer had made it.
            (StatusCode::BAD_REQUEST, body) if String::from_utf8_lossy(&body).contains("already exists") => Ok(()),
            (status, _) => Err(SheetsError::Refused(format!("http_{}", status.as_u16()))),
        }
    }
}

/// Asks until there is an answer that another try would not better.
async fn asked(request: impl Fn() -> RequestBuilder) -> Result<(StatusCode, Vec<u8>), SheetsError> {
    let mut last = SheetsError::Unclear("never asked".into());
    for n in 0..TRIES_MAX {
        if n > 0 {
            tokio::time::sleep(PAUSE * 2_u32.pow(n)).await;
        }
        match request().send().await {
            Err(error) => last = SheetsError::Unclear(client::trouble(&error).into()),
            Ok(answer) if answer.status() == StatusCode::TOO_MANY_REQUESTS || answer.status().is_server_error() => {
                last = SheetsError::Unclear(format!("http_{}", answer.status().as_u16()));
            }
            Ok(answer) => {
                let status = answer.status();
                return Ok((status, client::read(answer, ANSWER_BYTES_MAX).await.unwrap_or_default()));
            }
        }
    }
    Err(last)
}

/// What a service account signs itself in with (RFC 7523).
fn assertion(settings: &Settings, now: Micros) -> Result<Zeroizing<String>, Fault> {
    let account: Account = serde_json::from_str(settings.account.expose()).map_err(|_| Fault::new("its file is not that of a service account"))?;
    let private_key = Zeroizing::new(account.private_key);
    let pem: String = private_key.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let der = Zeroizing::new(STANDARD.decode(Zeroizing::new(pem).as_bytes()).map_err(|_| Fault::new("its key is not in PEM"))?);
    let key = RsaKeyPair::from_pkcs8(&der).map_err(|_| Fault::new("its key is no RSA key in PKCS #8"))?;
    let (issued, header) = (seconds(now), json!({ "alg": "RS256", "typ": "JWT" }));
    let claims = json!({ "iss": account.client_email, "scope": SCOPE, "aud": settings.token_url, "iat": issued, "exp": issued + TOKEN_SECS });
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).context("sign in at Google")?;
    Ok(Zeroizing::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))))
}
