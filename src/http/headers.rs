//! Response headers, from `policies/headers.toml`, on every response without exception.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    every: BTreeMap<String, String>,
    signed_in: BTreeMap<String, String>,
    https: BTreeMap<String, String>,
    download: BTreeMap<String, String>,
}

/// The headers in force.
#[derive(Debug)]
pub struct HeaderPolicy {
    every: Vec<(HeaderName, HeaderValue)>,
    csp: String,
    signed_in: Vec<(HeaderName, HeaderValue)>,
    https: Vec<(HeaderName, HeaderValue)>,
    download: Vec<(HeaderName, HeaderValue)>,
}

/// Marks a response as a stored file.
#[derive(Clone, Copy, Debug)]
pub struct IsDownload;

/// Marks a response as made for somebody who is signed in.
#[derive(Clone, Copy, Debug)]
pub struct IsPrivate;

impl HeaderPolicy {
    /// Parses the file.
    ///
    /// # Errors
    /// One sentence that names the fault.
    pub fn parse(text: &str, https: bool) -> Result<Self, String> {
        let mut file: File = toml::from_str(text).map_err(|e| format!("policies/headers.toml: {e}"))?;
        let csp = file.every.remove("content-security-policy").ok_or("policies/headers.toml: `content-security-policy` is missing")?;
        if !csp.contains("'nonce-{nonce}'") || csp.contains("unsafe-") {
            return Err("policies/headers.toml: the content security policy must use `'nonce-{nonce}'` and nothing unsafe".into());
        }
        Ok(Self {
            every: pairs(&file.every)?,
            csp,
            signed_in: pairs(&file.signed_in)?,
            https: if https { pairs(&file.https)? } else { Vec::new() },
            download: pairs(&file.download)?,
        })
    }

    /// Writes the headers over whatever a handler set.
    pub fn apply(&self, headers: &mut HeaderMap, nonce: &str, private: bool, download: bool) {
        let csp = self.csp.replace("{nonce}", nonce);
        if let Ok(value) = HeaderValue::from_str(&csp) {
            headers.insert(header::CONTENT_SECURITY_POLICY, value);
        }
        let private = if private { self.signed_in.as_slice() } else { &[] };
        let download = if download { self.download.as_slice() } else { &[] };
        for (name, value) in self.every.iter().chain(&self.https).chain(private).chain(download) {
            headers.insert(name.clone(), value.clone());
        }
        headers.remove(header::SERVER);
    }
}

fn pairs(map: &BTreeMap<String, String>) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    map.iter()
        .map(|(name, value)| {
            let bad = || format!("policies/headers.toml: `{name}` is not a header");
            Ok((name.parse().map_err(|_| bad())?, HeaderValue::from_str(value).map_err(|_| bad())?))
        })
        .collect()
}
