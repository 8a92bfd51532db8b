//! The arguments. Secrets are never among them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use super::args_data::{AssessCommand, CatalogCommand, ContactsCommand, TextCommand};
use crate::config::Inputs;

/// Compliance evidence, messaging and intake on one verifiable audit trail.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    /// The configuration file (also COUNTERSIGN_CONFIG).
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data folder (overrides the configuration).
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// A folder of policy files that replace the built-in ones.
    #[arg(long, global = true, value_name = "DIR")]
    pub policies: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  countersign demo                                   try it: a throw-away server with sample people
  countersign keys generate --data /var/lib/countersign
  countersign serve --config /etc/countersign/countersign.toml
  countersign check --config /etc/countersign/countersign.toml
  countersign audit export --out ./trail && countersign-verify ./trail --key \"$VKEY\"

Exit codes: 0 fine, 1 a finding, 2 could not run, 3 policy not met.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until told to stop.
    Serve {
        /// Address and port (overrides the configuration).
        #[arg(long, value_name = "ADDR:PORT")]
        listen: Option<SocketAddr>,
    },
    /// Serve a throw-away demonstration on loopback, with one person per role.
    Demo {
        /// Loopback address and port; port 0 picks a free one.
        #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Print one line of JSON first.
        #[arg(long)]
        json: bool,
    },
    /// Check configuration, keys, permissions, database and trail without serving.
    Check {
        /// Re-hash every entry of the trail.
        #[arg(long)]
        full: bool,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Bring the database's schema up to date.
    Migrate {
        /// Only say what is pending.
        #[arg(long)]
        check: bool,
        /// PostgreSQL: give this role what serving needs, with no right to change or remove what the trail holds.
        #[arg(long, value_name = "ROLE", conflicts_with = "check")]
        grant: Option<String>,
    },
    /// People, from the console.
    #[command(subcommand)]
    User(UserCommand),
    /// The audit trail.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Keys.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Backups.
    #[command(subcommand)]
    Backup(BackupCommand),
    /// Be a witness of other people's logs; `--data DIR` is its own folder.
    #[command(subcommand)]
    Witness(WitnessCommand),
    /// Sign checkpoints in a process of its own, under another user than the server; `--data DIR` is its own folder.
    #[command(subcommand)]
    Signer(SignerCommand),
    /// Catalogues of requirements.
    #[command(subcommand)]
    Catalog(CatalogCommand),
    /// Assessments.
    #[command(subcommand)]
    Assess(AssessCommand),
    /// Texts, before they are sent.
    #[command(subcommand)]
    Text(TextCommand),
    /// Contacts.
    #[command(subcommand)]
    Contacts(ContactsCommand),
    /// Settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the OpenAPI document.
    Openapi,
    /// Ask the running server whether it is ready; for containers.
    Healthcheck,
    /// Print the version.
    Version {
        /// JSON.
        #[arg(long)]
        json: bool,
    },
}

/// A person by user name, and how to print.
#[derive(Debug, Args)]
pub struct Named {
    /// The user name.
    pub username: String,
    /// JSON.
    #[arg(long)]
    pub json: bool,
}

/// Acts on people from the console, each an entry with the actor `console`.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Create a person; prints the single-use link with which they set their password.
    Create {
        /// The user name.
        username: String,
        /// The name people see.
        #[arg(long)]
        name: String,
        /// For mails.
        #[arg(long)]
        email: Option<String>,
        /// A role; may be given more than once.
        #[arg(long = "role", required = true)]
        roles: Vec<String>,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// List people.
    List {
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Disable a person: sessions and tokens end.
    Disable(Named),
    /// Enable a disabled person.
    Enable(Named),
    /// Lift the lock after too many tries.
    Unlock(Named),
    /// Make a single-use link for a new password.
    ResetPassword(Named),
    /// Let a person enrol a new authenticator.
    ResetTotp(Named),
}

/// How the trail is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// The verifiable folder.
    Folder,
    /// Entries, one a line.
    Jsonl,
    /// Entries for a spreadsheet.
    Csv,
}

/// Which entries: the filters of the page.
#[derive(Clone, Debug, Default, Args)]
pub struct Filters {
    /// Who acted: a user name, an id, `stranger`, `console` or `system`.
    #[arg(long)]
    pub actor: Option<String>,
    /// The act, as in `message.send`.
    #[arg(long)]
    pub action: Option<String>,
    /// The id of what was acted on.
    #[arg(long)]
    pub object: Option<String>,
    /// `done`, `denied`, `failed`, `error` or `unknown`.
    #[arg(long)]
    pub outcome: Option<String>,
    /// The client's address.
    #[arg(long)]
    pub address: Option<String>,
    /// The id of the request that did it.
    #[arg(long)]
    pub request: Option<String>,
    /// The first place in the log.
    #[arg(long, value_name = "SEQ")]
    pub first: Option<String>,
    /// The last place in the log.
    #[arg(long, value_name = "SEQ")]
    pub last: Option<String>,
    /// The first day, as in 2026-11-21, in the server's time zone.
    #[arg(long, value_name = "DAY")]
    pub from: Option<String>,
    /// The last day.
    #[arg(long, value_name = "DAY")]
    pub to: Option<String>,
    /// The number of an earlier log.
    #[arg(long)]
    pub log: Option<String>,
}

