//! `countersign demo`: the real server on loopback with a throw-away folder, one person per role, sample evidence and
//! messages, and single-use sign-in links.
//! Must stay true: it refuses any address but loopback and any folder it did not make.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Failure, out, serve};
use crate::config::{Config, Inputs};
use crate::core::folder::{DataFolder, write_private};
use crate::core::rng::Rng;
use crate::demo::{self, DemoPerson};
use crate::http::App;
use crate::vault::KeyRing;

pub(super) async fn run(mut inputs: Inputs, listen: SocketAddr, json: bool) -> Result<(), Failure> {
    if !listen.ip().is_loopback() {
        return Err(Failure::hinting(format!("the demonstration listens on loopback only, not on {listen}"), "leave out --listen, or give 127.0.0.1:PORT"));
    }
    let listener = serve::bind(listen).await?;
    let listen = listener.local_addr().map_err(Failure::cannot)?;
    let named = inputs.flags.iter().find(|(key, _)| key == "data").map(|(_, value)| PathBuf::from(value));
    let own = named.is_none();
    let data = named.unwrap_or_else(|| std::env::temp_dir().join(format!("countersign-demo-{}", hex::encode(Rng::system().bytes::<6>()))));
    let folder = DataFolder::make_demo(&data).map_err(Failure::cannot)?;
    let url = format!("http://{listen}");
    for (key, value) in [
        ("data", data.display().to_string()),
        ("listen", listen.to_string()),
        ("public_url", url.clone()),
        ("name", "demo.countersign.example".into()),
        ("organisation", "Fernhill Clinic".into()),
        ("default_region", "US".into()),
        ("sandbox.enabled", "true".into()),
    ] {
        inputs.flags.retain(|(k, _)| k != key);
        inputs.flags.push((key.into(), value));
    }
    if !inputs.env.keys().any(|k| k == "COUNTERSIGN_LOG_LEVEL") {
        inputs.flags.push(("log.level".into(), "warn".into()));
    }
    let twilio = BuiltIn::of(&folder)?;
    inputs.flags.retain(|(k, _)| !k.starts_with("twilio."));
    inputs.flags.push(("twilio.account_sid".into(), twilio.account_sid.clone()));
    inputs.flags.push(("twilio.auth_token_file".into(), folder.path().join(TWILIO_TOKEN).display().to_string()));
    inputs.serving = true;
    let config = Config::load(&inputs).map_err(Failure::cannot)?;
    if !folder.keys().join("kek-1").exists() {
        KeyRing::generate(&folder.keys(), &Rng::system()).map_err(Failure::cannot)?;
    }
    let served = serve::serve_on(config, &folder, listener, async |app, _| seed_and_print(app, &url, &data, &twilio, json).await).await;
    if own {
        // A throw-away folder is thrown away.
        let _ = std::fs::remove_dir_all(&data);
    }
    served
}

/// The file with the token of the account that only pretends to be one at Twilio.
const TWILIO_TOKEN: &str = "twilio-auth-token";
/// Its number, which Twilio gives to nobody.
const TWILIO_NUMBER: &str = "+15005550006";

/// An account that only pretends to be one at Twilio, so that its hook can be tried with real signatures.
struct BuiltIn {
    account_sid: String,
    auth_token: String,
}

impl BuiltIn {
    /// That of this folder, made at the first start.
    fn of(folder: &DataFolder) -> Result<Self, Failure> {
        let path = folder.path().join(TWILIO_TOKEN);
        if !path.exists() {
            write_private(&path, hex::encode(Rng::system().bytes::<16>()).as_bytes()).map_err(Failure::cannot)?;
        }
        let auth_token = std::fs::read_to_string(&path).map_err(|e| Failure::cannot(format!("{}: {e}", path.display())))?.trim().to_owned();
        let account_sid = format!("AC{}", &hex::encode(Sha256::digest(auth_token.as_bytes()))[..32]);
        Ok(Self { account_sid, auth_token })
    }
}

async fn seed_and_print(app: &App, url: &str, data: &Path, twilio: &BuiltIn, as_json: bool) -> Result<(), Failure> {
    let people = demo::seed(app).await?;
    let vkey = app.keeper.signer().vkey(&app.db.log().1);
    if as_json {
        let people: Vec<_> = people
            .iter()
            .map(|p| {
                json!({ "role": p.role, "username": p.username, "password": p.password, "totp_secret": p.totp_secret, "api_token": p.api_token,
                    "sign_in_link": format!("{url}/demo/{}", p.sign_in) })
            })
            .collect();
        return out::json(
            &json!({ "url": url, "data": data, "vkey": vkey, "people": people, "twilio": json!({ "hook": format!("{url}{}", crate::messages::TWILIO), "account_sid": twilio.account_sid, "auth_token": twilio.auth_token, "number": TWILIO_NUMBER }) }),
        );
    }
    out::line(&words(url, data, &vkey, &people))
}

fn words(url: &str, data: &Path, vkey: &str, people: &[DemoPerson]) -> String {
    let mut lines = vec![
        format!("Countersign runs at {url} (a demonstration: invented people, a folder that is thrown away)."),
        String::new(),
        "Sign in with one click; each link works once, on this machine only:".into(),
    ];
    for person in people {
        lines.push(format!("  {:12} {url}/demo/{}", person.role, person.sign_in));
    }
    lines.push(String::new());
    lines.push("Or with name, password and an authenticator app:".into());
    for person in people {
        lines.push(format!("  {:12} {:16} {}   secret {}", person.role, person.username, person.password, person.totp_secret));
    }
    lines.push(String::new());
    lines.push("Verify the audit trail offline, as an outsider would:".into());
    lines.push(format!("  countersign audit export --data {} --out trail", data.display()));
    lines.push(format!("  countersign-verify trail --key '{vkey}'"));
    lines.push(String::new());
    lines.push("Ctrl-C stops it.".into());
    lines.join("\n")
}
