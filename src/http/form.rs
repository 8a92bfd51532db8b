//! Posted forms. The token is checked before a field can be read; a field twice, unknown, or not UTF-8 is refused by name.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::FromRequest;
use axum::http::{Request, StatusCode, header};
use serde::Serialize;
use subtle::ConstantTimeEq as _;

use super::{App, Ctx, Error};

/// Fields of one form at most.
const FIELDS_MAX: usize = 64;

/// The fields of a posted form, each to be taken once.
#[derive(Clone, Debug, Default)]
pub struct Fields(BTreeMap<String, Vec<String>>);

/// A posted form whose token was right, with the request's context.
#[derive(Debug)]
pub struct Posted {
    /// The context.
    pub ctx: Ctx,
    /// The fields, the token taken out.
    pub fields: Fields,
}

impl FromRequest<App> for Posted {
    type Rejection = Error;
    async fn from_request(request: Request<Body>, app: &App) -> Result<Self, Error> {
        let (mut parts, body) = request.into_parts();
        let ctx = <Ctx as axum::extract::FromRequestParts<App>>::from_request_parts(&mut parts, app).await?;
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_a_form"));
        }
        let bytes = super::json::read(body, &parts.headers, app.config.limits.body_bytes_max).await?;
        let mut fields = Fields::parse(&bytes)?;
        let token = fields.optional("csrf_token")?.or_else(|| parts.headers.get("x-csrf-token").and_then(|v| v.to_str().ok()).map(str::to_owned));
        check_csrf(&ctx, token.as_deref())?;
        Ok(Self { ctx, fields })
    }
}

/// Compares a form token in constant time.
///
/// # Errors
/// 403 when it is absent or wrong.
pub fn check_csrf(ctx: &Ctx, token: Option<&str>) -> Result<(), Error> {
    let right = ctx.csrf_token();
    let given = token.unwrap_or_default();
    if bool::from(given.as_bytes().ct_eq(right.as_bytes())) { Ok(()) } else { Err(Error::new(StatusCode::FORBIDDEN, "csrf")) }
}

impl Fields {
    /// Parses an urlencoded body.
    ///
    /// # Errors
    /// 400 when it is not UTF-8 or has too many fields.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(bytes).map_err(|_| Error::bad_request("not_utf8"))?;
        if !decodes_to_utf8(text) {
            return Err(Error::bad_request("not_utf8"));
        }
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(text).map_err(|_| Error::bad_request("malformed"))?;
        if pairs.len() > FIELDS_MAX {
            return Err(Error::bad_request("too_many_fields"));
        }
        let mut fields = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in pairs {
            if value.contains('\0') {
                return Err(Error::field(&name, "must not contain a NUL character"));
            }
            fields.entry(name).or_default().push(value);
        }
        Ok(Self(fields))
    }

    /// A field that may be absent.
    ///
    /// # Errors
    /// 400 when it is there twice.
    pub fn optional(&mut self, name: &str) -> Result<Option<String>, Error> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(mut values) if values.len() == 1 => Ok(values.pop()),
            Some(_) => Err(Error::bad_request("doubled_field").saying(format!("The field `{name}` is there more than once."))),
        }
    }

    /// A field that must be there, though it may be empty.
    ///
    /// # Errors
    /// 422 when it is absent, 400 when it is there twice.
    pub fn one(&mut self, name: &str) -> Result<String, Error> {
        self.optional(name)?.ok_or_else(|| Error::field(name, "is missing"))
    }

    /// A field that may be there many times.
    pub fn many(&mut self, name: &str) -> Vec<String> {
        self.0.remove(name).unwrap_or_default()
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// 422 with the first unknown field.
    pub fn finish(self) -> Result<(), Error> {
        match self.0.into_keys().next() {
            None => Ok(()),
            Some(name) => Err(Error::field(&name, "is not known here")),
        }
    }
}

/// Does the percent-decoded text hold only UTF-8? `serde_urlencoded` would replace what does not.
fn decodes_to_utf8(text: &str) -> bool {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = |b: &[u8]| std::str::from_utf8(b).ok().and_then(|s| u8::from_str_radix(s, 16).ok());
        match (first, tail.get(..2).and_then(hex)) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    std::str::from_utf8(&bytes).is_ok()
}

/// What a form shows when it comes back: values worth keeping, errors by field, one for the whole.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FormState {
    /// Values to show again; never passwords or codes.
    pub values: BTreeMap<String, serde_json::Value>,
    /// Translated messages by field.
    pub errors: BTreeMap<String, String>,
    /// A message for the whole form.
    pub general: Option<String>,
}

impl FormState {
    /// Keeps a value.
    #[must_use]
    pub fn keep(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self
    }

    /// Notes an error of a field; the first one stays.
    pub fn wrong(&mut self, name: &str, message: impl Into<String>) {
        self.errors.entry(name.to_owned()).or_insert_with(|| message.into());
    }

    /// With a message for the whole form.
    #[must_use]
    pub fn saying(mut self, message: impl Into<String>) -> Self {
        self.general = Some(message.into());
        self
    }

    /// Nothing is wrong.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.errors.is_empty() && self.general.is_none()
    }
}
