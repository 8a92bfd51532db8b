//! The harness that holds the second verifier, `verify.py`, beside the binary over the same exports.
//! Without Python 3.11 and its package `cryptography` the tests say so and pass; under `CI=true` they fail.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use countersign_audit::verify;
use serde_json::Value;

use crate::support::{Export, ORIGIN, folder, key};

pub const AUDIT: &str = env!("CARGO_MANIFEST_DIR");
pub const BINARY: &str = env!("CARGO_BIN_EXE_countersign-verify");

/// One process for many runs. Each line of standard input is the words of a command line with tabs between them, without
/// words for none; each line of the output is the exit code and what was printed, as JSON.
const DRIVER: &str = r#"
import io, json, sys
sys.path.insert(0, sys.argv[1])
import verify
out = sys.stdout
for line in sys.stdin.buffer.read().decode("utf-8").split("\n")[:-1]:
    sys.stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    try:
        code = verify.main(line.split("\t") if line else [])
    except SystemExit as ended:
        code = ended.code
    sys.stdout.flush()
    print(json.dumps([code, sys.stdout.buffer.getvalue().decode("utf-8")]), file=out)
"#;

pub fn python_is_here() -> bool {
    let asked = Command::new("python3").args(["-c", "import cryptography, sys; sys.exit(sys.version_info < (3, 11))"]).output();
    if asked.is_ok_and(|output| output.status.success()) {
        return true;
    }
    let lack = "Python 3.11 with its package `cryptography` is missing (apt-get install python3-cryptography)";
    assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "{lack}");
    let _ = writeln!(std::io::stderr(), "SKIP: {lack}");
    false
}

/// Exports for both programs, a folder each, with the key they are given and the exit code that the format asks for.
pub struct Cases {
    dir: PathBuf,
    all: Vec<(String, Vec<String>, u64)>,
}

impl Cases {
    pub fn new(name: &str) -> Option<Self> {
        python_is_here().then(|| Self { dir: folder(name), all: Vec::new() })
    }

    pub fn count(&self) -> usize {
        self.all.len()
    }

    pub fn place(&self, at: usize) -> PathBuf {
        self.dir.join(at.to_string())
    }

    pub fn add(&mut self, name: impl Into<String>, export: &Export, key: &str, exit: u64) {
        self.ask(name, export, &["--key", key], exit);
    }

    /// An export with the words of the command line that come after it.
    pub fn ask(&mut self, name: impl Into<String>, export: &Export, words: &[&str], exit: u64) {
        export.write(&self.place(self.all.len()));
        self.all.push((name.into(), words.iter().map(|word| (*word).to_owned()).collect(), exit));
    }

    /// A file beside the exports, and its name.
    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.dir.join(name);
        fs::write(&path, bytes).expect("written");
        text(&path).to_owned()
    }

    /// A copy of an export with one file altered.
    pub fn add_altered(&mut self, export: &Export, path: &str, what: &str, exit: u64, alter: impl FnOnce(&mut Vec<u8>)) {
        let mut export = export.clone();
        alter(export.files.get_mut(path).expect("the file is in the export"));
        self.add(format!("{path}: {what}"), &export, &key().vkey(ORIGIN), exit);
    }

    /// Asks both. What they decide must be the same; words and totals are each program's own.
    pub fn judge(self) {
        let places: Vec<_> = (0..self.all.len()).map(|at| self.place(at)).collect();
        let words: Vec<_> =
            self.all.iter().zip(&places).map(|(case, place)| [text(place), "--json"].into_iter().chain(case.1.iter().map(String::as_str)).collect()).collect();
        for ((name, _, exit), [first, second]) in self.all.iter().zip(both(&self.dir, &words)) {
            let reports = [report(&first.1), report(&second.1)];
            assert_eq!(verdict(&reports[0]), verdict(&reports[1]), "{name}:\n{}\n{}", reports[0], reports[1]);
            assert_eq!((&reports[0]["exit"], first.0, second.0), (&Value::from(*exit), *exit, *exit), "{name}: {}", reports[0]);
        }
    }
}

/// Exit code and output of the binary and of the script for each command line. The binary is run while Python works.
pub fn both(dir: &Path, words: &[Vec<&str>]) -> Vec<[(u64, String); 2]> {
    let (asked, told) = (dir.join("asked"), dir.join("told"));
    fs::write(&asked, words.iter().map(|args| args.join("\t") + "\n").collect::<String>()).expect("written");
    let mut python = Command::new("python3")
        .args(["-B", "-c", DRIVER, AUDIT])
        .stdin(File::open(&asked).expect("readable"))
        .stdout(File::create(&told).expect("writable"))
        .stderr(Stdio::null())
        .spawn()
        .expect("Python runs");
    let first: Vec<_> = words.iter().map(|args| ran(Command::new(BINARY).args(args))).collect();
    assert!(python.wait().expect("Python ends").success());
    let told = fs::read_to_string(told).expect("UTF-8");
    let second: Vec<(u64, String)> = told.lines().map(|line| serde_json::from_str(line).expect("a pair")).collect();
    assert_eq!(first.len(), second.len());
    first.into_iter().zip(second).map(|(first, second)| [first, second]).collect()
}

pub fn ran(command: &mut Command) -> (u64, String) {
    let output = command.output().expect("the program runs");
    let code = output.status.code().and_then(|code| u64::try_from(code).ok()).expect("it exits");
    (code, String::from_utf8(output.stdout).expect("UTF-8"))
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A report, which must be canonical JSON itself.
pub fn report(line: &str) -> Value {
    assert!(verify::json::read(line.trim_end_matches('\n').as_bytes()).is_ok(), "{line}");
    serde_json::from_str(line).expect("JSON")
}

const DECIDED: [&str; 19] = [
    "cosignatures",
    "epoch_key",
    "epochs",
    "exit",
    "freshness",
    "integrity",
    "kept_checkpoints",
    "key",
    "max_age",
    "now",
    "now_by",
    "origin",
    "quorum",
    "quorum_time",
    "root",
    "sealed_from",
    "size",
    "time_stamped",
    "time_stamps",
];

/// What the format decides in a report.
pub fn verdict(report: &Value) -> Vec<Value> {
    let first = &report["first_bad"];
    let mut parts: Vec<_> = DECIDED.map(|name| report[name].clone()).into();
    parts.extend(["kind", "seq"].map(|name| first[name].clone()));
    parts
}
