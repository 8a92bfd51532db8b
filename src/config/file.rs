//! Reads the TOML file into plain texts by dotted name. Refuses what no setting is called and what has the wrong shape.
//! Must stay true: no sentence repeats a line of the file, since somebody may have put a secret there.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::keys::{self, KEYS, Key, Kind};
use super::{load, suggest};

/// What the file sets, by a setting's name or by `x_file`, and what is wrong with it.
pub(super) fn read(text: &str, path: &Path) -> (BTreeMap<String, String>, Vec<String>) {
    let mut reading = Reading { path, set: BTreeMap::new(), faults: Vec::new() };
    match text.parse::<Table>() {
        Ok(table) => reading.top(table),
        Err(error) => {
            let line = error.span().map_or(1, |span| text.as_bytes().iter().take(span.start).filter(|b| **b == b'\n').count() + 1);
            let what = error.message().lines().next().unwrap_or("not TOML").to_owned();
            reading.faults.push(format!("the configuration file `{}` is not TOML in line {line}: {what}; correct it", path.display()));
        }
    }
    (reading.set, reading.faults)
}

struct Reading<'a> {
    path: &'a Path,
    set: BTreeMap<String, String>,
    faults: Vec<String>,
}

impl Reading<'_> {
    fn top(&mut self, table: Table) {
        for (name, value) in table {
            if !is_section(&name) {
                self.value(&name, value);
                continue;
            }
            match value {
                Value::Table(section) => {
                    for (inner, value) in section {
                        self.value(&format!("{name}.{inner}"), value);
                    }
                }
                _ => self.faults.push(format!("`{name}` in `{}` is a section; write `[{name}]` and its settings below", self.path.display())),
            }
        }
    }

    fn value(&mut self, name: &str, value: Value) {
        let of_file = KEYS.iter().find(|key| key.kind.is_secret() && key.file_name() == name);
        let of_command = KEYS.iter().any(|key| key.kind.is_secret() && key.command_name() == name);
        let said = match (keys::find(name), of_file) {
            (None, None) if of_command => match value {
                Value::String(text) => Ok(text),
                Value::Array(items) => items
                    .into_iter()
                    .map(|item| if let Value::String(text) = item { Some(text) } else { None })
                    .collect::<Option<Vec<String>>>()
                    .map(|words| words.join(","))
                    .ok_or("write the program and its arguments, each in quotes"),
                _ => Err("write the program and its arguments, each in quotes"),
            },
            (Some(key), _) => text(key, value),
            (None, Some(_)) => match value {
                Value::String(text) => Ok(text),
                _ => Err("write the file's name in quotes"),
            },
            (None, None) => {
                let hint = suggest::among(name, load::names());
                self.faults.push(format!("no setting is called `{name}` in `{}`{hint}", self.path.display()));
                return;
            }
        };
        match said {
            Ok(text) => {
                self.set.insert(name.to_owned(), text);
            }
            Err(what) => self.faults.push(format!("`{name}` in `{}` has the wrong shape; {what}", self.path.display())),
        }
    }
}

fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.name.split_once('.').is_some_and(|(section, _)| section == name))
}

fn text(key: &Key, value: Value) -> Result<String, &'static str> {
    match (key.kind, value) {
        (Kind::Integer(..), Value::Integer(number)) => Ok(number.to_string()),
        (Kind::Integer(..), _) => Err("write a whole number without quotes"),
        (Kind::Bool, Value::Boolean(yes)) => Ok(yes.to_string()),
        (Kind::Bool, _) => Err("write `true` or `false` without quotes"),
        (Kind::List, Value::Array(items)) => {
            let texts: Option<Vec<String>> = items.into_iter().map(|item| if let Value::String(text) = item { Some(text) } else { None }).collect();
            texts.map(|texts| texts.join(",")).ok_or("write a list of texts, each in quotes")
        }
        (Kind::List, _) => Err("write a list in brackets, each item in quotes"),
        (_, Value::String(text)) => Ok(text),
        (_, _) => Err("write a text in quotes"),
    }
}
