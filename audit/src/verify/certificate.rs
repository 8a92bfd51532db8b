//! X.509 certificates of time-stamping authorities: read, and followed up to one that the auditor trusts.
//!
//! Names are compared byte for byte. Nothing is asked of anybody: whether a certificate was revoked is not known here.

use super::{
    Error,
    der::{self, BOOLEAN, GENERALIZED_TIME, OCTET_STRING, OID, Reader, SEQUENCE, SET, UTC_TIME, Value, context, plain},
    moment,
    signature::{Key, Scheme},
};

/// Most certificates above the one that signed.
const DEPTH_MAX: usize = 8;
/// Most certificates in a file of roots, or in a token.
pub(super) const CERTIFICATES_MAX: usize = 64;
/// Most signatures that are verified on the way up.
const TRIES_MAX: usize = 64;
/// Most bytes of a file of roots.
pub const ROOTS_BYTES_MAX: usize = 1 << 20;

const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const CERTIFICATE_POLICIES: &[u8] = &[0x55, 0x1d, 0x20];
const ANY_PURPOSE: &[u8] = &[0x55, 0x1d, 0x25, 0x00];
/// 1.3.6.1.5.5.7.3.8
const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// Of a key usage: digitalSignature or contentCommitment; keyCertSign.
const MAY_SIGN: u8 = 0b1100_0000;
const MAY_CERTIFY: u8 = 0b0000_0100;

/// A certificate as read; whether it may be believed is another matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate<'a> {
    pub(super) whole: &'a [u8],
    signed: &'a [u8],
    scheme: Scheme,
    signature: &'a [u8],
    pub(super) serial: &'a [u8],
    pub(super) issuer: &'a [u8],
    subject: &'a [u8],
    /// Seconds since 1970.
    from: u64,
    to: u64,
    pub(super) key: Key,
    is_authority: bool,
    /// Most authorities below it but for the last.
    below: Option<u64>,
    usage: Option<u8>,
    purposes: Option<Vec<&'a [u8]>>,
    purposes_critical: bool,
    pub(super) key_id: Option<&'a [u8]>,
    /// A critical extension that nobody here knows.
    unknown: bool,
}

impl<'a> Certificate<'a> {
    pub(super) fn read(whole: &'a [u8]) -> Result<Self, Error> {
        let mut outer = Reader::only(whole, SEQUENCE)?.inside();
        let (body, algorithm, signature) = (outer.take(SEQUENCE)?, outer.take(SEQUENCE)?, outer.bits()?);
        outer.end()?;
        let mut inside = body.inside();
        if inside.maybe(context(0))?.is_none_or(|version| version.content != [2, 1, 2]) {
            return Err(Error::new("a certificate of another version than 3"));
        }
        let serial = inside.take(der::INTEGER)?.content;
        if inside.take(SEQUENCE)?.whole != algorithm.whole {
            return Err(Error::new("a certificate that names two algorithms"));
        }
        let issuer = inside.take(SEQUENCE)?.whole;
        let mut validity = inside.take(SEQUENCE)?.inside();
        let (from, to) = (time(validity.next()?)?, time(validity.next()?)?);
        validity.end()?;
        let (subject, key) = (inside.take(SEQUENCE)?.whole, Key::read(inside.take(SEQUENCE)?)?);
        inside.maybe(plain(1))?;
        inside.maybe(plain(2))?;
        let extensions = inside.maybe(context(3))?;
        inside.end()?;
        let mut read = Self {
            whole,
            signed: body.whole,
            scheme: Scheme::read(algorithm, None)?,
            signature,
            serial,
            issuer,
            subject,
            from,
            to,
            key,
            is_authority: false,
            below: None,
            usage: None,
            purposes: None,
            purposes_critical: false,
            key_id: None,
            unknown: false,
        };
        if let Some(extensions) = extensions {
            let mut list = Reader::only(extensions.content, SEQUENCE)?.inside();
            let mut seen: Vec<&[u8]> = Vec::new();
            while !list.is_empty() {
                let oid = read.extension(list.take(SEQUENCE)?)?;
                if seen.contains(&oid) || seen.len() >= CERTIFICATES_MAX {
                    return Err(Error::new("a certificate with one extension twice, or with too many"));
                }
                seen.push(oid);
            }
        }
        Ok(read)
    }

