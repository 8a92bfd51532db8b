//! The house rules that a compiler does not check: who may import whom, how long a file may be, who may name what.

use std::path::{Path, PathBuf};

/// Modules in the order of ARCHITECTURE.md: each may import only from those before it. Modules of one line are siblings.
const ORDER: &[&[&str]] = &[
    &["core"],
    &["config"],
    &["log"],
    &["client"],
    &["policy"],
    &["catalog", "flow"],
    &["store"],
    &["vault"],
    &["db"],
    &["blobs"],
    // `repeat` is here because `http` reads its header and every slice that makes things keeps answers with it.
    &["policies", "notices", "repeat", "cosign", "signer"],
    &["sinks", "stamp"],
    &["http"],
    &["identity", "witness"],
    // `contacts` and `messages` have webhooks told.
    &["webhooks"],
    // `messages` asks `contacts` whether a number may be written to.
    &["contacts"],
    // `messages` hands a text to an intake that is open.
    &["intake"],
    &["evidence", "messages", "trail", "retention"],
    // `campaigns` records messages.
    &["assess", "campaigns"],
    // `inbox` fills names as templates do, and records messages.
    &["inbox"],
    &["plans"],
    &["seal"],
    &["operate"],
    &["demo"],
    &["openapi", "orphans"],
    &["jobs"],
    &["app"],
    &["cli"],
];
/// Lines of a file at most.
const LINES_MAX: usize = 500;

fn sources(root: &str, ending: &str) -> Vec<(PathBuf, String)> {
    fn walk(dir: &Path, ending: &str, out: &mut Vec<(PathBuf, String)>) {
        let mut entries: Vec<_> = std::fs::read_dir(dir).expect("a folder").filter_map(Result::ok).map(|e| e.path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(&path, ending, out);
            } else if path.to_string_lossy().ends_with(ending) {
                out.push((path.clone(), std::fs::read_to_string(&path).expect("text")));
            }
        }
    }
    let mut out = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(root), ending, &mut out);
    assert!(!out.is_empty(), "{root} has no {ending}");
    out
}

fn module_of(path: &Path) -> String {
    let relative = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("below src");
    relative.components().next().and_then(|c| c.as_os_str().to_str()).expect("a name").trim_end_matches(".rs").to_owned()
}

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|row| row.contains(&module))
}

/// The lines of a file that are code of the product, not tests and not comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.find("#[cfg(test)]").map_or(usize::MAX, |at| text[..at].lines().count());
    text.lines().enumerate().filter(move |(n, l)| *n < end && !l.trim_start().starts_with("//"))
}

fn is_test(path: &Path) -> bool {
    path.components().any(|c| c.as_os_str() == "tests" || c.as_os_str() == "tests.rs")
}

