//! Fetches what the provider has, and nothing else: https to the provider's own names, the same again for each redirect, and no
//! address that is not public, as names are resolved at the connection.
//! Must stay true: account and token go to the API alone; of an answer no more is read than was allowed, within a time; an
//! address in a message cannot make this program ask another machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Response, StatusCode, Url, header, redirect, retry};

use super::credential::Credential;
use super::gateway::TWILIO;
use crate::config::Config;
use crate::core::fault::{Context as _, Fault};
use crate::db::Db;

/// Names below which the provider hands files out.
const HOSTS: [&str; 2] = ["twilio.com", "twiliocdn.com"];
/// Where its API is when the settings name no other.
const API: &str = "https://api.twilio.com";
/// Redirects that are followed.
const HOPS_MAX: usize = 3;
/// Bytes of a file.
pub const BYTES_MAX: usize = 16 << 20;
/// How long a connection may take, and everything together.
const CONNECT_MAX: Duration = Duration::from_secs(10);
const ALL_MAX: Duration = Duration::from_secs(60);

/// Why nothing was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// No address, no https, or a name that is not the provider's.
    NotProvider,
    /// The name leads to an address that is not public.
    NotPublic,
    /// It redirects too often, or to nowhere.
    Redirects,
    /// It has more bytes than are taken.
    TooLarge,
    /// Another answer than 200.
    Status(u16),
    /// There was no connection.
    NoConnection,
    /// It took too long.
    Timeout,
    /// It broke off.
    Lost,
    /// There is no token now, or it cannot be read.
    NoCredential,
}

impl FetchError {
    /// A stable code.
    #[must_use]
    pub fn code(self) -> String {
        match self {
            Self::NotProvider => "not_provider".into(),
            Self::NotPublic => "not_public".into(),
            Self::Redirects => "redirects".into(),
            Self::TooLarge => "too_large".into(),
            Self::Status(status) => format!("http_{status}"),
            Self::NoConnection => "no_connection".into(),
            Self::Timeout => "timeout".into(),
            Self::Lost => "connection_lost".into(),
            Self::NoCredential => "no_credential".into(),
        }
    }

    /// Can another try end otherwise? A file may be there a moment after its message.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        match self {
            Self::NoConnection | Self::Timeout | Self::Lost | Self::NoCredential => true,
            Self::Status(status) => status >= 500 || matches!(status, 404 | 408 | 429),
            Self::NotProvider | Self::NotPublic | Self::Redirects | Self::TooLarge => false,
        }
    }
}

/// Fetches files of one account.
#[derive(Debug)]
pub struct Fetcher {
    client: Client,
    api: Url,
    account_sid: String,
    token: Credential,
}

impl Fetcher {
    /// For the account of the settings, if there is one.
    ///
    /// # Errors
    /// When there are no certificates to trust.
    pub fn set_up(db: &Db, config: &Config) -> Result<Option<Self>, Fault> {
        let Some(twilio) = &config.twilio else { return Ok(None) };
        let token = Credential::new(db, TWILIO, twilio.tokens.first().cloned());
        let api = twilio.sends.as_ref().map_or(API, |sends| sends.api_url.as_str());
        let api = Url::parse(api).context("read the address of the API")?;
        // Plain http is a setting for this machine alone.
        let local = (api.scheme() == "http").then(|| api.host_str().unwrap_or_default().to_owned());
        let client = Client::builder()
            .timeout(ALL_MAX)
            .connect_timeout(CONNECT_MAX)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .referer(false)
            .pool_max_idle_per_host(0)
            .dns_resolver(Arc::new(Public { local }))
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("make a client")?;
        Ok(Some(Self { client, api, account_sid: twilio.account_sid.clone(), token }))
    }

    /// The whole file.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn fetch(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        tokio::time::timeout(ALL_MAX, self.follow(url)).await.unwrap_or(Err(FetchError::Timeout))
    }

    async fn follow(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        let mut url = Url::parse(url).map_err(|_| FetchError::NotProvider)?;
        for _ in 0..=HOPS_MAX {
            let way = way(&self.api, &url).ok_or(FetchError::NotProvider)?;
            let mut request = self.client.get(url.clone());
            if way == Way::Api {
                let token = self.token.shown().await.map_err(|_| FetchError::NoCredential)?;
                request = request.basic_auth(&self.account_sid, Some(token.expose()));
            }
            let answer = request.send().await.map_err(|error| trouble(&error))?;
            if answer.status() == StatusCode::OK {
                return read(answer).await;
            }
            if !answer.status().is_redirection() {
                return Err(FetchError::Status(answer.status().as_u16()));
            }
            let next = answer.headers().get(header::LOCATION).and_then(|v| v.to_str().ok()).ok_or(FetchError::Redirects)?;
            url = url.join(next).map_err(|_| FetchError::Redirects)?;
        }
        Err(FetchError::Redirects)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// To the API, which wants the account.
    Api,
    /// To where the provider keeps files; it wants nothing.
    Files,
}

