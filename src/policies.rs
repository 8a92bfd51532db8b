//! The policy files: embedded, overridable by a folder, checked at start, hashed into the first entry of every start.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::core::password::Rules;
use crate::flow::Flows;

/// Name and embedded text of each file.
const EMBEDDED: [(&str, &str); 8] = [
    ("access", include_str!("../policies/access.toml")),
    ("headers", include_str!("../policies/headers.toml")),
    ("password", include_str!("../policies/password.toml")),
    ("retention", include_str!("../policies/retention.toml")),
    ("review", include_str!("../policies/review.toml")),
    ("session", include_str!("../policies/session.toml")),
    ("throttle", include_str!("../policies/throttle.toml")),
    ("uploads", include_str!("../policies/uploads.toml")),
];

/// Name and embedded text of each flow of an intake.
const FLOWS: [(&str, &str); 1] = [("default", include_str!("../policies/intake/default.toml"))];
/// Flows that a folder may bring.
const FLOW_FILES_MAX: usize = 50;

/// Why the policies cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PoliciesError {
    /// A file of the folder could not be read.
    #[error("`{0}`: {1}")]
    Read(String, std::io::Error),
    /// A file is not what it must be.
    #[error("policies/{0}.toml: {1}")]
    Parse(&'static str, toml::de::Error),
    /// A flow of an intake makes no sense.
    #[error("policies/intake: {0}")]
    Flow(String),
    /// A value makes no sense.
    #[error("policies/{0}.toml: {1}")]
    Value(&'static str, String),
}

/// `session.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionPolicy {
    /// A session ends after so long without a request.
    pub idle_secs: i64,
    /// A session ends after so long in any case.
    pub absolute_secs: i64,
    /// Time between password and code.
    pub half_secs: i64,
    /// Life of the set-up link.
    pub setup_link_secs: i64,
    /// Life of an invitation.
    pub invite_link_secs: i64,
    /// Life of a reset link.
    pub reset_link_secs: i64,
    /// Sessions of one person at most; the oldest ends.
    pub sessions_max: i64,
    /// Live tokens of one person at most.
    pub tokens_max: i64,
    /// Longest life of a token.
    pub token_days_max: i64,
    /// How long a device is remembered for gentler throttling.
    pub known_device_days: i64,
}

/// `[sign_in]` of `throttle.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInLimits {
    /// Failed tries from one address within the window.
    pub address_tries: i64,
    /// The window.
    pub address_window_secs: i64,
    /// Failures of an account without delay.
    pub account_free: i64,
    /// Longest delay.
    pub account_delay_max_secs: i64,
    /// Failures after which the account's password is closed.
    pub account_hard: i64,
    /// Wrong codes after which codes are refused.
    pub totp_tries: i64,
}

/// `[requests]` of `throttle.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestLimits {
    /// Requests per minute from one address.
    pub address_per_minute: u32,
    /// Burst from one address.
    pub address_burst: u32,
    /// Requests per minute of one person or token.
    pub person_per_minute: u32,
    /// Burst of one person or token.
    pub person_burst: u32,
}

/// `throttle.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThrottlePolicy {
    /// Tries.
    pub sign_in: SignInLimits,
    /// Requests.
    pub requests: RequestLimits,
}

/// `uploads.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadPolicy {
    /// Allowed extensions, lower case, without the dot.
    pub extensions: Vec<String>,
    /// Largest file.
    pub bytes_max: u64,
    /// All files of one person.
    pub person_bytes_max: i64,
    /// Number of files of one person.
    pub person_files_max: i64,
}

/// `retention.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionPolicy {
    /// Stored files that nothing names.
    pub unreferenced_blob_hours: i64,
    /// Checkpoints.
    pub checkpoint_days: i64,
    /// Finished jobs.
    pub job_days: i64,
}

/// `review.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewPolicy {
    /// Days after which entries that nobody signed off are a reason to remind.
    pub every_days: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordFile {
    r#use: String,
    profile: BTreeMap<String, toml::Table>,
}

/// All policies as read.
#[derive(Debug)]
pub struct Policies {
    /// Text by name.
    pub texts: BTreeMap<&'static str, String>,
    /// Where they came from: none means built in.
    pub folder: Option<String>,
    /// Password rules in force.
    pub password: Rules,
    /// Sessions and links.
    pub session: SessionPolicy,
    /// Limits.
    pub throttle: ThrottlePolicy,
    /// Uploads.
    pub uploads: UploadPolicy,
    /// Retention.
    pub retention: RetentionPolicy,
    /// Reviews.
    pub review: ReviewPolicy,
    /// The flows of intakes.
    pub flows: Flows,
}

