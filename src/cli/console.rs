//! Console acts: asked of the running server through `control.sock`, or done here under the data folder's lock when no
//! server runs. Either way the entry says `console`.
//! Must stay true: the socket is 0600 in a 0700 folder, one JSON line in, one out, bounded.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::app::{Installation, Migrate, open_folder};
use crate::config::{Config, Inputs};
use crate::core::clock::Clock;
use crate::core::fault::{Context as _, Fault};
use crate::core::folder::{DataFolder, FolderError};
use crate::core::rng::Rng;
use crate::core::text::{Email, Line, Username, fold};
use crate::db::Detail;
use crate::http::App;
use crate::identity::links::{self, NewPerson};
use crate::identity::{self, MaybeLast, Person, people};
use crate::policy::{Actor, On, Role};

/// The socket's name in the data folder.
pub const SOCKET: &str = "control.sock";
/// Bytes of one request at most, a whole catalogue among them, and of one answer.
const LINE_MAX: u64 = 20 << 20;
/// People listed at most.
const PEOPLE_MAX: usize = 10_000;

/// What the console can ask.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// Create a person.
    UserCreate {
        /// User name.
        username: String,
        /// Shown name.
        name: String,
        /// Address.
        email: Option<String>,
        /// Roles.
        roles: Vec<String>,
    },
    /// List people.
    UserList,
    /// Disable.
    UserDisable {
        /// User name.
        username: String,
    },
    /// Enable.
    UserEnable {
        /// User name.
        username: String,
    },
    /// Unlock.
    UserUnlock {
        /// User name.
        username: String,
    },
    /// Reset link.
    UserResetPassword {
        /// User name.
        username: String,
    },
    /// New authenticator.
    UserResetTotp {
        /// User name.
        username: String,
    },
    /// Take a file of contacts over.
    ContactsImport {
        /// The file, as an absolute path.
        file: std::path::PathBuf,
        /// The list's name.
        list: String,
        /// The country of numbers without `+`.
        region: Option<String>,
        /// Numbers of internet telephony too.
        voip: bool,
        /// How it is read.
        layout: Box<crate::contacts::import::layout::Layout>,
    },
    /// Record an export and sign the head, so that what is exported is current.
    AuditExport {
        /// How.
        format: String,
        /// The filters in use, as a query.
        filter: String,
    },
    /// Go on after the clock stood before the trail.
    TrailClock {
        /// Why.
        reason: String,
    },
    /// Keep a catalogue that was read from a file.
    CatalogImport {
        /// The catalogue as JSON.
        body: String,
        /// SHA-256 of the file.
        sha256: String,
    },
    /// Record a backup.
    BackupCreate,
    /// Record that the keys were exported.
    KeysExport,
    /// Wrap every data key with a new key-encryption key, or only make that.
    KeysRotate {
        /// Only make it.
        prepare: bool,
    },
    /// Remove an old key-encryption key.
    KeysRetire {
        /// Its version.
        version: i64,
    },
}

/// Asks the running server, or does it here.
///
/// # Errors
/// When it was refused or could not be done.
pub async fn call(inputs: &Inputs, ask: &Ask) -> Result<Value, Failure> {
    let config = Config::load(inputs).map_err(Failure::cannot)?;
    let folder = open_folder(&config.data, false)?;
    let probe = folder.lock();
    match probe {
        Ok(lock) => {
            drop(lock);
            let here = Installation::open(config, &folder, Clock::system(), Rng::system(), Migrate::IfEmpty, true).await?;
            let done = execute(&here.app, ask).await;
            here.close().await;
            done.map_err(Failure::cannot)
        }
        Err(FolderError::Held { .. }) => through_socket(&folder, ask).await,
        Err(error) => Err(Failure::cannot(error)),
    }
}