#[test]
fn a_module_imports_only_from_above() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src", ".rs").iter().filter(|(p, _)| !is_test(p)) {
        let module = module_of(path);
        let Some(own) = rank(&module) else { continue };
        for (line, content) in code(text) {
            for used in content.split("crate::").skip(1) {
                let name: String = used.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                let Some(other) = rank(&name) else { continue };
                let sibling = other == own && name != module;
                if other > own || sibling {
                    wrong.push(format!("{}:{}: `{module}` may not import `{name}` (ARCHITECTURE.md, Invariant 1)", path.display(), line + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_has_its_place_in_the_order() {
    for (path, _) in sources("src", ".rs") {
        let module = module_of(&path);
        assert!(["lib", "main"].contains(&module.as_str()) || rank(&module).is_some(), "`{module}` is not in the order");
    }
}

#[test]
fn files_stay_short_and_say_what_lives_in_them() {
    for root in ["src", "audit/src", "phone/src", "phone/tests", "tests"] {
        for (path, text) in sources(root, ".rs") {
            let lines = text.lines().count();
            assert!(lines <= LINES_MAX, "{} has {lines} lines", path.display());
            assert!(text.starts_with("//!"), "{} does not open with `//!`", path.display());
        }
    }
}

/// The build fails without a folder that the manifest names, also inside an image.
#[test]
fn what_the_manifest_names_enters_the_image() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).expect("Cargo.toml");
    let mut needed = vec!["src", "audit", "phone", "templates", "migrations", "policies", "locales", "tests"];
    needed.extend(manifest.contains("[[bench]]").then_some("benches"));
    for ignored in [".containerignore", "deploy/Containerfile.dockerignore"] {
        let text = std::fs::read_to_string(root.join(ignored)).expect("is there");
        for folder in &needed {
            assert!(!text.lines().any(|line| line.trim_matches('/') == *folder), "`{ignored}` leaves `{folder}` out");
        }
    }
}

/// What only one place may name.
const NAMED: &[(&str, &[&str])] = &[
    ("SqlitePool", &["store"]),
    ("PgPool", &["store"]),
    ("std::env::var", &["config"]),
    ("env::vars", &["config"]),
    ("SystemTime::now", &["core"]),
    ("Permit {", &["policy"]),
    ("AssertSqlSafe", &["store"]),
    ("std::process::Command", &["config", "vault"]),
    ("tokio::process", &[]),
    // A program that gives or wraps a secret, as its arguments stand: no shell.
    ("Command::new(", &["config", "vault"]),
    (".db.store()", &["app", "cli", "db", "operate", "trail"]),
];

#[test]
fn only_the_right_place_names_it() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src", ".rs").iter().filter(|(p, _)| !is_test(p)) {
        let module = module_of(path);
        for (line, content) in code(text) {
            for (name, places) in NAMED {
                if content.contains(name) && !places.contains(&module.as_str()) {
                    wrong.push(format!("{}:{}: `{name}` belongs to {places:?}", path.display(), line + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Call sites of the door that writes without an entry. A new one is a decision: change the number with a reason in the commit.
const CHORES: usize = 40;

#[test]
fn the_door_without_an_entry_is_counted() {
    let calls: usize =
        sources("src", ".rs").iter().filter(|(p, _)| !is_test(p)).map(|(_, t)| code(t).filter(|(_, l)| l.contains(".chore(Chore::")).count()).sum();
    assert_eq!(calls, CHORES);
}

#[test]
fn handlers_hold_no_sql() {
    for (path, text) in sources("src", ".rs") {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if name.starts_with("web") {
            for word in ["\"select ", "\"insert ", "\"update ", "\"delete "] {
                assert!(!text.contains(word), "{} holds SQL", path.display());
            }
        }
    }
}

#[test]
fn templates_trust_nothing_and_speak_through_texts() {
    for (path, text) in sources("templates", ".html") {
        assert!(!text.contains("|safe") && !text.contains("| safe"), "{} trusts a value", path.display());
        assert!(!text.contains(" style=") && !text.contains("<style"), "{} has inline style", path.display());
        for on in [" onclick=", " onload=", " onsubmit=", " onchange=", "javascript:"] {
            assert!(!text.contains(on), "{} has an inline script", path.display());
        }
        let left = visible(&text);
        assert!(left.is_empty(), "{} has text outside t(): {left:?}", path.display());
    }
}

/// Words of a template that are neither markup nor expression.
fn visible(text: &str) -> Vec<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '<']) {
        out.push_str(&rest[..at]);
        let from = &rest[at..];
        let close = if from.starts_with("{#") {
            "#}"
        } else if from.starts_with("{%") {
            "%}"
        } else if from.starts_with("{{") {
            "}}"
        } else if from.starts_with('<') {
            ">"
        } else {
            "{"
        };
        // A tag may hold expressions that hold `>`.
        let end = if close == ">" { tag_end(from) } else { from.find(close).map_or(from.len(), |e| e + close.len()) };
        out.push(' ');
        rest = &from[end.max(1)..];
    }
    out.push_str(rest);
    out.split_whitespace().filter(|w| w.chars().filter(|c| c.is_alphabetic()).count() > 1 && !w.starts_with('&')).map(str::to_owned).collect()
}

fn tag_end(text: &str) -> usize {
    let mut depth = 0_i32;
    let bytes = text.as_bytes();
    let mut n = 0;
    while n < bytes.len() {
        match &bytes[n..] {
            [b'{', b'{' | b'%' | b'#', ..] => {
                depth += 1;
                n += 2;
            }
            [b'}' | b'%' | b'#', b'}', ..] => {
                depth -= 1;
                n += 2;
            }
            [b'>', ..] if depth == 0 => return n + 1,
            _ => n += 1,
        }
    }
    bytes.len()
}

#[test]
fn no_key_material_is_tracked() {
    let tracked = std::process::Command::new("git").args(["ls-files", "-z"]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let Ok(tracked) = tracked.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()) else { return };
    for name in tracked.split('\0').filter(|n| !n.is_empty()) {
        for ending in [".key", ".pem", ".env", ".p12", ".db", "id_rsa"] {
            assert!(!name.ends_with(ending), "{name} looks like key material or data");
        }
        if let Ok(text) = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)) {
            let marker = concat!("-----BEGIN ", "PRIVATE KEY");
            assert!(!text.contains(marker) && !text.contains(concat!("-----BEGIN RSA ", "PRIVATE KEY")), "{name} holds a private key");
        }
    }
}

#[test]
fn every_text_a_template_asks_for_exists() {
    let texts = countersign::http::texts::Texts::english();
    let mut missing = Vec::new();
    for ending in [".html", ".txt"] {
        for (path, text) in sources("templates", ending) {
            for used in text.split("t(\"").skip(1) {
                let key = used.split('"').next().unwrap_or_default();
                let computed = used[key.len()..].trim_start_matches('"').trim_start().starts_with('~');
                if !computed && !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !texts.has(key) {
                    missing.push(format!("{}: {key}", path.display()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_text_the_program_asks_for_exists() {
    let texts = countersign::http::texts::Texts::english();
    let mut missing = Vec::new();
    for (path, text) in sources("src", ".rs") {
        for used in text.split(".text(\"").skip(1).filter(|_| !path.components().any(|c| c.as_os_str() == "config")) {
            let key = used.split('"').next().unwrap_or_default();
            if !texts.has(key) {
                missing.push(format!("{}: {key}", path.display()));
            }
        }
        for used in text.split("ctx.go(").skip(1) {
            let call: String = used.chars().take_while(|c| *c != ')').collect();
            if let Some(key) = call.rsplit("\", \"").next().map(|k| k.trim_matches('"')).filter(|k| k.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')) {
                let key = format!("flash-text-{key}");
                if !texts.has(&key) {
                    missing.push(format!("{}: {key}", path.display()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_test_that_security_md_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("SECURITY.md")).expect("SECURITY.md");
    let measures = text.split("## Measures").nth(1).expect("the table of measures").split("\n## ").next().unwrap_or_default();
    let all: String = ["src", "tests", "audit/src", "audit/tests", "phone/src", "phone/tests"].iter().flat_map(|r| sources(r, ".rs")).map(|(_, t)| t).collect();
    let mut named = 0;
    for row in measures.lines().filter(|l| l.starts_with("| ")) {
        // Of the last cell every name counts.
        let cell = row.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap_or_default();
        for test in cell.split('`').skip(1).step_by(2).filter(|t| t.contains('_')) {
            named += 1;
            assert!(all.contains(&format!("fn {test}(")), "SECURITY.md names `{test}`, which does not exist");
        }
    }
    assert!(named > 30);
}

/// One row for each number; each names tests that exist, or says that it waits for one.
#[test]
fn every_test_that_the_table_of_attacks_names_exists() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/attacks.md")).expect("docs/attacks.md");
    let all: String = ["src", "tests", "audit/src", "audit/tests"].iter().flat_map(|r| sources(r, ".rs")).map(|(_, t)| t).collect();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")))
        .map(|line| line.split(" |").map(str::trim).collect::<Vec<_>>())
        .filter(|cells| cells[0].parse::<usize>().is_ok())
        .collect();
    let numbers: Vec<String> = rows.iter().map(|cells| cells[0].to_owned()).collect();
    assert_eq!(numbers, (1..=38).map(|n| n.to_string()).collect::<Vec<_>>());
    for cells in &rows {
        let [number, .., tests] = cells.as_slice() else { panic!("{cells:?}") };
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(*tests == "not yet" || !named.is_empty(), "attack {number} names no test");
        for test in named {
            assert!(all.contains(&format!("fn {test}(")), "attack {number} names `{test}`, which does not exist");
        }
    }
}

#[test]
fn every_test_that_the_table_of_parity_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = ["docs/parity-tracker.md", "docs/parity.md"].map(|file| std::fs::read_to_string(root.join(file)).expect("the table")).concat();
    let all: String = ["src", "tests"].iter().flat_map(|r| sources(r, ".rs")).map(|(_, t)| t).collect();
    let mut named = 0;
    for row in text.lines().filter(|l| l.starts_with("| ") && !l.starts_with("| there")) {
        let here = row.trim_end_matches(" |").rsplit("| ").next().unwrap_or_default();
        if ["not yet", "in the browser journeys"].contains(&here) {
            continue;
        }
        let test = here.trim_matches('`');
        named += 1;
        assert!(all.contains(&format!("fn {test}(")), "a table of parity names `{test}`, which does not exist");
    }
    assert!(named > 15);
}
