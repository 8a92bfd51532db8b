//! What came back, read whole.

use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub bytes: Vec<u8>,
    /// The body broke off.
    pub broken: bool,
}

impl Reply {
    pub async fn of(response: axum::response::Response) -> Self {
        let (parts, body) = response.into_parts();
        let (bytes, broken) = match body.collect().await {
            Ok(whole) => (whole.to_bytes().to_vec(), false),
            Err(_) => (Vec::new(), true),
        };
        Self { status: parts.status, headers: parts.headers, bytes, broken }
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).replace("&#x2f;", "/")
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.text()))
    }

    /// A header as text, empty when absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// Where it redirects.
    pub fn location(&self) -> &str {
        self.header("location")
    }

    /// The whole Set-Cookie line of a cookie.
    pub fn cookie_line(&self, name: &str) -> Option<String> {
        let prefix = format!("{name}=");
        self.headers.get_all(header::SET_COOKIE).iter().filter_map(|v| v.to_str().ok()).find(|v| v.starts_with(&prefix)).map(str::to_owned)
    }

    /// The value of the first hidden or visible field of this name.
    pub fn field(&self, name: &str) -> Option<String> {
        let text = self.text();
        let at = text.find(&format!("name=\"{name}\""))?;
        let tag_start = text[..at].rfind('<')?;
        let tag = &text[tag_start..tag_start + text[tag_start..].find('>')?];
        let value = tag.split("value=\"").nth(1)?;
        Some(value.split('"').next()?.to_owned())
    }

    /// Asserts the status and gives the reply on.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "location {:?}\n{}", self.location(), self.text().chars().take(3000).collect::<String>());
        self
    }

    /// Asserts that the body holds `text`.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.text().contains(text), "`{text}` is not in:\n{}", self.text());
        self
    }

    /// Asserts that the body does not hold `text`.
    #[track_caller]
    pub fn lacks(self, text: &str) -> Self {
        assert!(!self.text().contains(text), "`{text}` is in:\n{}", self.text());
        self
    }
}
