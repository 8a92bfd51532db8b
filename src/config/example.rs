//! Writes `countersign.example.toml` from the table of settings: every key, commented out, with its meaning.

use std::fmt::Write as _;

use super::keys::{CONFIG_VARIABLE, Fallback, KEYS, Key, Kind};

/// A commented configuration file that names every setting and changes none.
#[must_use]
pub fn example() -> String {
    let mut out = format!(
        "# Settings of Countersign. Each line that begins with `#` and a key shows the default, or an example where there\n\
         # is no default. Flags win over the environment, the environment over this file.\n\
         # The server finds this file by `--config` or by {CONFIG_VARIABLE}. Every key is a variable too: `limits.drain_secs`\n\
         # is COUNTERSIGN_LIMITS_DRAIN_SECS. A secret is never written here: its `_file` key, or the variable that ends in\n\
         # _FILE, names a file of mode 600 that holds it; a systemd credential or a file in the data folder's `keys` works\n\
         # too, under the name given below. Its `_command` key names a program, by its full path, that prints it; arguments follow,\n\
         # apart by commas.\n"
    );
    let mut section = "";
    for key in KEYS {
        let (of, name) = key.name.split_once('.').unwrap_or(("", key.name));
        if of != section {
            section = of;
            line(&mut out, format_args!("\n[{section}]"));
        }
        entry(&mut out, key, name);
    }
    out
}

fn entry(out: &mut String, key: &Key, name: &str) {
    line(out, format_args!("\n# {}", key.meaning));
    let (about, text) = match key.fallback {
        Fallback::Value(text) => (bounds(key.kind), text),
        Fallback::Derived(how, text) => (format!(" Default: {how}."), text),
        Fallback::Unset(text) => (" Not set by default.".to_owned(), text),
    };
    if !about.is_empty() {
        line(out, format_args!("#{about}"));
    }
    if key.kind != Kind::Secret {
        line(out, format_args!("#{name} = {}", literal(key.kind, text)));
    }
    if key.kind.is_secret() {
        let credential = key.credential();
        line(out, format_args!("# As a secret; the credential or key file is called `{credential}`."));
        line(out, format_args!("#{name}_file = \"/etc/countersign/{credential}\""));
    }
}

fn bounds(kind: Kind) -> String {
    match kind {
        Kind::Integer(least, most) => format!(" From {least} to {most}."),
        Kind::Choice(words) => format!(" One of: {}.", words.join(", ")),
        _ => String::new(),
    }
}

fn literal(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Integer(..) | Kind::Bool => text.to_owned(),
        Kind::List => {
            let items: Vec<String> = text.split(',').filter(|t| !t.is_empty()).map(|t| format!("\"{t}\"")).collect();
            format!("[{}]", items.join(", "))
        }
        _ => format!("\"{text}\""),
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("a String takes every write");
}
