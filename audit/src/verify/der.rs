//! DER, as far as time-stamps and certificates need it: tag, definite length in its shortest form, content.
//!
//! Nothing is copied and nothing recurses; what is not read to its end is refused. The order within a SET OF is not
//! looked at, since widespread authorities write certificates in another.

use super::Error;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OID: u8 = 0x06;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// The tag of `[n]` in its constructed form.
pub(super) const fn context(n: u8) -> u8 {
    0xa0 | n
}

/// The tag of `[n]` in its primitive form.
pub(super) const fn plain(n: u8) -> u8 {
    0x80 | n
}

/// One value: its tag, its content, and both with the length between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    pub(super) whole: &'a [u8],
}

impl<'a> Value<'a> {
    /// The values inside.
    pub(super) fn inside(self) -> Reader<'a> {
        Reader(self.content)
    }
}

/// Values one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The one value that `bytes` are, with nothing behind it.
    pub(super) fn only(bytes: &'a [u8], tag: u8) -> Result<Value<'a>, Error> {
        let mut reader = Self(bytes);
        let value = reader.take(tag)?;
        reader.end()?;
        Ok(value)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next value, whatever it is.
    pub(super) fn next(&mut self) -> Result<Value<'a>, Error> {
        let cut = || Error::new("DER: a value is cut off");
        let (tag, rest) = self.0.split_first().ok_or_else(cut)?;
        if tag & 0x1f == 0x1f {
            return Err(Error::new("DER: a tag of several bytes"));
        }
        let (first, mut rest) = rest.split_first().ok_or_else(cut)?;
        let mut length = usize::from(*first);
        if *first >= 0x80 {
            let count = usize::from(first & 0x7f);
            let (bytes, after) = rest.split_at_checked(count).ok_or_else(cut)?;
            if !(1..=4).contains(&count) || bytes[0] == 0 || (count == 1 && bytes[0] < 0x80) {
                return Err(Error::new("DER: a length that is not in its shortest form"));
            }
            length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            rest = after;
        }
        let (content, after) = rest.split_at_checked(length).ok_or_else(cut)?;
        let whole = &self.0[..self.0.len() - after.len()];
        self.0 = after;
        Ok(Value { tag: *tag, content, whole })
    }

    /// The next value, which must have this tag.
    pub(super) fn take(&mut self, tag: u8) -> Result<Value<'a>, Error> {
        let value = self.next()?;
        if value.tag == tag { Ok(value) } else { Err(Error::new(format!("DER: a value of tag {:#04x} where {tag:#04x} belongs", value.tag))) }
    }

    /// The next value, if there is one and it has this tag.
    pub(super) fn maybe(&mut self, tag: u8) -> Result<Option<Value<'a>>, Error> {
        if self.0.first() == Some(&tag) { self.next().map(Some) } else { Ok(None) }
    }

    /// The bytes of a positive or zero integer without the byte that only keeps it positive.
    pub(super) fn unsigned(&mut self) -> Result<&'a [u8], Error> {
        match self.take(INTEGER)?.content {
            [] => Err(Error::new("DER: an integer without bytes")),
            [first, ..] if *first >= 0x80 => Err(Error::new("DER: a negative integer")),
            [0, second, ..] if *second < 0x80 => Err(Error::new("DER: an integer that is not in its shortest form")),
            [0, rest @ ..] if !rest.is_empty() => Ok(rest),
            bytes => Ok(bytes),
        }
    }

    /// The bytes of a string of whole bytes in bits.
    pub(super) fn bits(&mut self) -> Result<&'a [u8], Error> {
        match self.take(BIT_STRING)?.content {
            [0, rest @ ..] => Ok(rest),
            _ => Err(Error::new("DER: a bit string that is not of whole bytes")),
        }
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::new("DER: something stands where a value ended")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_one_form() {
        let long = [&[OCTET_STRING, 0x81, 0x80][..], &[7; 128]].concat();
        assert_eq!(Reader::only(&long, OCTET_STRING).expect("read").content, [7; 128]);
        for bad in [
            &[][..],
            &[4],
            &[4, 1],
            &[4, 0x80, 0, 0],
            &[4, 0x81, 1, 9],
            &[4, 0x82, 0, 0x80],
            &[4, 0x85, 0, 0, 0, 0, 1, 9],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff, 9],
            &[0x1f, 1, 9],
            &[4, 0, 0],
        ] {
            assert!(Reader::only(bad, OCTET_STRING).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn integers_are_positive_and_short() {
        let read = |bytes: &'static [u8]| Reader(bytes).unsigned();
        assert_eq!(read(&[2, 1, 0]), Ok(&[0][..]));
        assert_eq!(read(&[2, 2, 0, 0x80]), Ok(&[0x80][..]));
        for bad in [&[2, 0][..], &[2, 1, 0x80], &[2, 2, 0, 1], &[3, 1, 1]] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
