//! The short way through an entry that is as it must be: one look at its bytes, nothing copied. What it does not pass is read by
//! the long way, which says what is wrong; so this may refuse what is fine, and must never pass what the long way refuses.

use std::ops::Range;

use super::leaf::{LEAF_BYTES_MAX, is_time};
use super::pruned;
#[cfg(test)]
use super::{
    base64,
    json::{Value, render},
    leaf::Leaf,
};

/// Deepest nesting that is passed here; the format allows more.
const DEPTH_MAX: usize = 8;
const INTEGER_MAX: u64 = (1 << 53) - 1;
const HASH_CHARS: usize = 44;

/// What stands under a key.
#[derive(Clone, Copy)]
enum Form {
    Hash,
    Count,
    Name,
    Act,
    Boot,
    Mono,
    Text,
    Id,
    Origin,
    Time,
    Outcome,
    One,
    Data,
    Object(&'static [Field]),
    List(&'static Form),
}
use Form::{Act, Boot, Count, Data, Hash, Id, List, Mono, Name, Object, One, Origin, Outcome, Text, Time};

/// A key with its quotes and colon, whether it must be there, and what stands under it; in the order of the bytes.
type Field = (&'static [u8], bool, Form);

/// The entry behind `_prev` and `_seq`: the table of README.md, section 2.
const BODY: &[Field] = &[
    (b"\"action\":", true, Act),
    (b"\"actor\":", true, Object(ACTOR)),
    (b"\"app\":", true, Object(&[(b"\"build\":", true, Text), (b"\"ver\":", true, Text)])),
    (b"\"boot\":", true, Boot),
    (b"\"category\":", true, Name),
    (b"\"change\":", false, List(&Object(&[(b"\"after_c\":", false, Hash), (b"\"before_c\":", false, Hash), (b"\"f\":", true, Text)]))),
    (b"\"data\":", false, Data),
    (b"\"id\":", true, Id),
    (b"\"idem\":", false, Text),
    (b"\"log\":", true, Origin),
    (b"\"mono_us\":", true, Mono),
    (b"\"net\":", false, Object(&[(b"\"ip_c\":", false, Hash), (b"\"ua_c\":", false, Hash)])),
    (b"\"node\":", true, Text),
    (b"\"on_behalf_of\":", false, Text),
    (b"\"outcome\":", true, Outcome),
    (b"\"payload\":", false, List(&Object(&[(b"\"c\":", true, Hash), (b"\"len\":", true, Count), (b"\"name\":", true, Text)]))),
    (b"\"reason\":", false, Text),
    (b"\"refs\":", false, List(&Text)),
    (b"\"request_id\":", false, Text),
    (b"\"resource\":", true, Object(&[(b"\"id\":", false, Text), (b"\"label_c\":", false, Hash), (b"\"type\":", true, Name)])),
    (b"\"subject\":", false, Text),
    (b"\"ts\":", true, Time),
    (b"\"v\":", true, One),
];

const ACTOR: &[Field] = &[
    (b"\"auth\":", false, Text),
    (b"\"id\":", false, Text),
    (b"\"name_c\":", false, Hash),
    (b"\"session\":", false, Text),
    (b"\"type\":", true, Name),
    (b"\"via\":", false, Text),
];

/// Of each byte whether it may stand in base64, in a name, and in a string as itself.
const BASE64: u8 = 1;
const NAME: u8 = 2;
const PLAIN: u8 = 4;
const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        if byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/' {
            kinds[at] |= BASE64;
        }
        if byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' {
            kinds[at] |= NAME;
        }
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            kinds[at] |= PLAIN;
        }
        at += 1;
    }
    kinds
};

/// What an entry says that its place in the chain needs, and its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen<'a> {
    /// `_prev` as it stands there.
    pub(super) prev: &'a [u8],
    /// `ts` as it stands there.
    pub(super) ts: &'a str,
    /// `boot`, which has no escapes.
    pub(super) boot: &'a str,
    /// `mono_us`.
    pub(super) mono: i64,
}