/// The trail.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Re-hash every entry and compare it with the head and the signed checkpoints.
    Verify {
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write a folder that `countersign-verify` checks offline, or the entries that fit the filters.
    Export {
        /// A new or empty folder; for entries a new file, or nothing for standard output.
        #[arg(long, value_name = "PATH")]
        out: Option<PathBuf>,
        /// `folder` is the whole trail with its proof; `jsonl` has each entry as it was hashed; `csv` is for reading, no evidence.
        #[arg(long, value_enum, default_value = "folder")]
        format: ExportFormat,
        /// Filters, for entries only.
        #[command(flatten)]
        filters: Box<Filters>,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// After the clock stood before the newest entry: go on with the clock as it stands now. Set it right first.
    Clock {
        /// Why, in your words; kept sealed beside the entry.
        #[arg(long)]
        reason: String,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// After an integrity fault: go on under a new origin whose first entry names the last known state.
    NewOrigin {
        /// Why, in your words; kept sealed beside the entry.
        #[arg(long)]
        reason: String,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make the keys of a new installation; never overwrites.
    Generate {
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write the keys, encrypted with a passphrase, to a file for a recovery recipient.
    Export {
        /// The file to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// A file that holds the passphrase (at least 20 characters).
        #[arg(long, value_name = "FILE")]
        passphrase_file: PathBuf,
    },
    /// Make a new key-encryption key and wrap every data key with it; the server may run meanwhile. What broke off is gone on with.
    Rotate {
        /// Only make the new key's file, so that it can be copied to every other node and into a recovery copy first.
        #[arg(long)]
        prepare: bool,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Overwrite and remove an old key-encryption key, once no backup of the keys' database needs it.
    Retire {
        /// Its version: 1 for `kek-1`.
        version: i64,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Put keys back from a recovery file; never overwrites.
    Import {
        /// The recovery file.
        file: PathBuf,
        /// A file that holds the passphrase.
        #[arg(long, value_name = "FILE")]
        passphrase_file: PathBuf,
    },
    /// Print the log's verifier key.
    Vkey {
        /// JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Backups.
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Write database, files, policies and the trail's head to a new folder, with a manifest of hashes. Keys are not in it.
    Create {
        /// A new folder.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// A new folder for the database of wrapped data keys; keep it in a shorter rotation of its own.
        #[arg(long, value_name = "DIR")]
        data_keys: Option<PathBuf>,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check every hash of a backup and the database in it.
    Verify {
        /// The backup's folder.
        dir: PathBuf,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Put a backup into a new data folder; the keys are put back separately.
    Restore {
        /// The backup's folder.
        dir: PathBuf,
        /// The folder of the wrapped data keys.
        #[arg(long, value_name = "DIR")]
        data_keys: Option<PathBuf>,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
}

/// A witness.
#[derive(Debug, Subcommand)]
pub enum WitnessCommand {
    /// Make a witness with a key of its own; prints its verifier key.
    Init {
        /// Its name, which others will see, such as `witness.example.org`.
        #[arg(long)]
        name: String,
    },
    /// Watch a log from now on.
    Trust {
        /// The log's verifier key, got from its operator.
        vkey: String,
    },
    /// Countersign checkpoints until told to stop.
    Serve {
        /// Address and port; put a TLS reverse proxy before it.
        #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8081")]
        listen: SocketAddr,
    },
    /// Its key, the logs it watches and the forks it kept; exit 1 when there is one.
    Show {
        /// JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Signing in a process of its own.
#[derive(Debug, Subcommand)]
pub enum SignerCommand {
    /// Make a signer with a key of its own, for a server that has none yet; prints the log's verifier key.
    Init {
        /// The log it signs, such as `countersign.example.org/audit/1`.
        origin: String,
    },
    /// Take key and memory out of the data folder of a server that is stopped.
    Adopt {
        /// The server's data folder.
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
    },
    /// Sign one more log, such as the one that goes on after an integrity fault.
    Allow {
        /// Its origin.
        origin: String,
    },
    /// Sign until told to stop.
    Serve {
        /// The socket to listen on.
        #[arg(long, value_name = "PATH", default_value = "/run/countersign-signer/socket")]
        socket: PathBuf,
        /// The user that the server runs as, by name or number; nobody else is answered.
        #[arg(long, value_name = "USER")]
        user: String,
    },
    /// The logs it signs, with their keys and how far they are signed.
    Show {
        /// JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Settings.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Every setting in force with its source; secrets masked.
    Show {
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// A commented example file.
    Example,
}

impl Cli {
    /// What the configuration is read from, with the flags of this call.
    #[must_use]
    pub fn inputs(&self) -> Inputs {
        let mut inputs = Inputs::from_process();
        if self.config.is_some() {
            inputs.config.clone_from(&self.config);
        }
        for (key, value) in [("data", &self.data), ("policies", &self.policies)] {
            if let Some(path) = value {
                inputs.flags.push((key.into(), path.display().to_string()));
            }
        }
        inputs
    }
}
