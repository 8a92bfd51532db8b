//! Canonical JSON: RFC 8785 restricted to what every reader renders alike.
//!
//! No floats; integers within ±(2^53 − 1); keys `[a-z][a-z0-9_]*`, so byte order is RFC 8785's UTF-16
//! order. One value has exactly one byte form.

use std::collections::BTreeMap;

use super::Error;

/// Largest magnitude of an integer: 2^53 − 1, which every JSON reader keeps exactly.
pub const INTEGER_MAX: i64 = 9_007_199_254_740_991;

/// Deepest nesting of lists and maps; the leaf's own object is level 1.
pub const DEPTH_MAX: usize = 16;

/// A JSON value without floats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer within ±[`INTEGER_MAX`].
    Int(i64),
    /// A string of Unicode scalar values, kept as given (no normalisation).
    Text(String),
    /// An array.
    List(Vec<Value>),
    /// An object; keys match `[a-z][a-z0-9_]*`.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// The canonical bytes of this value, without a final newline.
    ///
    /// # Errors
    /// [`Error::Key`], [`Error::Integer`] or [`Error::Depth`] when the value has no canonical form.
    pub fn canonical(&self) -> Result<Vec<u8>, Error> {
        let mut out = Vec::with_capacity(512);
        self.render(&mut out, DEPTH_MAX)?;
        Ok(out)
    }

    fn render(&self, out: &mut Vec<u8>, depth_left: usize) -> Result<(), Error> {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Int(value) => {
                if !(-INTEGER_MAX..=INTEGER_MAX).contains(value) {
                    return Err(Error::Integer(*value));
                }
                out.extend_from_slice(value.to_string().as_bytes());
            }
            Self::Text(text) => quote(text, out),
            Self::List(items) => {
                let depth_left = depth_left.checked_sub(1).ok_or(Error::Depth)?;
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    item.render(out, depth_left)?;
                }
                out.push(b']');
            }
            Self::Map(map) => {
                let depth_left = depth_left.checked_sub(1).ok_or(Error::Depth)?;
                out.push(b'{');
                for (at, (key, value)) in map.iter().enumerate() {
                    if !is_name(key) {
                        return Err(Error::Key(key.clone()));
                    }
                    if at > 0 {
                        out.push(b',');
                    }
                    quote(key, out);
                    out.push(b':');
                    value.render(out, depth_left)?;
                }
                out.push(b'}');
            }
        }
        Ok(())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(value: Vec<T>) -> Self {
        Self::List(value.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<BTreeMap<String, Value>> for Value {
    fn from(value: BTreeMap<String, Value>) -> Self {
        Self::Map(value)
    }
}

/// Whether `text` is `[a-z][a-z0-9_]*`.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0x00..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: impl Into<Value>) -> String {
        String::from_utf8(value.into().canonical().expect("canonical")).expect("UTF-8")
    }

    #[test]
    fn strings_are_escaped_as_rfc_8785_asks() {
        assert_eq!(text("\u{20ac}$\u{f}\nA'B\"\\\\\"/\u{7f}\u{8}\u{c}\r\t"), "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\u{7f}\\b\\f\\r\\t\"");
    }

    #[test]
    fn keys_are_in_byte_order_and_checked() {
        let map = |keys: &[&str]| Value::Map(keys.iter().map(|k| ((*k).to_owned(), Value::Null)).collect());
        assert_eq!(text(map(&["b", "a_b", "ab", "a0"])), r#"{"a0":null,"a_b":null,"ab":null,"b":null}"#);
        for bad in ["", "A", "_a", "0a", "a-b", "é", "a b"] {
            assert_eq!(map(&[bad]).canonical(), Err(Error::Key(bad.into())));
        }
    }

    #[test]
    fn integers_stop_at_two_to_the_53_minus_one() {
        assert_eq!(text(INTEGER_MAX), "9007199254740991");
        assert_eq!(text(-INTEGER_MAX), "-9007199254740991");
        assert_eq!(Value::Int(INTEGER_MAX + 1).canonical(), Err(Error::Integer(INTEGER_MAX + 1)));
        assert_eq!(Value::Int(i64::MIN).canonical(), Err(Error::Integer(i64::MIN)));
    }

    #[test]
    fn nesting_has_a_limit() {
        let nest = |levels: usize| (0..levels).fold(Value::Null, |v, _| Value::List(vec![v]));
        assert!(nest(DEPTH_MAX).canonical().is_ok());
        assert_eq!(nest(DEPTH_MAX + 1).canonical(), Err(Error::Depth));
    }
}