/// Whether an address is the provider's; none when it is not.
fn way(api: &Url, url: &Url) -> Option<Way> {
    if !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    if url.origin() == api.origin() && url.origin().is_tuple() {
        return Some(Way::Api);
    }
    if url.scheme() != "https" || url.port().is_some() {
        return None;
    }
    let host = url.domain()?.trim_end_matches('.');
    let below = |name: &str| host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
    HOSTS.iter().any(|name| below(name)).then_some(Way::Files)
}

async fn read(mut answer: Response) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    if answer.content_length().is_some_and(|n| n > BYTES_MAX as u64) {
        return Err(FetchError::TooLarge);
    }
    while let Some(part) = answer.chunk().await.map_err(|error| if error.is_timeout() { FetchError::Timeout } else { FetchError::Lost })? {
        if bytes.len() + part.len() > BYTES_MAX {
            return Err(FetchError::TooLarge);
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

fn trouble(error: &reqwest::Error) -> FetchError {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if inner.is::<NotPublic>() {
            return FetchError::NotPublic;
        }
        source = inner.source();
    }
    if error.is_timeout() {
        FetchError::Timeout
    } else if error.is_connect() {
        FetchError::NoConnection
    } else {
        FetchError::Lost
    }
}

/// A name led to an address that is not public.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that is not public")]
struct NotPublic;

/// Resolves names, and refuses one that leads to an address that is not public.
#[derive(Debug)]
struct Public {
    /// A name of this machine that the settings themselves name.
    local: Option<String>,
}

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        let is_local = self.local.as_deref() == Some(name.as_str());
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if !is_local && !found.iter().all(|address| is_public(address.ip())) {
                return Err(NotPublic.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Is this an address that everybody reaches?
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(|| is_public_v6(v6), is_public_v4),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = matches!((a, b, c), (0 | 10 | 127, ..) | (100, 64..=127, _) | (169, 254, _) | (172, 16..=31, _) | (192, 168, _) | (198, 18 | 19, _))
        || matches!((a, b, c), (192, 0, 0 | 2) | (192, 88, 99) | (198, 51, 100) | (203, 0, 113));
    !special && a < 224
}

/// Of what is handed out (2000::/3) what leads elsewhere or nowhere is left out.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    let special = (a == 0x2001 && (b < 0x0200 || b == 0x0db8)) || a == 0x2002 || a == 0x3fff;
    a & 0xe000 == 0x2000 && !special
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr as _;

    fn way_of(url: &str) -> Option<Way> {
        let api = Url::parse(API).expect("an address");
        Url::parse(url).ok().and_then(|url| way(&api, &url))
    }

    #[test]
    fn only_the_provider_is_asked() {
        assert_eq!(way_of("https://api.twilio.com/2010-04-01/Accounts/AC/Messages/MM/Media/ME"), Some(Way::Api));
        for files in ["https://media.twiliocdn.com/a", "https://mms.twiliocdn.com/a?b=c", "https://content.twilio.com/x", "https://twilio.com/"] {
            assert_eq!(way_of(files), Some(Way::Files), "{files}");
        }
        for no in [
            "http://api.twilio.com/x",
            "http://media.twiliocdn.com/x",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://twilio.com.evil.example/x",
            "https://eviltwilio.com/x",
            "https://evil.example/?a=.twilio.com",
            "https://evil.example/#.twilio.com",
            "https://api.twilio.com@evil.example/",
            "https://u:p@media.twiliocdn.com/",
            "https://media.twiliocdn.com:8443/",
            "file:///etc/passwd",
            "ftp://media.twiliocdn.com/",
            "data:text/plain,x",
            "https://twiliocdn.com\u{3002}evil.example/",
        ] {
            assert_eq!(way_of(no), None, "{no}");
        }
    }

    #[test]
    fn addresses_that_are_not_public_are_known() {
        for no in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2001::1",
        ] {
            assert!(!is_public(IpAddr::from_str(no).expect("an address")), "{no}");
        }
        for yes in ["54.172.60.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2600:1f18::1", "2a05:d018::1", "::ffff:8.8.8.8"] {
            assert!(is_public(IpAddr::from_str(yes).expect("an address")), "{yes}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_not_asked() {
        let client = Client::builder().dns_resolver(Arc::new(Public { local: None })).no_proxy().build().expect("a client");
        let error = client.get("https://localhost/").send().await.expect_err("no connection is made");
        assert_eq!(trouble(&error), FetchError::NotPublic);
        assert!(!FetchError::NotPublic.may_pass() && FetchError::Status(503).may_pass() && !FetchError::Status(403).may_pass());
    }
}
