//! `countersign-verify`: checks an exported audit trail offline, with a key or policy got by another way.
//!
//! Exit 0 fine, 1 present but wrong or unparsable, 2 absent, unreadable or misused, 3 a policy that is not met.
//! All it prints goes to standard output, but for misuse, which goes to standard error.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::Write,
    path::Path,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use countersign_audit::verify::{
    Kind,
    bundle::{self, Ask},
    cosign::TIME_MAX,
    kept::{self, Got, KEPT_MAX, Kept},
    moment,
    policy::{POLICY_BYTES_MAX, Policy},
    seal::{self, Trust},
    stamped,
    vkey::Vkey,
    witnessed::Fresh,
};

const HELP: &str = "\
Checks an exported audit trail of Countersign, offline.

Examples:
  countersign-verify export/ --key auditor.vkey
  countersign-verify export/ --key 'example.com/audit/1+1a2b3c4d+AbCd...='
  countersign-verify export/ --policy auditor.policy --max-age 86400
  countersign-verify export/ --key auditor.vkey --checkpoint kept/2026-10 --checkpoint kept/2026-11
  countersign-verify export/ --key auditor.vkey --tsa-roots tsa.pem
  countersign-verify --seal cmmc-seal/ --key auditor.vkey
  countersign-verify export/ --key auditor.vkey --json | jq .integrity

Usage: countersign-verify DIR --key VKEY | --policy FILE [--checkpoint FILE]...
                          [--epoch VKEY] [--max-age SECONDS [--now TIME]] [--tsa-roots FILE]
                          [--json]
       countersign-verify --seal DIR --key VKEY | --policy FILE [--json]

  DIR                folder with `checkpoint` and `tile/entries/...`
  --seal DIR         the unpacked archive of a sealed assessment, checked in place of
                     an export: every artifact, both logs, and its entry of the trail
  --key VKEY         verifier key, or a file that holds it; get it from the operator
                     in person or on paper, never from DIR
  --policy FILE      whom to trust: logs, witnesses, and how many of them must have
                     cosigned; its `log` line gives the key
  --checkpoint FILE  a checkpoint kept from earlier; the log must go on from it
  --epoch VKEY       key of one of the log's epochs, or a file that holds it, got like
                     the verifier key; the log must name it
  --max-age SECONDS  most time since a quorum of the policy's witnesses cosigned
  --now TIME         what to take for now, as 2026-11-22T08:30:00Z; otherwise this
                     machine's clock
  --tsa-roots FILE   certificates, in PEM, of the authorities whose time-stamps are
                     believed; there must be one over the log's first entries
  --json             print the report as one line of JSON
  --help             print this
  --version          print the version

Exit codes:
  0  every entry is as it was signed, and the policy is met
  1  something is there and is wrong, or cannot be parsed
  2  something is absent or cannot be read, or the command line is wrong
  3  every entry is as it was signed, and the policy is not met
";

const USAGE: &str = "countersign-verify DIR --key VKEY | --policy FILE [--checkpoint FILE]... [--epoch VKEY] [--max-age SECONDS [--now TIME]] [--tsa-roots FILE] [--json]; see --help";

/// A key file is one line; more than this is not one.
const KEY_BYTES_MAX: usize = 4096;

/// What the command line asks for.
enum Command {
    Help,
    Version,
    Verify { dir: OsString, ask: Box<Ask>, json: bool },
    Seal { dir: OsString, trust: Trust, json: bool },
}

fn main() -> ExitCode {
    match command(env::args_os().skip(1)) {
        Ok(Command::Help) => print(HELP, 0),
        Ok(Command::Version) => print(concat!("countersign-verify ", env!("CARGO_PKG_VERSION"), "\n"), 0),
        Ok(Command::Verify { dir, ask, json }) => {
            let report = bundle::examine(Path::new(&dir), &ask);
            let text = if json { report.to_json() } else { report.to_text() };
            print(&text, report.exit_code())
        }
        Ok(Command::Seal { dir, trust, json }) => {
            let report = seal::examine(Path::new(&dir), &trust);
            let text = if json { report.to_json() } else { report.to_text() };
            print(&text, report.exit_code())
        }
        Err(misuse) => {
            let _ = write!(std::io::stderr().lock(), "error: {misuse}\nhint: {USAGE}\n");
            ExitCode::from(2)
        }
    }
}

/// The words of the command line, sorted.
#[derive(Default)]
struct Words {
    dir: Option<OsString>,
    seal: Option<OsString>,
    key: Option<OsString>,
    policy: Option<OsString>,
    epoch: Option<OsString>,
    kept: Vec<OsString>,
    max_age: Option<OsString>,
    now: Option<OsString>,
    tsa_roots: Option<OsString>,
    json: bool,
}

fn command(args: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let mut words = Words::default();
    let mut args = args.peekable();
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--help" | "-h") => return Ok(Command::Help),
            Some("--version" | "-V") => return Ok(Command::Version),
            Some("--json") => words.json = true,
            Some(option) if option.starts_with('-') => {
                let (name, joined) = option.split_once('=').map_or((option, None), |(name, value)| (name, Some(OsString::from(value))));
                if !["--seal", "--key", "--policy", "--checkpoint", "--epoch", "--max-age", "--now", "--tsa-roots"].contains(&name) {
                    return Err(format!("unknown option `{option}`"));
                }
                let value = joined.or_else(|| args.next()).ok_or_else(|| format!("`{name}` needs a value"))?;
                words.option(name, value)?;
            }
            _ => {
                if words.dir.replace(arg).is_some() {
                    return Err("more than one folder is given".to_owned());
                }
            }
        }
    }
    words.command()
}