async fn through_socket(folder: &DataFolder, ask: &Ask) -> Result<Value, Failure> {
    let path = folder.path().join(SOCKET);
    let stream = UnixStream::connect(&path).await.map_err(|e| {
        Failure::hinting(
            format!("another countersign holds `{}` but does not answer on its control socket: {e}", folder.path().display()),
            "wait for it to start, or stop it",
        )
    })?;
    let (read, mut write) = stream.into_split();
    let mut line = serde_json::to_vec(ask).map_err(Failure::cannot)?;
    line.push(b'\n');
    write.write_all(&line).await.map_err(Failure::cannot)?;
    let mut answer = String::new();
    BufReader::new(read.take(LINE_MAX)).read_line(&mut answer).await.map_err(Failure::cannot)?;
    let answer: Value = serde_json::from_str(&answer).map_err(|_| Failure::cannot("the running server gave no answer"))?;
    match answer.get("error").and_then(Value::as_str) {
        Some(error) => Err(Failure::cannot(error)),
        None => Ok(answer.get("ok").cloned().unwrap_or(Value::Null)),
    }
}

/// Serves the socket until told to stop.
///
/// # Errors
/// When the socket cannot be made.
pub fn listen(app: &App, folder: &Path, stop: CancellationToken) -> Result<(), Fault> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join(SOCKET);
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).context("make the control socket")?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).context("close the control socket to others")?;
    let app = app.clone();
    tokio::spawn(async move {
        loop {
            // One at a time: the console is one operator.
            tokio::select! {
                accepted = listener.accept() => if let Ok((stream, _)) = accepted { answer(&app, stream).await },
                () = stop.cancelled() => break,
            }
        }
        let _ = std::fs::remove_file(&path);
    });
    Ok(())
}

async fn answer(app: &App, stream: UnixStream) {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(read.take(LINE_MAX));
    let told = match tokio::time::timeout(std::time::Duration::from_secs(5), reader.read_line(&mut line)).await {
        Ok(Ok(_)) => match serde_json::from_str::<Ask>(&line) {
            Ok(ask) => execute(app, &ask).await,
            Err(error) => Err(format!("not understood: {error}")),
        },
        Ok(Err(_)) | Err(_) => return,
    };
    let mut out = match told {
        Ok(value) => json!({ "ok": value }),
        Err(error) => json!({ "error": error }),
    }
    .to_string();
    out.push('\n');
    let _ = write.write_all(out.as_bytes()).await;
}

