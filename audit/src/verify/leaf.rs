//! The leaf grammar of version 1, as tables: every key an entry may have, and what stands under it.
//!
//! A key that is not in the tables is an error, for a reader must not believe that it was checked.

use std::collections::BTreeMap;

use super::{
    Error, Hash, base64,
    json::{self, Value},
    vkey,
};

/// Longest leaf in bytes.
pub const LEAF_BYTES_MAX: usize = 65_535;

/// A leaf in canonical form whose place in the chain was read; its body is not checked yet.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Hash of the leaf before, 32 zero bytes for the first.
    pub prev: Hash,
    /// Index in the log, from 0.
    pub seq: u64,
    fields: Value,
}

impl Leaf {
    /// Reads the bytes of a leaf.
    ///
    /// # Errors
    /// When they are too long, not a canonical JSON object, or without a proper `_prev` and `_seq`.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > LEAF_BYTES_MAX {
            return Err(Error::new(format!("the entry is longer than {LEAF_BYTES_MAX} bytes")));
        }
        let fields = json::read(bytes)?;
        let Value::Map(map) = &fields else {
            return Err(Error::new("the entry is not a JSON object"));
        };
        let prev = match map.get("_prev") {
            Some(Value::Text(text)) => base64::decode_hash(text).map_err(|e| Error::new(format!("`_prev`: {e}")))?,
            _ => return Err(Error::new("`_prev` is missing or not a string")),
        };
        let seq = match map.get("_seq") {
            Some(Value::Int(seq)) if *seq >= 0 => seq.unsigned_abs(),
            _ => return Err(Error::new("`_seq` is missing or not a number from 0 on")),
        };
        Ok(Self { prev, seq, fields })
    }

    /// Checks the body against the grammar, and that it belongs to the log `origin`.
    ///
    /// # Errors
    /// When a field is missing, unknown or outside its grammar, or the entry is another log's.
    pub fn check(&self, origin: &str) -> Result<(), Error> {
        object(&self.fields, LEAF)?;
        match self.text("log") {
            Some(log) if log == origin => Ok(()),
            Some(log) => Err(Error::new(format!("`log` is `{}`, the log is `{origin}`", log.escape_default()))),
            None => Err(Error::new("`log` is missing")),
        }
    }

    /// A field of an object of the outermost one, e.g. `data` and `days`.
    #[must_use]
    pub fn field(&self, object: &str, key: &str) -> Option<&Value> {
        let Value::Map(map) = &self.fields else { return None };
        match map.get(object)? {
            Value::Map(inner) => inner.get(key),
            _ => None,
        }
    }

    /// The same, when it is a string, e.g. `actor` and `id`.
    #[must_use]
    pub fn inner(&self, object: &str, key: &str) -> Option<&str> {
        match self.field(object, key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list of the outermost object.
    pub(super) fn list(&self, key: &str) -> &[Value] {
        match &self.fields {
            Value::Map(map) => match map.get(key) {
                Some(Value::List(items)) => items,
                _ => &[],
            },
            _ => &[],
        }
    }

    /// A string field of the outermost object, e.g. `action`.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.member(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A field of the outermost object.
    pub(super) fn member(&self, key: &str) -> Option<&Value> {
        match &self.fields {
            Value::Map(map) => map.get(key),
            _ => None,
        }
    }

    /// A number of the outermost object, e.g. `mono_us`.
    pub(super) fn number(&self, key: &str) -> Option<i64> {
        match &self.fields {
            Value::Map(map) => match map.get(key) {
                Some(Value::Int(number)) => Some(*number),
                _ => None,
            },
            _ => None,
        }
    }
}

/// A key, whether it must be there, and the check of its value.
type Field = (&'static str, Need, fn(&Value) -> Result<(), Error>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Must,
    May,
}
use Need::{May, Must};

const LEAF: &[Field] = &[
    ("_prev", Must, commitment),
    ("_seq", Must, count),
    ("action", Must, action),
    ("actor", Must, |v| object(v, ACTOR)),
    ("app", Must, |v| object(v, APP)),
    ("boot", Must, text),
    ("category", Must, name),
    ("change", May, |v| list(v, |item| object(item, CHANGE))),
    ("data", May, data),
    ("id", Must, id),
    ("idem", May, text),
    ("log", Must, origin),
    ("mono_us", Must, count),
    ("net", May, net),
    ("node", Must, text),
    ("on_behalf_of", May, text),
    ("outcome", Must, outcome),
    ("payload", May, |v| list(v, |item| object(item, PAYLOAD))),
    ("reason", May, text),
    ("refs", May, |v| list(v, text)),
    ("request_id", May, text),
    ("resource", Must, |v| object(v, RESOURCE)),
    ("subject", May, text),
    ("ts", Must, time),
    ("v", Must, version),
];

const ACTOR: &[Field] =
    &[("auth", May, text), ("id", May, text), ("name_c", May, commitment), ("session", May, text), ("type", Must, name), ("via", May, text)];

const APP: &[Field] = &[("build", Must, text), ("ver", Must, text)];

const CHANGE: &[Field] = &[("after_c", May, commitment), ("before_c", May, commitment), ("f", Must, text)];

const NET: &[Field] = &[("ip_c", May, commitment), ("ua_c", May, commitment)];

const PAYLOAD: &[Field] = &[("c", Must, commitment), ("len", Must, count), ("name", Must, text)];

const RESOURCE: &[Field] = &[("id", May, text), ("label_c", May, commitment), ("type", Must, name)];

fn object(value: &Value, fields: &[Field]) -> Result<(), Error> {
    let map = map(value)?;
    for (key, need, check) in fields {
        match map.get(*key) {
            Some(value) => check(value).map_err(|e| Error::new(format!("`{key}`: {e}")))?,
            None if *need == Must => return Err(Error::new(format!("`{key}` is missing"))),
            None => {}
        }
    }
    match map.keys().find(|key| !fields.iter().any(|(known, _, _)| known == key)) {
        Some(key) => Err(Error::new(format!("key `{key}` is not one of format version 1"))),
        None => Ok(()),
    }
}

fn map(value: &Value) -> Result<&BTreeMap<String, Value>, Error> {
    match value {
        Value::Map(map) => Ok(map),
        _ => Err(Error::new("not an object")),
    }
}

fn list(value: &Value, check: fn(&Value) -> Result<(), Error>) -> Result<(), Error> {
    match value {
        Value::List(items) if !items.is_empty() => items.iter().try_for_each(check),
        _ => Err(Error::new("not a list with at least one item")),
    }
}

fn data(value: &Value) -> Result<(), Error> {
    if map(value)?.is_empty() { Err(Error::new("empty; it is left out then")) } else { Ok(()) }
}

fn net(value: &Value) -> Result<(), Error> {
    data(value)?;
    object(value, NET)
}

fn string(value: &Value) -> Result<&str, Error> {
    match value {
        Value::Text(text) => Ok(text),
        _ => Err(Error::new("not a string")),
    }
}

fn text(value: &Value) -> Result<(), Error> {
    string(value).map(|_| ())
}

fn fits(holds: bool, must: &str) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::new(format!("not {must}"))) }
}