/// Looks at a leaf that must stand at `seq` in the log whose origin, as JSON, is `origin`. Passes no entry that ends an epoch
/// or takes something out of the log.
pub(super) fn look<'a>(leaf: &'a [u8], seq: u64, origin: &'a [u8]) -> Option<Seen<'a>> {
    // Of what follows only strings may hold bytes that are not ASCII, so that whole characters stand in whole strings.
    let text = if leaf.len() <= LEAF_BYTES_MAX { std::str::from_utf8(leaf).ok()? } else { return None };
    let mut eye = Eye { bytes: leaf, at: 0, origin, ts: 0, boot: 0..0, mono: 0 };
    eye.pass(b"{\"_prev\":")?;
    let prev = eye.at + 1;
    eye.hash()?;
    eye.pass(b",\"_seq\":")?;
    if eye.number()? != seq {
        return None;
    }
    eye.pass(b",")?;
    eye.fields(BODY)?;
    (eye.at == leaf.len()).then(|| Seen { prev: &leaf[prev..prev + HASH_CHARS], ts: &text[eye.ts..eye.ts + 27], boot: &text[eye.boot], mono: eye.mono })
}

struct Eye<'a> {
    bytes: &'a [u8],
    at: usize,
    origin: &'a [u8],
    /// Where `ts` begins.
    ts: usize,
    /// Where `boot` stands.
    boot: Range<usize>,
    mono: i64,
}