    fn extension(&mut self, extension: Value<'a>) -> Result<&'a [u8], Error> {
        let mut inside = extension.inside();
        let oid = inside.take(OID)?.content;
        let critical = match inside.maybe(BOOLEAN)?.map(|flag| flag.content) {
            None => false,
            Some([0xff]) => true,
            Some(_) => return Err(Error::new("DER: a flag that is not in its one form")),
        };
        let value = inside.take(OCTET_STRING)?.content;
        inside.end()?;
        match oid {
            BASIC_CONSTRAINTS => {
                let mut inside = Reader::only(value, SEQUENCE)?.inside();
                self.is_authority = inside.maybe(BOOLEAN)?.is_some_and(|flag| flag.content == [0xff]);
                if !inside.is_empty() {
                    let bytes = inside.unsigned()?;
                    self.below = Some(bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte)));
                }
                inside.end()?;
            }
            KEY_USAGE => self.usage = Some(Reader::only(value, der::BIT_STRING)?.content.get(1).copied().unwrap_or(0)),
            EXTENDED_KEY_USAGE => {
                let mut inside = Reader::only(value, SEQUENCE)?.inside();
                let mut purposes = Vec::new();
                while !inside.is_empty() {
                    purposes.push(inside.take(OID)?.content);
                }
                (self.purposes, self.purposes_critical) = (Some(purposes), critical);
            }
            [0x55, 0x1d, 0x0e] => self.key_id = Some(Reader::only(value, OCTET_STRING)?.content),
            // Which policies an authority follows bears on nothing here.
            CERTIFICATE_POLICIES => {}
            _ => self.unknown |= critical,
        }
        Ok(oid)
    }

    /// The common name, or else what tells the certificate from others.
    pub(super) fn name(&self) -> String {
        common_name(self.subject).unwrap_or_else(|| {
            let hash = super::tree::sha256(self.whole);
            format!("certificate {}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        })
    }

    /// Whether it may sign time-stamps, and nothing else, at `time`.
    fn may_stamp(&self, time: u64) -> Result<(), Error> {
        if self.purposes.as_deref() != Some(&[TIME_STAMPING]) || !self.purposes_critical {
            return Err(Error::new("the certificate is not marked, critically, for time-stamps alone"));
        }
        if self.usage.is_some_and(|usage| usage & MAY_SIGN == 0) {
            return Err(Error::new("the certificate's key is not for signing"));
        }
        self.holds(time)
    }

    /// Whether it may stand above `depth` other authorities of a time-stamp's certificate at `time`.
    fn may_certify(&self, time: u64, depth: usize) -> Result<(), Error> {
        if !self.is_authority || self.usage.is_some_and(|usage| usage & MAY_CERTIFY == 0) {
            return Err(Error::new("a certificate above it is not that of an authority"));
        }
        if self.below.is_some_and(|below| below < depth as u64) {
            return Err(Error::new("a certificate above it does not allow so many below"));
        }
        if self.purposes.as_ref().is_some_and(|purposes| !purposes.iter().any(|purpose| [TIME_STAMPING, ANY_PURPOSE].contains(purpose))) {
            return Err(Error::new("a certificate above it is not for time-stamps"));
        }
        self.holds(time)
    }

    fn holds(&self, time: u64) -> Result<(), Error> {
        if self.unknown {
            return Err(Error::new("a certificate has a critical extension that is not known here"));
        }
        if (self.from..=self.to).contains(&time) {
            return Ok(());
        }
        Err(Error::new(format!("a certificate holds from {} to {}, and the time is {}", moment::show(self.from), moment::show(self.to), moment::show(time))))
    }
}

/// The certificates that an auditor trusts: authorities', or those that sign themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots(Vec<Vec<u8>>);

impl Roots {
    /// Reads one or more certificates in PEM; what stands between them is passed over.
    ///
    /// # Errors
    /// When there is none, or one that cannot be read.
    pub fn parse(text: &str) -> Result<Self, Error> {
        const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
        const END: &str = "-----END CERTIFICATE-----";
        let (mut found, mut inside) = (Vec::new(), None::<String>);
        for line in text.lines().map(str::trim) {
            match (&mut inside, line) {
                (None, BEGIN) => inside = Some(String::new()),
                (Some(coded), END) => {
                    let bytes = super::base64::decode(coded)?;
                    Certificate::read(&bytes)?;
                    found.push(bytes);
                    inside = None;
                }
                (Some(coded), line) => coded.push_str(line),
                (None, _) => {}
            }
        }
        if found.is_empty() || inside.is_some() || found.len() > CERTIFICATES_MAX {
            return Err(Error::new(format!("not one to {CERTIFICATES_MAX} certificates in PEM")));
        }
        Ok(Self(found))
    }

    /// Whether `signer` leads to a root at `time`: `Ok(false)` when nothing links it to one.
    ///
    /// # Errors
    /// When something links it to a root, but not as it must at that time: what is wrong with the first such way.
    pub(super) fn lead_to(&self, signer: &Certificate<'_>, beside: &[Certificate<'_>], time: u64) -> Result<bool, Error> {
        let roots: Vec<Certificate<'_>> = self.0.iter().map(|bytes| Certificate::read(bytes)).collect::<Result<_, _>>()?;
        let mut search = Search { roots: &roots, beside, time, tries: 0, refused: None };
        let mut way = vec![signer];
        match (search.up(&mut way), search.refused) {
            (true, _) => Ok(true),
            (false, None) => Ok(false),
            (false, Some(error)) => Err(error),
        }
    }
}

/// The way up from the certificate that signed.
struct Search<'s, 'a> {
    roots: &'s [Certificate<'a>],
    beside: &'s [Certificate<'a>],
    time: u64,
    tries: usize,
    /// What was wrong with the first way that led to a root.
    refused: Option<Error>,
}

