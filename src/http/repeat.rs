//! The headers of a request that may come again: its key on the way in, and on the way out whether it came before.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

use super::{Ctx, Error};
use crate::core::id::PersonId;
use crate::repeat::{self, Key};

/// The header that makes a request repeatable.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header that says that nothing was done now.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Characters of a key.
const KEY_CHARS_MAX: usize = 255;

impl From<repeat::Error> for Error {
    fn from(error: repeat::Error) -> Self {
        match error {
            repeat::Error::OtherBody => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_mismatch")
                .saying("This `Idempotency-Key` came with another request in the last 24 hours. Use a new key for a new request."),
            repeat::Error::Db(error) => error.into(),
            repeat::Error::Fault(fault) => fault.into(),
        }
    }
}

/// The key of a person's request on `route`, when it has one.
///
/// # Errors
/// 400 when there are several, or one that is not 1 to 255 printable ASCII characters.
pub fn key(ctx: &Ctx, person: &PersonId, route: &'static str, headers: &HeaderMap) -> Result<Option<Key>, Error> {
    Ok(given(headers)?.map(|key| Key::new(&ctx.app.db, person, route, key)))
}

fn given(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let bad = || Error::bad_request("bad_idempotency_key").saying("Send one `Idempotency-Key` of 1 to 255 printable ASCII characters, or none.");
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    match (given.next(), given.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let key = value.to_str().map_err(|_| bad())?;
            let fits = (1..=KEY_CHARS_MAX).contains(&key.len()) && key.bytes().all(|b| (b' '..=b'~').contains(&b));
            if fits { Ok(Some(key)) } else { Err(bad()) }
        }
        (Some(_), Some(_)) => Err(bad()),
    }
}

/// Says that the answer is that of an earlier request, when it is.
#[must_use]
pub fn marked(mut response: Response, again: bool) -> Response {
    if again {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).expect("a header value"));
        }
        headers
    }

    #[test]
    fn a_key_is_printable_and_there_once() {
        assert!(matches!(given(&headers(&[])), Ok(None)));
        assert!(matches!(given(&headers(&[b"a-1"])), Ok(Some("a-1"))));
        assert!(matches!(given(&headers(&[&[b'x'; KEY_CHARS_MAX]])), Ok(Some(_))));
        for bad in [&[b"".as_slice()] as &[&[u8]], &[b"a", b"a"], &["é".as_bytes()], &[b"a\tb"], &[&[b'x'; KEY_CHARS_MAX + 1]]] {
            assert_eq!(given(&headers(bad)).err().map(|e| (e.status, e.code)), Some((StatusCode::BAD_REQUEST, "bad_idempotency_key")), "{bad:?}");
        }
    }
}
