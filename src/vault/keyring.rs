//! The keys that lie in the key folder: the key-encryption keys by version, and one key per purpose.
//! Files are 32 random bytes in base64, 0600, made by `keys generate` and never by default.

use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::seal::DataKey;
use crate::core::rng::Rng;

/// What a key of the ring is for. One key, one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Blind indexes of sealed values.
    Index,
    /// The pepper over passwords before they are hashed.
    Pepper,
    /// Form tokens.
    Csrf,
}

/// The key that signs checkpoints.
const LOG: &str = "log";
/// Key files and what they are for, for `keys generate`, `check` and the inventory in SECURITY.md.
pub const FILES: &[(&str, &str)] = &[
    ("kek-1", "wraps the data keys"),
    ("index", "keys the blind indexes"),
    ("pepper", "is mixed into passwords before hashing"),
    ("csrf", "makes form tokens"),
    (LOG, "signs checkpoints of the audit trail"),
];
/// Versions of the key-encryption key that are looked for.
const KEK_VERSIONS_MAX: i64 = 1000;

/// Why the keys could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// A key is absent.
    #[error("`{0}` is missing; run `countersign keys generate`, or put the key back from its recovery copy")]
    Missing(PathBuf),
    /// A key is not 32 bytes of base64.
    #[error("`{0}` is not a key: 32 bytes in base64 are expected")]
    Malformed(PathBuf),
    /// A key exists already and is never overwritten.
    #[error("`{0}` exists already; keys are never overwritten")]
    Exists(PathBuf),
    /// A key can be read by others.
    #[error("`{0}` can be read by others; run `chmod 600 {0}`")]
    Wide(PathBuf),
    /// The file system failed.
    #[error("`{0}` could not be read or written")]
    Io(PathBuf, #[source] std::io::Error),
}

/// All keys of one installation.
#[derive(Debug)]
pub struct KeyRing {
    keks: Vec<(i64, DataKey)>,
    index: hmac::Key,
    pepper: hmac::Key,
    csrf: hmac::Key,
    /// The log's Ed25519 seed; none when a signer of its own has it.
    log: Option<Zeroizing<[u8; 32]>>,
}

impl KeyRing {
    /// Reads the ring from `folder`.
    ///
    /// # Errors
    /// See [`KeyRingError`]: each says what to do.
    pub fn read(folder: &Path) -> Result<Self, KeyRingError> {
        let mut keks = Vec::new();
        for version in 1..=KEK_VERSIONS_MAX {
            let path = folder.join(format!("kek-{version}"));
            if version > 1 && !path.exists() {
                break;
            }
            let bytes = read_key(&path)?;
            keks.push((version, DataKey::new(&format!("kek-{version}"), bytes.as_slice()).ok_or(KeyRingError::Malformed(path))?));
        }
        let mac = |name: &str| Ok::<_, KeyRingError>(hmac::Key::new(hmac::HMAC_SHA256, read_key(&folder.join(name))?.as_slice()));
        let log = match read_key(&folder.join(LOG)) {
            Err(KeyRingError::Missing(_)) => None,
            read => Some(read?),
        };
        Ok(Self { keks, index: mac("index")?, pepper: mac("pepper")?, csrf: mac("csrf")?, log })
    }

    /// Makes every key that `FILES` names, refusing to overwrite any.
    ///
    /// # Errors
    /// When a key exists or cannot be written.
    pub fn generate(folder: &Path, rng: &Rng) -> Result<Vec<PathBuf>, KeyRingError> {
        Self::generate_with(folder, rng, true)
    }

    /// The same; with `log` false without the log's key, which a signer of its own has.
    ///
    /// # Errors
    /// When a key exists or cannot be written.
    pub fn generate_with(folder: &Path, rng: &Rng, log: bool) -> Result<Vec<PathBuf>, KeyRingError> {
        let paths: Vec<_> = FILES.iter().filter(|(name, _)| log || *name != LOG).map(|(name, _)| folder.join(name)).collect();
        if let Some(there) = paths.iter().find(|p| p.exists()) {
            return Err(KeyRingError::Exists(there.clone()));
        }
        for path in &paths {
            make_key(path, rng)?;
        }
        Ok(paths)
    }

    pub(super) fn newest(&self) -> (i64, &DataKey) {
        let (version, key) = self.keks.last().expect("a ring is read with at least `kek-1`");
        (*version, key)
    }

    pub(super) fn version(&self, version: i64) -> Option<&DataKey> {
        self.keks.iter().find(|(v, _)| *v == version).map(|(_, key)| key)
    }

    /// HMAC-SHA-256 over length-prefixed parts.
    #[must_use]
    pub fn mac(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        let key = match purpose {
            Purpose::Index => &self.index,
            Purpose::Pepper => &self.pepper,
            Purpose::Csrf => &self.csrf,
        };
        let mut context = hmac::Context::with_key(key);
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.sign().as_ref());
        out
    }

    /// The seed of the log's signing key; none when a signer of its own has it.
    #[must_use]
    pub fn log_seed(&self) -> Option<Zeroizing<[u8; 32]>> {
        self.log.clone()
    }
}

/// Makes one key file, refusing to overwrite.
///
/// # Errors
/// When it exists or cannot be written.
pub fn make_key(path: &Path, rng: &Rng) -> Result<(), KeyRingError> {
    if path.exists() {
        return Err(KeyRingError::Exists(path.to_owned()));
    }
    let text = Zeroizing::new(STANDARD.encode(Zeroizing::new(rng.bytes::<32>()).as_slice()));
    write_new(path, text.as_bytes()).map_err(|e| KeyRingError::Io(path.to_owned(), e))
}

/// Reads one key file: 32 bytes in base64, for its owner alone.
///
/// # Errors
/// See [`KeyRingError`].
pub fn read_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyRingError> {
    use std::os::unix::fs::PermissionsExt as _;
    let io = |e: std::io::Error| {
        if e.kind() == std::io::ErrorKind::NotFound { KeyRingError::Missing(path.to_owned()) } else { KeyRingError::Io(path.to_owned(), e) }
    };
    if std::fs::metadata(path).map_err(io)?.permissions().mode() & 0o077 != 0 {
        return Err(KeyRingError::Wide(path.to_owned()));
    }
    let text = Zeroizing::new(std::fs::read(path).map_err(io)?);
    let bytes = Zeroizing::new(STANDARD.decode(text.trim_ascii()).map_err(|_| KeyRingError::Malformed(path.to_owned()))?);
    let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| KeyRingError::Malformed(path.to_owned()))?;
    Ok(Zeroizing::new(key))
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.write_all(b"\n")?;
    file.sync_all()
}
