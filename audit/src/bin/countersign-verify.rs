//! `countersign-verify`: checks an exported audit trail offline, with a key got by another way.
//!
//! Exit 0 fine, 1 present but wrong or unparsable, 2 absent, unreadable or misused, 3 kept for a policy
//! that is not met. All it prints goes to standard output, but for misuse, which goes to standard error.

use std::{env, ffi::OsString, fs, io::Write, path::Path, process::ExitCode};

use countersign_audit::verify::{Kind, Report, bundle, vkey::Vkey};

const HELP: &str = "\
Checks an exported audit trail of Countersign, offline.

Examples:
  countersign-verify export/ --key auditor.vkey
  countersign-verify export/ --key 'example.com/audit/1+1a2b3c4d+AbCd...='
  countersign-verify export/ --key auditor.vkey --json | jq .integrity

Usage: countersign-verify DIR --key VKEY [--json]

  DIR         folder with `checkpoint` and `tile/entries/...`
  --key VKEY  verifier key, or a file that holds it; get it from the operator in
              person or on paper, never from DIR
  --json      print the report as one line of JSON
  --help      print this
  --version   print the version

Exit codes:
  0  every entry is as it was signed
  1  something is there and is wrong, or cannot be parsed
  2  something is absent or cannot be read, or the command line is wrong
  3  kept for a policy that is not met
";

/// A key file is one line; more than this is not one.
const KEY_BYTES_MAX: u64 = 4096;

/// What the command line asks for.
enum Ask {
    Help,
    Version,
    Verify { dir: OsString, key: OsString, json: bool },
}

fn main() -> ExitCode {
    match ask(env::args_os().skip(1)) {
        Ok(Ask::Help) => print(HELP, 0),
        Ok(Ask::Version) => print(concat!("countersign-verify ", env!("CARGO_PKG_VERSION"), "\n"), 0),
        Ok(Ask::Verify { dir, key, json }) => {
            let report = match read_key(&key) {
                Ok(key) => bundle::directory(Path::new(&dir), &key),
                Err(report) => *report,
            };
            let text = if json { report.to_json() } else { report.to_text() };
            print(&text, report.exit_code())
        }
        Err(misuse) => {
            let _ = write!(std::io::stderr().lock(), "error: {misuse}\nhint: countersign-verify DIR --key VKEY [--json]; see --help\n");
            ExitCode::from(2)
        }
    }
}

fn ask(args: impl Iterator<Item = OsString>) -> Result<Ask, String> {
    let (mut dir, mut key, mut json) = (None, None, false);
    let mut args = args.peekable();
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--help" | "-h") => return Ok(Ask::Help),
            Some("--version" | "-V") => return Ok(Ask::Version),
            Some("--json") => json = true,
            Some("--key") => {
                let value = args.next().ok_or("`--key` needs a value")?;
                if key.replace(value).is_some() {
                    return Err("`--key` is given twice".to_owned());
                }
            }
            Some(text) if text.starts_with("--key=") => {
                if key.replace(OsString::from(&text["--key=".len()..])).is_some() {
                    return Err("`--key` is given twice".to_owned());
                }
            }
            Some(text) if text.starts_with('-') => return Err(format!("unknown option `{text}`")),
            _ => {
                if dir.replace(arg).is_some() {
                    return Err("more than one folder is given".to_owned());
                }
            }
        }
    }
    let dir = dir.ok_or("no folder is given")?;
    let key = key.ok_or("no `--key` is given; a log cannot vouch for itself")?;
    Ok(Ask::Verify { dir, key, json })
}

/// The key that `given` is, or that the file `given` holds.
fn read_key(given: &OsString) -> Result<Vkey, Box<Report>> {
    let literal = given.to_str().unwrap_or_default();
    let refused = match Vkey::parse(literal) {
        Ok(key) => return Ok(key),
        Err(refused) => refused,
    };
    let path = Path::new(given);
    match fs::metadata(path) {
        Ok(about) if about.is_file() && about.len() > KEY_BYTES_MAX => Err(refusal(Kind::Wrong, "the key file is too long to hold a verifier key")),
        Ok(about) if about.is_file() => {
            let text = fs::read(path).map_err(|error| refusal(Kind::Absent, &format!("the key file cannot be read: {error}")))?;
            let text = String::from_utf8_lossy(&text);
            let line = text.strip_suffix('\n').unwrap_or(&text);
            Vkey::parse(line).map_err(|error| refusal(Kind::Wrong, &format!("the key file holds no usable key: {error}")))
        }
        // Two `+` are the mark of a key that was meant as such.
        _ if literal.matches('+').count() >= 2 => Err(refusal(Kind::Wrong, &format!("the key is not usable: {refused}"))),
        _ => Err(refusal(Kind::Absent, "`--key` is neither a verifier key nor a file that can be read")),
    }
}

fn refusal(kind: Kind, what: &str) -> Box<Report> {
    Box::new(Report::refusal(kind, None, what))
}

/// Prints the whole output; output that cannot be written is no pass.
fn print(text: &str, exit: u8) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::from(exit),
        Err(_) => ExitCode::from(if exit == 0 { 2 } else { exit }),
    }
}