impl Eye<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn pass(&mut self, what: &[u8]) -> Option<()> {
        self.bytes.get(self.at..)?.starts_with(what).then(|| self.at += what.len())
    }

    fn one(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// The fields of an object behind its `{`, and its `}`: at least one, each once, in order.
    fn fields(&mut self, fields: &[Field]) -> Option<()> {
        let mut left = fields.iter();
        loop {
            // The first letter of the key tells most of them apart.
            let letter = *self.bytes.get(self.at + 1)?;
            let form = loop {
                let (key, must, form) = left.next()?;
                if key[1] == letter && self.pass(key).is_some() {
                    break form;
                }
                if *must {
                    return None;
                }
            };
            self.form(form)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return left.all(|(_, must, _)| !must).then_some(());
                }
                _ => return None,
            }
        }
    }

    fn form(&mut self, form: &Form) -> Option<()> {
        match form {
            Hash => self.hash(),
            Count => self.number().map(drop),
            Boot => {
                let from = self.at + 1;
                self.boot = from..from + self.simple()?.len();
                Some(())
            }
            Mono => {
                self.mono = i64::try_from(self.number()?).ok()?;
                Some(())
            }
            Text => self.string(),
            Name => {
                let name = self.simple()?;
                (name.first()?.is_ascii_lowercase() && is_name(name)).then_some(())
            }
            Act => {
                let act = self.simple()?;
                let mut names = act.split(|b| *b == b'.');
                let named = names.all(|name| name.first().is_some_and(u8::is_ascii_lowercase) && is_name(name));
                (named && act.contains(&b'.') && act != b"epoch.rotate" && !pruned::follows(act)).then_some(())
            }
            Id => {
                let id = self.simple()?;
                let hex = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
                (id.len() == 36 && id.starts_with(b"evt_") && id[4..].iter().all(hex)).then_some(())
            }
            Origin => {
                let origin = self.origin;
                self.pass(origin)
            }
            Time => {
                self.ts = self.at + 1;
                is_time(self.simple()?).then_some(())
            }
            Outcome => matches!(self.simple()?, b"ok" | b"denied" | b"failed" | b"error" | b"unknown").then_some(()),
            One => self.one(b'1'),
            Data => {
                self.one(b'{')?;
                if self.peek()? == b'}' { None } else { self.map(2) }
            }
            Object(fields) => {
                self.one(b'{')?;
                self.fields(fields)
            }
            List(form) => {
                self.one(b'[')?;
                loop {
                    self.form(form)?;
                    match self.peek()? {
                        b',' => self.at += 1,
                        b']' => break self.one(b']'),
                        _ => return None,
                    }
                }
            }
        }
    }

    /// 32 bytes in base64: 43 characters, of which the last has two unused bits, and padding.
    fn hash(&mut self) -> Option<()> {
        let chars = self.bytes.get(self.at..self.at + HASH_CHARS + 2)?;
        let all = chars[1..HASH_CHARS].iter().all(|b| KINDS[usize::from(*b)] & BASE64 != 0);
        let last =
            matches!(chars[HASH_CHARS - 1], b'A' | b'E' | b'I' | b'M' | b'Q' | b'U' | b'Y' | b'c' | b'g' | b'k' | b'o' | b's' | b'w' | b'0' | b'4' | b'8');
        (all && last && chars[0] == b'"' && chars[HASH_CHARS..] == *b"=\"").then(|| self.at += HASH_CHARS + 2)
    }

    /// A whole number from 0 on.
    fn number(&mut self) -> Option<u64> {
        let from = self.at;
        let mut number = 0_u64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = number * 10 + u64::from(digit - b'0');
            self.at += 1;
            if number > INTEGER_MAX {
                return None;
            }
        }
        let digits = self.at - from;
        (digits == 1 || (digits > 1 && self.bytes[from] != b'0')).then_some(number)
    }

    /// A string without escapes.
    fn simple(&mut self) -> Option<&[u8]> {
        self.one(b'"')?;
        let from = self.at;
        self.plain();
        let to = self.at;
        self.one(b'"')?;
        Some(&self.bytes[from..to])
    }

    fn string(&mut self) -> Option<()> {
        self.one(b'"')?;
        loop {
            self.plain();
            if self.peek()? == b'"' {
                return self.one(b'"');
            }
            self.one(b'\\')?;
            match self.peek()? {
                b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
                b'u' => {
                    let code = self.bytes.get(self.at + 1..self.at + 5)?;
                    let low = matches!(code, [b'0', b'0', b'0', b'0'..=b'7' | b'b' | b'e' | b'f'] | [b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f']);
                    if !low {
                        return None;
                    }
                    self.at += 5;
                }
                _ => return None,
            }
        }
    }

    fn plain(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().position(|b| KINDS[usize::from(*b)] & PLAIN == 0).unwrap_or(rest.len());
    }

    /// Any value; an object or list here would be the `depth`th one.
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.string(),
            b't' => self.pass(b"true"),
            b'f' => self.pass(b"false"),
            b'n' => self.pass(b"null"),
            b'-' => {
                self.at += 1;
                (self.number()? > 0).then_some(())
            }
            b'0'..=b'9' => self.number().map(drop),
            _ if depth > DEPTH_MAX => None,
            b'{' => {
                self.at += 1;
                self.map(depth)
            }
            b'[' => {
                self.at += 1;
                if self.peek()? == b']' {
                    return self.one(b']');
                }
                loop {
                    self.value(depth + 1)?;
                    match self.peek()? {
                        b',' => self.at += 1,
                        b']' => return self.one(b']'),
                        _ => return None,
                    }
                }
            }
            _ => None,
        }
    }

    /// Keys and values of any object behind its `{`, and its `}`.
    fn map(&mut self, depth: usize) -> Option<()> {
        if self.peek()? == b'}' {
            return self.one(b'}');
        }
        let mut last = (0, 0);
        loop {
            let from = self.at + 1;
            let key = self.simple()?;
            if !key.first()?.is_ascii_lowercase() || !is_name(key) {
                return None;
            }
            let to = from + key.len();
            if last.1 > 0 && self.bytes[last.0..last.1] >= self.bytes[from..to] {
                return None;
            }
            last = (from, to);
            self.one(b':')?;
            self.value(depth + 1)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => return self.one(b'}'),
                _ => return None,
            }
        }
    }
}

fn is_name(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| KINDS[usize::from(*b)] & NAME != 0)
}

#[cfg(test)]
#[path = "quick_tests.rs"]
mod tests;
