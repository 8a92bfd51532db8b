//! Style, script and icons, embedded, under names that hold their hash so that they may be cached for ever.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Answer, App, Error, Routes, Rule};

const FILES: [(&str, &str, &str, &[u8]); 4] = [
    ("app", "css", "text/css; charset=utf-8", include_bytes!("../../templates/assets/app.css")),
    ("app", "js", "text/javascript; charset=utf-8", include_bytes!("../../templates/assets/app.js")),
    ("icons", "svg", "image/svg+xml", include_bytes!("../../templates/assets/icons.svg")),
    ("mark", "svg", "image/svg+xml", include_bytes!("../../templates/assets/mark.svg")),
];

/// Where the files are found.
#[derive(Clone, Debug, Serialize)]
pub struct Hrefs {
    css: String,
    js: String,
    icons: String,
    mark: String,
}

impl Hrefs {
    /// The sprite of icons.
    #[must_use]
    pub fn icons(&self) -> &str {
        &self.icons
    }
}

/// The embedded files.
#[derive(Debug)]
pub struct Assets {
    hrefs: Hrefs,
    files: Vec<(String, &'static str, &'static [u8])>,
}

impl Assets {
    /// Names each file by its content.
    #[must_use]
    pub fn new() -> Self {
        let files: Vec<_> =
            FILES.iter().map(|(stem, ending, kind, bytes)| (format!("{stem}-{}.{ending}", &hex::encode(Sha256::digest(bytes))[..16]), *kind, *bytes)).collect();
        let href = |at: usize| format!("/static/{}", files[at].0);
        let hrefs = Hrefs { css: href(0), js: href(1), icons: href(2), mark: href(3) };
        Self { hrefs, files }
    }

    /// Where the files are found.
    #[must_use]
    pub fn hrefs(&self) -> &Hrefs {
        &self.hrefs
    }
}

impl Default for Assets {
    fn default() -> Self {
        Self::new()
    }
}

/// The routes of the embedded files.
#[must_use]
pub fn routes() -> Routes {
    Routes::new().get("/static/{name}", Rule::Public, get_asset).get("/robots.txt", Rule::Public, get_robots)
}

async fn get_asset(State(app): State<App>, Path(name): Path<String>) -> Answer {
    let (_, kind, bytes) = app.assets.files.iter().find(|(n, _, _)| *n == name).ok_or_else(Error::not_found)?;
    let mut response: Response = (*bytes).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    Ok(response)
}

async fn get_robots() -> &'static str {
    "User-agent: *\nDisallow: /\n"
}