impl<'s, 'a> Search<'s, 'a> {
    /// Whether the last certificate of `way` is a root, or a way up from it leads to one, and all holds.
    fn up(&mut self, way: &mut Vec<&'s Certificate<'a>>) -> bool {
        let Some(last) = way.last().copied() else { return false };
        if self.roots.iter().any(|root| root.whole == last.whole) {
            return match self.judge(way) {
                Ok(()) => true,
                Err(error) => {
                    self.refused.get_or_insert(error);
                    false
                }
            };
        }
        if way.len() > DEPTH_MAX {
            return false;
        }
        let (roots, beside) = (self.roots, self.beside);
        for above in roots.iter().chain(beside).filter(|above| above.subject == last.issuer && above.whole != last.whole) {
            self.tries += 1;
            if self.tries > TRIES_MAX {
                return false;
            }
            if above.key.verify(last.scheme, last.signed, last.signature).is_ok() {
                way.push(above);
                if self.up(way) {
                    return true;
                }
                way.pop();
            }
        }
        false
    }

    fn judge(&self, way: &[&Certificate<'_>]) -> Result<(), Error> {
        let [signer, above @ ..] = way else { return Ok(()) };
        signer.may_stamp(self.time)?;
        above.iter().enumerate().try_for_each(|(depth, above)| above.may_certify(self.time, depth))
    }
}

/// Seconds since 1970 of a time in a certificate.
fn time(value: Value<'_>) -> Result<u64, Error> {
    let refused = || Error::new("a certificate's time is not in its one form");
    let text = std::str::from_utf8(value.content).map_err(|_| refused())?;
    let text = match value.tag {
        UTC_TIME if text.len() == 13 && text.is_ascii() => format!("{}{text}", if text < "5" { "20" } else { "19" }),
        GENERALIZED_TIME if text.len() == 15 => text.to_owned(),
        _ => return Err(refused()),
    };
    generalized(&text).map_err(|_| refused())
}

/// Seconds since 1970 of `YYYYMMDDHHMMSSZ`, with a fraction that does not end in zero or without; the fraction is left out.
pub(super) fn generalized(text: &str) -> Result<u64, Error> {
    let refused = || Error::new("a time that is not `YYYYMMDDHHMMSS`, perhaps with a fraction, and `Z`");
    let digits = text.strip_suffix('Z').ok_or_else(refused)?;
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let fraction_fits = fraction.is_none_or(|f| (1..=9).contains(&f.len()) && f.bytes().all(|b| b.is_ascii_digit()) && !f.ends_with('0'));
    if whole.len() != 14 || !whole.bytes().all(|b| b.is_ascii_digit()) || !fraction_fits {
        return Err(refused());
    }
    let part = |from: usize, to: usize| &whole[from..to];
    moment::parse(&format!("{}-{}-{}T{}:{}:{}Z", part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 12), part(12, 14)))
}

/// The last common name of a name, when it is text of a kind that is UTF-8.
fn common_name(name: &[u8]) -> Option<String> {
    let mut parts = Reader::only(name, SEQUENCE).ok()?.inside();
    let mut found = None;
    while !parts.is_empty() {
        let mut set = parts.take(SET).ok()?.inside();
        while !set.is_empty() {
            let mut pair = set.take(SEQUENCE).ok()?.inside();
            let (kind, value) = (pair.take(OID).ok()?.content, pair.next().ok()?);
            if kind == COMMON_NAME && [0x0c, 0x13, 0x16].contains(&value.tag) {
                found = std::str::from_utf8(value.content).ok().map(str::to_owned);
            }
        }
    }
    found.filter(|name| !name.is_empty())
}