/// Does it, as the console.
///
/// # Errors
/// One sentence.
pub async fn execute(app: &App, ask: &Ask) -> Result<Value, String> {
    let db = &app.db;
    let console = Actor::console();
    match ask {
        Ask::UserCreate { username, name, email, roles } => create(app, username, name, email.as_deref(), roles).await,
        Ask::UserList => list(app).await,
        Ask::UserDisable { username } => {
            let person = find(app, username).await?;
            let last = identity::is_last_admin(db, &person.id).await.map_err(|f| f.chain())?;
            let target = MaybeLast { person, last };
            let permit = app.policy.permit(&console, &target).map_err(|d| d.need.because())?;
            people::disable(db, permit, &target).await.map_err(|e| e.to_string())?;
            Ok(json!({ "username": username, "state": "disabled" }))
        }
        Ask::UserEnable { username } => {
            let person = find(app, username).await?;
            let permit = app.policy.permit(&console, &person).map_err(|d| d.need.because())?;
            people::enable(db, permit, &person).await.map_err(|e| e.to_string())?;
            Ok(json!({ "username": username, "state": "active" }))
        }
        Ask::UserUnlock { username } => {
            let person = find(app, username).await?;
            let permit = app.policy.permit(&console, &person).map_err(|d| d.need.because())?;
            people::unlock(db, permit, &person).await.map_err(|e| e.to_string())?;
            Ok(json!({ "username": username, "unlocked": true }))
        }
        Ask::UserResetPassword { username } => {
            let person = find(app, username).await?;
            let permit = app.policy.permit(&console, &person).map_err(|d| d.need.because())?;
            let made = links::make_reset(db, &app.policies.session, permit, &person).await.map_err(|e| e.to_string())?;
            Ok(json!({ "username": username, "link": format!("{}/link/{}", app.config.url(), made.token), "expires_at": made.expires_at }))
        }
        Ask::UserResetTotp { username } => {
            let person = find(app, username).await?;
            let permit = app.policy.permit(&console, &person).map_err(|d| d.need.because())?;
            people::reset_totp(db, permit, &person).await.map_err(|e| e.to_string())?;
            Ok(json!({ "username": username, "totp": "reset" }))
        }
        Ask::ContactsImport { file, list, region, voip, layout } => super::contacts::import_here(app, file, list, region.as_deref(), *voip, layout).await,
        Ask::AuditExport { format, filter } => {
            let permit = app.policy.permit::<crate::trail::Export>(&console, &On::any("trail")).map_err(|d| d.need.because())?;
            let detail = Detail::ok().with("format", format.as_str());
            let detail = if filter.is_empty() { detail } else { detail.personal("filter", filter) };
            let id = db.record(permit, detail).await.map_err(|e| e.to_string())?;
            db.settle().await.map_err(|f| f.chain())?;
            app.keeper.sign_or_wait().await.map_err(|e| e.to_string())?;
            ask_witnesses(app).await;
            Ok(json!({ "entry": id }))
        }
        Ask::TrailClock { reason } => {
            let permit = app.policy.permit::<crate::trail::Clock>(&console, &On::any("trail")).map_err(|d| d.need.because())?;
            let behind = crate::trail::clock::accept(db, permit, reason).await.map_err(|e| e.to_string())?;
            Ok(json!({ "behind_us": behind }))
        }
        Ask::CatalogImport { body, sha256 } => {
            let catalog: crate::catalog::Catalog = serde_json::from_str(body).map_err(|e| format!("not a catalogue: {e}"))?;
            let permit = app.policy.permit::<crate::assess::Import>(&console, &On::any("framework")).map_err(|d| d.need.because())?;
            let id = crate::assess::framework::import(db, permit, &catalog, sha256).await.map_err(|e| e.to_string())?;
            Ok(json!({ "id": id, "key": catalog.key }))
        }
        Ask::BackupCreate => {
            let permit = app.policy.permit::<crate::operate::Backup>(&console, &On::any("server")).map_err(|d| d.need.because())?;
            record(app, permit, Detail::ok()).await?;
            app.keeper.sign_or_wait().await.map_err(|e| e.to_string())?;
            Ok(Value::Null)
        }
        Ask::KeysExport => {
            let permit = app.policy.permit::<crate::operate::ExportKeys>(&console, &On::any("keys")).map_err(|d| d.need.because())?;
            let mut tx = db.begin(&permit).await.map_err(|e| e.to_string())?;
            let now = tx.now().to_string();
            tx.query(crate::operate::KEYS_EXPORTED).bind(now).execute().await.map_err(|e| e.to_string())?;
            tx.commit(permit, Detail::ok()).await.map_err(|e| e.to_string())?;
            Ok(Value::Null)
        }
        Ask::KeysRotate { prepare } => rotate_keys(app, *prepare).await,
        Ask::KeysRetire { version } => {
            let vault = db.vault();
            vault.check_retire(*version).await.map_err(|e| e.to_string())?;
            let permit = app.policy.permit::<crate::operate::RetireKey>(&console, &On::one("key", format!("kek-{version}"))).map_err(|d| d.need.because())?;
            // Entered first: a key that went without an entry could not be told from one that was lost.
            record(app, permit, Detail::ok()).await?;
            vault.retire(*version).await.map_err(|e| e.to_string())?;
            Ok(json!({ "version": version, "state": "removed" }))
        }
    }
}