fn is_name(text: &str) -> bool {
    match text.as_bytes() {
        [first, rest @ ..] => first.is_ascii_lowercase() && rest.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')),
        [] => false,
    }
}

fn name(value: &Value) -> Result<(), Error> {
    fits(is_name(string(value)?), "`[a-z][a-z0-9_]*`")
}

fn action(value: &Value) -> Result<(), Error> {
    let text = string(value)?;
    fits(text.contains('.') && text.split('.').all(is_name), "`domain.act`")
}

fn id(value: &Value) -> Result<(), Error> {
    let text = string(value)?.as_bytes();
    let hex = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    fits(text.len() == 36 && text.starts_with(b"evt_") && text[4..].iter().all(hex), "`evt_` and 32 lower-case hex digits")
}

fn origin(value: &Value) -> Result<(), Error> {
    fits(vkey::is_name(string(value)?), "an origin")
}

fn outcome(value: &Value) -> Result<(), Error> {
    let known = matches!(string(value)?, "ok" | "denied" | "failed" | "error" | "unknown");
    fits(known, "one of ok, denied, failed, error, unknown")
}

fn commitment(value: &Value) -> Result<(), Error> {
    base64::decode_hash(string(value)?).map(|_| ())
}

fn count(value: &Value) -> Result<(), Error> {
    fits(matches!(value, Value::Int(number) if *number >= 0), "a number from 0 on")
}

fn version(value: &Value) -> Result<(), Error> {
    fits(*value == Value::Int(1), "1, the only version this program knows")
}

/// `YYYY-MM-DDTHH:MM:SS.ffffffZ`, a day that exists, no leap second.
fn time(value: &Value) -> Result<(), Error> {
    let text = string(value)?;
    fits(is_time(text.as_bytes()), "a UTC time `YYYY-MM-DDTHH:MM:SS.ffffffZ`")
}

pub(super) fn is_time(text: &[u8]) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00.000000Z";
    let in_shape = text.len() == SHAPE.len() && text.iter().zip(SHAPE).all(|(c, s)| if *s == b'0' { c.is_ascii_digit() } else { c == s });
    if !in_shape {
        return false;
    }
    let number = |from: usize, to: usize| text[from..to].iter().fold(0, |n, c| n * 10 + u32::from(c - b'0'));
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day) && number(11, 13) < 24 && number(14, 16) < 60 && number(17, 19) < 60
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_real_moments_in_one_form() {
        for good in ["2024-02-29T23:59:59.000001Z", "2000-02-29T00:00:00.000000Z", "0000-01-01T00:00:00.000000Z"] {
            assert!(is_time(good.as_bytes()), "{good}");
        }
        for bad in [
            "2023-02-29T00:00:00.000000Z",
            "2100-02-29T00:00:00.000000Z",
            "2024-13-01T00:00:00.000000Z",
            "2024-00-01T00:00:00.000000Z",
            "2024-01-00T00:00:00.000000Z",
            "2024-01-01T24:00:00.000000Z",
            "2024-01-01T00:60:00.000000Z",
            "2024-01-01T00:00:60.000000Z",
            "2024-01-01T00:00:00.00000Z",
            "2024-01-01 00:00:00.000000Z",
            "2024-01-01T00:00:00.000000+00:00",
            "2024-01-01t00:00:00.000000z",
        ] {
            assert!(!is_time(bad.as_bytes()), "{bad}");
        }
    }
}