impl Words {
    fn option(&mut self, name: &str, value: OsString) -> Result<(), String> {
        let once = match name {
            "--seal" => &mut self.seal,
            "--key" => &mut self.key,
            "--policy" => &mut self.policy,
            "--epoch" => &mut self.epoch,
            "--max-age" => &mut self.max_age,
            "--now" => &mut self.now,
            "--tsa-roots" => &mut self.tsa_roots,
            _ if self.kept.len() >= KEPT_MAX => return Err(format!("`{name}` is given more than {KEPT_MAX} times")),
            _ => {
                self.kept.push(value);
                return Ok(());
            }
        };
        if once.replace(value).is_some() { Err(format!("`{name}` is given twice")) } else { Ok(()) }
    }

    fn command(self) -> Result<Command, String> {
        if let Some(dir) = self.seal {
            if self.dir.is_some() || self.epoch.is_some() || self.max_age.is_some() || self.now.is_some() || self.tsa_roots.is_some() || !self.kept.is_empty() {
                return Err("`--seal` takes a folder, `--key` or `--policy`, and `--json` alone".to_owned());
            }
            let trust = match (self.key, self.policy) {
                (Some(key), None) => Trust::Key(Box::new(read_key(&key, "key"))),
                (None, Some(policy)) => Trust::Policy(Box::new(read_policy(&policy))),
                _ => return Err("`--seal` needs either `--key` or `--policy`; a seal cannot vouch for itself".to_owned()),
            };
            return Ok(Command::Seal { dir, trust, json: self.json });
        }
        let dir = self.dir.ok_or("no folder is given")?;
        if self.key.is_none() && self.policy.is_none() {
            return Err("neither `--key` nor `--policy` is given; a log cannot vouch for itself".to_owned());
        }
        if self.max_age.is_some() && self.policy.is_none() {
            return Err("`--max-age` needs a `--policy`: only witnesses say when a checkpoint was seen".to_owned());
        }
        let fresh = match (self.max_age, self.now) {
            (None, Some(_)) => return Err("`--now` needs a `--max-age`".to_owned()),
            (None, None) => None,
            (Some(max_age), now) => Some(fresh(&max_age, now.as_deref())?),
        };
        let ask = Ask {
            key: self.key.as_deref().map(|given| read_key(given, "key")),
            epoch: self.epoch.as_deref().map(|given| read_key(given, "epoch")),
            policy: self.policy.as_deref().map(read_policy),
            kept: self.kept.iter().map(|file| Kept::read(Path::new(file))).collect(),
            fresh,
            tsa_roots: self.tsa_roots.as_deref().map(|file| stamped::read_roots(Path::new(file))),
        };
        Ok(Command::Verify { dir, ask: Box::new(ask), json: self.json })
    }
}

fn fresh(max_age: &OsStr, now: Option<&OsStr>) -> Result<Fresh, String> {
    let digits = max_age.to_str().filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    let max_age = digits.and_then(|text| text.parse().ok()).filter(|age| *age <= TIME_MAX).ok_or("`--max-age` is not a number of seconds")?;
    let given = now.map(|now| moment::parse(&now.to_string_lossy()).map_err(|error| format!("`--now`: {error}"))).transpose()?;
    #[expect(clippy::disallowed_methods, reason = "the auditor's own clock is what they ask about, and the report says that it was used")]
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).map_err(|_| "this machine's clock is before 1970");
    let now = given.map_or_else(clock, Ok)?;
    Ok(Fresh { max_age, now: now.min(TIME_MAX), now_is_given: given.is_some() })
}

/// The key that `given` is, or that the file `given` holds.
fn read_key(given: &OsStr, option: &str) -> Got<Vkey> {
    let literal = given.to_str().unwrap_or_default();
    let refused = match Vkey::parse(literal) {
        Ok(key) => return Ok(key),
        Err(refused) => refused,
    };
    match kept::bytes(Path::new(given), KEY_BYTES_MAX) {
        Ok(text) => {
            let text = String::from_utf8_lossy(&text);
            let line = text.strip_suffix('\n').unwrap_or(&text);
            Vkey::parse(line).map_err(|error| (Kind::Wrong, format!("the key file holds no usable key: {error}")))
        }
        Err((Kind::Wrong, why)) => Err((Kind::Wrong, format!("the key file: {why}"))),
        // Two `+` are the mark of a key that was meant as such.
        Err(_) if literal.matches('+').count() >= 2 => Err((Kind::Wrong, format!("the key is not usable: {refused}"))),
        Err(_) => Err((Kind::Absent, format!("`--{option}` is neither a verifier key nor a file that can be read"))),
    }
}

fn read_policy(file: &OsStr) -> Got<Policy> {
    let wrong = |why: String| (Kind::Wrong, format!("the policy: {why}"));
    let bytes = kept::bytes(Path::new(file), POLICY_BYTES_MAX).map_err(|(kind, why)| (kind, format!("the policy: {why}")))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("not UTF-8".to_owned()))?;
    Policy::parse(&text).map_err(|error| wrong(error.to_string()))
}

/// Prints the whole output; output that cannot be written is no pass.
fn print(text: &str, exit: u8) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::from(exit),
        Err(_) => ExitCode::from(if exit == 0 { 2 } else { exit }),
    }
}
