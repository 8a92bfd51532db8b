//! Reads JSON in the trail's canonical form only: what has another byte form is refused.
//!
//! Keys strictly ascending, none twice; no floats; integers within ±(2^53 − 1); no spaces; the escapes
//! of RFC 8785. The last word is had by rendering what was read and comparing bytes.

use std::{collections::BTreeMap, fmt};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Error;

pub(super) const INTEGER_MAX: i64 = (1 << 53) - 1;
const DEPTH_MAX: usize = 16;

/// A value as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer within ±(2^53 − 1).
    Int(i64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Value>),
    /// An object.
    Map(BTreeMap<String, Value>),
}

/// Reads `bytes` as one canonical value.
///
/// # Errors
/// When they are not JSON, or not in canonical form; the text says what and, if known, where.
pub fn read(bytes: &[u8]) -> Result<Value, Error> {
    let unreadable = |e: serde_json::Error| Error::new(format!("not canonical JSON: {e}"));
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Level(0).deserialize(&mut reader).map_err(unreadable)?;
    reader.end().map_err(unreadable)?;
    let again = render(&value);
    if again.as_bytes() != bytes {
        let at = again.bytes().zip(bytes).take_while(|(a, b)| a == *b).count();
        return Err(Error::new(format!("not canonical JSON: another byte form from byte {at} on")));
    }
    Ok(value)
}

/// The canonical form of `value`.
#[must_use]
pub fn render(value: &Value) -> String {
    let mut out = String::new();
    put(value, &mut out);
    out
}

fn put(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::Text(text) => put_text(text, out),
        Value::List(items) => {
            let mut open = '[';
            for item in items {
                out.push(std::mem::replace(&mut open, ','));
                put(item, out);
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Value::Map(map) => {
            let mut open = '{';
            for (key, item) in map {
                out.push(std::mem::replace(&mut open, ','));
                put_text(key, out);
                out.push(':');
                put(item, out);
            }
            out.push_str(if map.is_empty() { "{}" } else { "}" });
        }
    }
}

fn put_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Reads a value with this many lists and maps around it.
struct Level(usize);

impl Level {
    fn deeper<E: de::Error>(&self) -> Result<usize, E> {
        if self.0 < DEPTH_MAX { Ok(self.0 + 1) } else { Err(E::custom("nested too deeply")) }
    }

    /// `_prev` and `_seq` stand in the outermost object only.
    fn allows(&self, key: &str) -> bool {
        let name = match key.strip_prefix('_') {
            Some(name) if self.0 == 0 => name,
            Some(_) => return false,
            None => key,
        };
        let mut bytes = name.bytes();
        bytes.next().is_some_and(|b| b.is_ascii_lowercase()) && bytes.all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value without floats")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() <= INTEGER_MAX.unsigned_abs() {
            Ok(Value::Int(value))
        } else {
            Err(E::custom(format!("integer {value} is outside ±(2^53 − 1)")))
        }
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => Err(E::custom(format!("integer {value} is outside ±(2^53 − 1)"))),
        }
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Value, E> {
        Err(E::custom("a number that is not a plain integer within ±(2^53 − 1)"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inside = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Level(inside))? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inside = self.deeper()?;
        let mut map = BTreeMap::new();
        while let Some(key) = entries.next_key::<String>()? {
            if !self.allows(&key) {
                return Err(de::Error::custom(format!("key `{}` is not allowed", key.escape_default())));
            }
            if map.contains_key(&key) {
                return Err(de::Error::custom(format!("key `{key}` stands twice")));
            }
            if map.last_key_value().is_some_and(|(last, _)| *last > key) {
                return Err(de::Error::custom(format!("key `{key}` is out of order")));
            }
            map.insert(key, entries.next_value_seed(Level(inside))?);
        }
        Ok(Value::Map(map))
    }
}