/// One entry before the new key is made or used, one when every data key is wrapped with it.
async fn rotate_keys(app: &App, prepare: bool) -> Result<Value, String> {
    let (db, vault) = (&app.db, app.db.vault());
    let permit = |to: i64| {
        let on = On::one("key", format!("kek-{to}"));
        app.policy.permit::<crate::operate::RotateKeys>(&Actor::console(), &on).map_err(|d| d.need.because())
    };
    let plan = vault.plan_rotation().await.map_err(|f| f.chain())?;
    if prepare && !plan.to_be_made {
        return Err(format!("`kek-{}` is there and waits to be used; run `countersign keys rotate`", plan.to));
    }
    let first = permit(plan.to)?;
    let mut tx = db.begin(&first).await.map_err(|e| e.to_string())?;
    tx.query(crate::operate::KEYS_NOT_EXPORTED).execute().await.map_err(|e| e.to_string())?;
    let part = if prepare { "prepare" } else { "begin" };
    let detail = Detail::ok().with("part", part).with("keys", plan.keys).with("waiting", plan.waiting);
    tx.commit(first, detail).await.map_err(|e| e.to_string())?;
    if plan.to_be_made {
        vault.make_next_kek().map_err(|e| e.to_string())?;
    }
    if prepare {
        return Ok(json!({ "to": plan.to, "keys": plan.keys }));
    }
    let done = vault.rewrap().await.map_err(|f| f.chain())?;
    let detail = Detail::ok().with("part", "end").with("keys", done.keys).with("rewrapped", done.rewrapped).with("left", done.left);
    record(app, permit(plan.to)?, detail).await?;
    Ok(json!({ "to": plan.to, "keys_before": plan.keys, "keys": done.keys, "rewrapped": done.rewrapped, "left": done.left }))
}

/// What is exported should be countersigned; witnesses that do not answer in time are done without.
async fn ask_witnesses(app: &App) {
    if let Some(cosigner) = &app.cosigner {
        cosigner.round_within(crate::cosign::EXPORT_WAIT_MAX).await;
    }
}

async fn record<A: crate::policy::Act>(app: &App, permit: crate::policy::Permit<A>, detail: Detail) -> Result<(), String> {
    app.db.record(permit, detail).await.map(drop).map_err(|e| e.to_string())
}

async fn find(app: &App, username: &str) -> Result<Person, String> {
    let found = identity::by_username(&app.db, &fold(username.trim())).await.map_err(|f| f.chain())?;
    found.ok_or_else(|| format!("there is nobody called `{username}`; `countersign user list` shows who there is"))
}

async fn create(app: &App, username: &str, name: &str, email: Option<&str>, roles: &[String]) -> Result<Value, String> {
    let new = NewPerson {
        username: Username::parse(username).map_err(|e| e.to_string())?,
        display_name: Line::parse(name, 100).map_err(|e| e.to_string())?,
        email: email.map(Email::parse).transpose().map_err(|e| e.to_string())?,
        time_zone: app.config.zone_name().to_owned(),
    };
    let roles: Vec<Role> = roles.iter().map(|r| r.parse()).collect::<Result<_, String>>()?;
    let nobody = Person::nobody(crate::core::id::PersonId::new(app.db.clock(), app.db.rng()));
    let permit = app.policy.permit(&Actor::console(), &nobody).map_err(|d| d.need.because())?;
    let id = people::create(&app.db, permit, &new, &roles, None).await.map_err(|e| e.to_string())?;
    let made = execute_reset(app, &new.username).await?;
    Ok(json!({ "id": id, "username": new.username, "link": made["link"], "expires_at": made["expires_at"] }))
}

fn execute_reset<'a>(app: &'a App, username: &'a str) -> futures_util::future::BoxFuture<'a, Result<Value, String>> {
    Box::pin(async move { execute(app, &Ask::UserResetPassword { username: username.to_owned() }).await })
}

async fn list(app: &App) -> Result<Value, String> {
    let mut out = Vec::new();
    let mut after: Option<String> = None;
    while out.len() < PEOPLE_MAX {
        let page = people::page(&app.db, "", after.as_deref(), None).await.map_err(|f| f.chain())?;
        for person in &page.people {
            let roles = identity::roles_of(&app.db, &person.id).await.map_err(|f| f.chain())?;
            let roles: Vec<_> = roles.iter().map(|r| r.name()).collect();
            out.push(json!({ "id": person.id, "username": person.username, "name": person.display_name, "state": person.state(), "roles": roles }));
        }
        after = page.people.last().map(|p| p.id.to_string());
        if !page.older {
            break;
        }
    }
    Ok(out.into())
}