impl Policies {
    /// The embedded files, each replaced by the folder's when it is there.
    ///
    /// # Errors
    /// See [`PoliciesError`].
    pub fn read(folder: Option<&Path>) -> Result<Self, PoliciesError> {
        let mut texts = BTreeMap::new();
        for (name, embedded) in EMBEDDED {
            let path = folder.map(|f| f.join(format!("{name}.toml"))).filter(|p| p.exists());
            let text = match path {
                Some(path) => std::fs::read_to_string(&path).map_err(|e| PoliciesError::Read(path.display().to_string(), e))?,
                None => embedded.to_owned(),
            };
            texts.insert(name, text);
        }
        let flows = flow_texts(folder)?;
        texts.insert("intake", flows.iter().map(|(name, text)| format!("# {name}\n{text}")).collect());
        let flows = Flows::parse(flows.iter().map(|(name, text)| (name.as_str(), text.as_str()))).map_err(PoliciesError::Flow)?;
        let password = password_rules(&texts["password"])?;
        let session: SessionPolicy = parse("session", &texts)?;
        if session.idle_secs < 60 || session.absolute_secs < session.idle_secs || session.absolute_secs > 86_400 {
            return Err(PoliciesError::Value("session", "`idle_secs` must be at least 60 and `absolute_secs` between it and 86400".into()));
        }
        let throttle: ThrottlePolicy = parse("throttle", &texts)?;
        if throttle.sign_in.account_hard > 100 || throttle.sign_in.totp_tries > 10 {
            return Err(PoliciesError::Value("throttle", "`account_hard` is at most 100 and `totp_tries` at most 10".into()));
        }
        let review: ReviewPolicy = parse("review", &texts)?;
        if !(1..=366).contains(&review.every_days) {
            return Err(PoliciesError::Value("review", "`every_days` must lie between 1 and 366".into()));
        }
        Ok(Self {
            password,
            session,
            throttle,
            review,
            flows,
            uploads: parse("uploads", &texts)?,
            retention: parse("retention", &texts)?,
            texts,
            folder: folder.map(|f| f.display().to_string()),
        })
    }

    /// SHA-256 over all files, names and texts, in hex.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for (name, text) in &self.texts {
            hasher.update(u64::try_from(name.len()).unwrap_or(0).to_be_bytes());
            hasher.update(name.as_bytes());
            hasher.update(u64::try_from(text.len()).unwrap_or(0).to_be_bytes());
            hasher.update(text.as_bytes());
        }
        hex::encode(hasher.finalize())
    }

    /// SHA-256 of one file in hex.
    #[must_use]
    pub fn hash_of(&self, name: &str) -> String {
        hex::encode(Sha256::digest(self.texts.get(name).map_or("", String::as_str)))
    }
}

/// The embedded flows, and those of the folder's `intake/`.
fn flow_texts(folder: Option<&Path>) -> Result<BTreeMap<String, String>, PoliciesError> {
    let mut texts: BTreeMap<String, String> = FLOWS.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let Some(folder) = folder.map(|f| f.join("intake")).filter(|f| f.is_dir()) else { return Ok(texts) };
    let failed = |path: &Path, error| PoliciesError::Read(path.display().to_string(), error);
    let files = std::fs::read_dir(&folder).map_err(|e| failed(&folder, e))?;
    for path in files.filter_map(Result::ok).map(|entry| entry.path()).filter(|p| p.extension().is_some_and(|e| e == "toml")).take(FLOW_FILES_MAX) {
        let name = path.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        texts.insert(name, std::fs::read_to_string(&path).map_err(|e| failed(&path, e))?);
    }
    Ok(texts)
}

fn parse<T: for<'de> Deserialize<'de>>(name: &'static str, texts: &BTreeMap<&'static str, String>) -> Result<T, PoliciesError> {
    toml::from_str(&texts[name]).map_err(|e| PoliciesError::Parse(name, e))
}

fn password_rules(text: &str) -> Result<Rules, PoliciesError> {
    let file: PasswordFile = toml::from_str(text).map_err(|e| PoliciesError::Parse("password", e))?;
    let Some(mut table) = file.profile.get(&file.r#use).cloned() else {
        return Err(PoliciesError::Value("password", format!("the profile `{}` does not exist", file.r#use)));
    };
    table.insert("profile".into(), file.r#use.clone().into());
    let rules: Rules = table.try_into().map_err(|e| PoliciesError::Parse("password", e))?;
    if rules.min_chars < 15 || rules.max_chars < 64 || rules.min_chars > rules.max_chars {
        return Err(PoliciesError::Value("password", "`min_chars` must be at least 15 and `max_chars` at least 64".into()));
    }
    Ok(rules)
}
