//! The command line. Data goes to standard output, talk to standard error; exit 0 fine, 1 a finding, 2 could not run,
//! 3 policy not met. Nothing needs a configuration or a database that does not use it.

mod args;
mod args_data;
mod audit;
mod backup;
mod catalog;
mod check;
mod config;
pub mod console;
mod contacts;
mod demo;
mod health;
mod keys;
mod migrate;
mod out;
mod serve;
mod signer;
mod text;
mod user;
mod witness;

use std::process::ExitCode;

use clap::Parser as _;

use crate::app::StartError;
use crate::core::fault::Fault;

pub use args::{Cli, Command};

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// It ran and found something wrong: exit 1.
    Finding(String),
    /// It could not run: exit 2. The sentence, and what to do.
    Cannot {
        /// What went wrong.
        what: String,
        /// What to do, when there is something.
        hint: Option<String>,
    },
}

impl Failure {
    /// It could not run.
    pub fn cannot(what: impl std::fmt::Display) -> Self {
        Self::Cannot { what: what.to_string(), hint: None }
    }

    /// It could not run; this helps.
    pub fn hinting(what: impl std::fmt::Display, hint: &str) -> Self {
        Self::Cannot { what: what.to_string(), hint: Some(hint.to_owned()) }
    }
}

impl Failure {
    /// The sentence alone.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Finding(what) | Self::Cannot { what, .. } => what,
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Refused(sentence) => Self::cannot(sentence),
            StartError::Fault(fault) => fault.into(),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::cannot(fault.chain())
    }
}

/// Parses the arguments and runs the command.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    // Every command may hold keys, and threads inherit what is set before they start.
    if let Err(error) = crate::core::dump::forbid() {
        return told(&Failure::cannot(format!("core dumps could not be forbidden: {error}")));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return told(&Failure::cannot(format!("the runtime did not start: {error}"))),
    };
    match runtime.block_on(run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => told(&failure),
    }
}

fn told(failure: &Failure) -> ExitCode {
    match failure {
        Failure::Finding(what) => {
            out::say(&format!("finding: {what}"));
            ExitCode::from(1)
        }
        Failure::Cannot { what, hint } => {
            out::say(&format!("error: {what}"));
            if let Some(hint) = hint {
                out::say(&format!("hint: {hint}"));
            }
            ExitCode::from(2)
        }
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    let inputs = cli.inputs();
    match cli.command {
        Command::Serve { listen } => serve::run(inputs, listen).await,
        Command::Demo { listen, json } => demo::run(inputs, listen, json).await,
        Command::Check { full, json } => check::run(&inputs, full, json).await,
        Command::Migrate { check, grant } => migrate::run(&inputs, check, grant.as_deref()).await,
        Command::User(command) => user::run(&inputs, command).await,
        Command::Audit(command) => audit::run(&inputs, command).await,
        Command::Keys(command) => keys::run(&inputs, command).await,
        Command::Backup(command) => backup::run(&inputs, command).await,
        Command::Witness(command) => witness::run(&inputs, command).await,
        Command::Signer(command) => signer::run(&inputs, command).await,
        Command::Catalog(command) => catalog::run(&inputs, command).await,
        Command::Assess(command) => catalog::assess(&command),
        Command::Text(command) => text::run(&command),
        Command::Contacts(command) => contacts::run(&inputs, command).await,
        Command::Config(command) => config::run(&inputs, &command),
        Command::Openapi => out::line(&crate::openapi::document().to_pretty_json().map_err(Failure::cannot)?),
        Command::Healthcheck => health::run(&inputs).await,
        Command::Version { json } => version(json),
    }
}

fn version(json: bool) -> Result<(), Failure> {
    let (version, build) = (env!("CARGO_PKG_VERSION"), option_env!("COUNTERSIGN_BUILD").unwrap_or("dev"));
    if json { out::json(&serde_json::json!({ "version": version, "build": build })) } else { out::line(&format!("countersign {version} ({build})")) }
}
