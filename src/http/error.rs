//! What a client is told when something does not work. Internals go to the log once, here; the client gets a reference.
//! The body is rendered by the outermost layer, so a 404 of the router and a 500 of a handler look alike.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::core::fault::Fault;
use crate::db::DbError;
use crate::policy::Denied;
use crate::store::StoreError;

/// An answer that is not a success.
#[derive(Debug)]
pub struct Error {
    /// The status.
    pub status: StatusCode,
    /// A stable code for programs; also the key of the text a person reads (`error-<code>`).
    pub code: &'static str,
    /// What to tell beyond the code's own text: never an internal.
    pub detail: Option<String>,
    /// Fields that were wrong, with what is wrong.
    pub fields: Vec<(String, String)>,
    /// Seconds to wait, for 429 and 503.
    pub retry_after: Option<u64>,
    /// Where to go instead.
    pub location: Option<String>,
}

impl Error {
    /// With a status and a code.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str) -> Self {
        Self { status, code, detail: None, fields: Vec::new(), retry_after: None, location: None }
    }

    /// Not there, or not for this person to know of.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found")
    }

    /// The request is malformed.
    #[must_use]
    pub fn bad_request(code: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code)
    }

    /// The state does not allow it.
    #[must_use]
    pub fn conflict(code: &'static str) -> Self {
        Self::new(StatusCode::CONFLICT, code)
    }

    /// A field is wrong.
    #[must_use]
    pub fn field(name: &str, what: impl Into<String>) -> Self {
        let mut error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
        error.fields.push((name.to_owned(), what.into()));
        error
    }

    /// Too many; try again after so many seconds.
    #[must_use]
    pub fn too_many(code: &'static str, seconds: u64) -> Self {
        Self { retry_after: Some(seconds.max(1)), ..Self::new(StatusCode::TOO_MANY_REQUESTS, code) }
    }

    /// Adds what to tell.
    #[must_use]
    pub fn saying(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Sends elsewhere with 303.
    #[must_use]
    pub fn see_other(location: impl Into<String>) -> Self {
        Self { location: Some(location.into()), ..Self::new(StatusCode::SEE_OTHER, "see_other") }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        tracing::error!(fault = fault.chain(), "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal")
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self { retry_after: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy") },
            StoreError::Batch(_) | StoreError::Unique(_) | StoreError::Refused(_) | StoreError::Other(_) => {
                tracing::error!(fault = Fault::with("the database", error).chain(), "a request failed");
                Self { retry_after: Some(5), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable") }
            }
        }
    }
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        match error {
            DbError::IntegrityFault => Self::new(StatusCode::SERVICE_UNAVAILABLE, "integrity_fault"),
            DbError::Unwitnessed => Self { retry_after: Some(60), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unwitnessed") },
            DbError::NoRoom => Self { retry_after: Some(60), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "no_room") },
            DbError::Store(error) => error.into(),
            DbError::Fault(fault) => fault.into(),
            DbError::Erased => Self::conflict("erased"),
        }
    }
}

impl From<Denied> for Error {
    /// Only for the rare place that has recorded the refusal already; handlers use `Ctx::permit`, which records it.
    fn from(denied: Denied) -> Self {
        use crate::policy::Need;
        match denied.need {
            Need::SignIn => Self::new(StatusCode::UNAUTHORIZED, "sign_in"),
            Need::Fresh => Self::new(StatusCode::FORBIDDEN, "fresh"),
            Need::Role(_) | Need::Scope(_) | Need::Condition { .. } => Self::new(StatusCode::FORBIDDEN, "forbidden").saying(denied.need.because()),
        }
    }
}

/// Carried from here to the outermost layer, which renders it.
#[derive(Clone, Debug)]
pub struct Told {
    /// See [`Error::code`].
    pub code: &'static str,
    /// See [`Error::detail`].
    pub detail: Option<String>,
    /// See [`Error::fields`].
    pub fields: Vec<(String, String)>,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(location) = self.location
            && let Ok(value) = HeaderValue::from_str(&location)
        {
            response.headers_mut().insert(header::LOCATION, value);
            return response;
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(Told { code: self.code, detail: self.detail, fields: self.fields });
        response
    }
}
