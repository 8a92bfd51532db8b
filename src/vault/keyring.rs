//! The keys that lie in the key folder: the key-encryption keys by version, and one key per purpose.
//! Files are 32 random bytes in base64, 0600, made by `keys generate` and `keys rotate` and never by default; key-encryption
//! keys may be wrapped by somebody else's program (`custody`). The newest key-encryption key seals; every one that is there opens, also one that was put there after the start.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::custody::{Custody, CustodyError, MARK};
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
/// Versions of the key-encryption key that may lie in a folder at a time.
const KEKS_MAX: usize = 1000;

type Keks = Vec<(i64, Arc<DataKey>)>;

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
    /// Whoever wraps it did not give it.
    #[error("`{0}`: {1}")]
    Custody(PathBuf, CustodyError),
    /// The file system failed.
    #[error("`{0}` could not be read or written")]
    Io(PathBuf, #[source] std::io::Error),
}

/// All keys of one installation.
#[derive(Debug)]
pub struct KeyRing {
    folder: PathBuf,
    custody: Custody,
    /// By version, the newest last; never empty.
    keks: RwLock<Keks>,
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
        Self::read_with(folder, Custody::default())
    }

    /// The same, where key-encryption keys may be wrapped.
    ///
    /// # Errors
    /// See [`KeyRingError`].
    pub fn read_with(folder: &Path, custody: Custody) -> Result<Self, KeyRingError> {
        let keks = RwLock::new(read_keks(folder, &custody)?);
        let mac = |name: &str| Ok::<_, KeyRingError>(hmac::Key::new(hmac::HMAC_SHA256, read_key(&folder.join(name))?.as_slice()));
        let log = match read_key(&folder.join(LOG)) {
            Err(KeyRingError::Missing(_)) => None,
            read => Some(read?),
        };
        Ok(Self { folder: folder.to_owned(), custody, keks, index: mac("index")?, pepper: mac("pepper")?, csrf: mac("csrf")?, log })
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
        Self::generate_in(folder, rng, log, &Custody::default())
    }

    /// The same, with the key-encryption key wrapped where somebody wraps it.
    ///
    /// # Errors
    /// When a key exists, is not wrapped, or cannot be written.
    pub fn generate_in(folder: &Path, rng: &Rng, log: bool, custody: &Custody) -> Result<Vec<PathBuf>, KeyRingError> {
        let paths: Vec<_> = FILES.iter().filter(|(name, _)| log || *name != LOG).map(|(name, _)| folder.join(name)).collect();
        if let Some(there) = paths.iter().find(|p| p.exists()) {
            return Err(KeyRingError::Exists(there.clone()));
        }
        for path in &paths {
            if path == &kek_path(folder, 1) { make_kek(path, rng, custody)? } else { make_key(path, rng)? }
        }
        Ok(paths)
    }

    fn held(&self) -> Keks {
        self.keks.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The version that seals, and its key.
    pub(super) fn newest(&self) -> (i64, Arc<DataKey>) {
        self.held().pop().expect("a ring is read with at least one key-encryption key")
    }

    /// The versions that are held.
    pub(super) fn versions(&self) -> Vec<i64> {
        self.held().into_iter().map(|(version, _)| version).collect()
    }

    /// The key of a version; one that is not held is looked for in the folder, where another node's new key may have been put.
    pub(super) fn version(&self, version: i64) -> Option<Arc<DataKey>> {
        let find = |keks: Keks| keks.into_iter().find(|(v, _)| *v == version).map(|(_, key)| key);
        find(self.held()).or_else(|| {
            self.read_again().ok()?;
            find(self.held())
        })
    }

    /// Reads the key-encryption keys anew.
    pub(super) fn read_again(&self) -> Result<(), KeyRingError> {
        let keks = read_keks(&self.folder, &self.custody)?;
        *self.keks.write().unwrap_or_else(PoisonError::into_inner) = keks;
        Ok(())
    }

    /// Makes the file of the version after the newest, durably; nothing is sealed with it before it is read. Gives the version.
    pub(super) fn make_next(&self, rng: &Rng) -> Result<i64, KeyRingError> {
        let next = self.newest().0 + 1;
        let path = kek_path(&self.folder, next);
        make_kek(&path, rng, &self.custody)?;
        sync_folder(&self.folder)?;
        Ok(next)
    }

    /// Overwrites and removes the file of a version, and forgets it. What a disk or a backup still holds of it is not reached.
    pub(super) fn remove(&self, version: i64) -> Result<(), KeyRingError> {
        let path = kek_path(&self.folder, version);
        let io = |e| KeyRingError::Io(path.clone(), e);
        let over = || -> std::io::Result<()> {
            use std::io::Write as _;
            let mut file = std::fs::OpenOptions::new().write(true).open(&path)?;
            let length = usize::try_from(file.metadata()?.len()).unwrap_or(0).clamp(45, 8192);
            file.write_all(&vec![b'0'; length])?;
            file.sync_all()?;
            std::fs::remove_file(&path)
        };
        over().map_err(io)?;
        sync_folder(&self.folder)?;
        self.read_again()
    }

    /// The versions whose files hold the key as it is.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn in_the_clear(&self) -> Result<Vec<i64>, KeyRingError> {
        let mut out = Vec::new();
        for version in self.versions() {
            if !read_text(&kek_path(&self.folder, version))?.trim_ascii().starts_with(MARK.as_bytes()) {
                out.push(version);
            }
        }
        Ok(out)
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

fn kek_path(folder: &Path, version: i64) -> PathBuf {
    folder.join(format!("kek-{version}"))
}

/// A name in the folder is durable only with the folder.
fn sync_folder(folder: &Path) -> Result<(), KeyRingError> {
    std::fs::File::open(folder).and_then(|f| f.sync_all()).map_err(|e| KeyRingError::Io(folder.to_owned(), e))
}

/// Every `kek-<version>` of the folder, the newest last.
fn read_keks(folder: &Path, custody: &Custody) -> Result<Keks, KeyRingError> {
    let io = |e| KeyRingError::Io(folder.to_owned(), e);
    let version = |name: &str| name.strip_prefix("kek-").filter(|n| !n.starts_with('0')).and_then(|n| n.parse().ok()).filter(|n: &i64| *n > 0);
    let mut versions: Vec<i64> = match std::fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(Result::ok).filter_map(|e| version(e.file_name().to_str()?)).take(KEKS_MAX).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(io(error)),
    };
    versions.sort_unstable();
    if versions.is_empty() {
        return Err(KeyRingError::Missing(kek_path(folder, 1)));
    }
    let read = |version: i64| {
        let path = kek_path(folder, version);
        let key = DataKey::new(&format!("kek-{version}"), read_kek(&path, custody)?.as_slice()).ok_or(KeyRingError::Malformed(path))?;
        Ok((version, Arc::new(key)))
    };
    versions.into_iter().map(read).collect()
}

/// Makes the file of a key-encryption key: wrapped, where somebody wraps it, and unwrapped again before it counts.
fn make_kek(path: &Path, rng: &Rng, custody: &Custody) -> Result<(), KeyRingError> {
    let refused = |e| KeyRingError::Custody(path.to_owned(), e);
    let key = Zeroizing::new(rng.bytes::<32>());
    let Some(text) = custody.wrap(key.as_slice()).map_err(refused)? else { return make_key(path, rng) };
    let again = custody.unwrap(text.strip_prefix(MARK).unwrap_or_default()).map_err(refused)?;
    if again.as_slice() != key.as_slice() {
        return Err(KeyRingError::Malformed(path.to_owned()));
    }
    if path.exists() {
        return Err(KeyRingError::Exists(path.to_owned()));
    }
    write_new(path, text.as_bytes()).map_err(|e| KeyRingError::Io(path.to_owned(), e))
}

/// Reads the file of a key-encryption key, which may be wrapped.
fn read_kek(path: &Path, custody: &Custody) -> Result<Zeroizing<[u8; 32]>, KeyRingError> {
    let text = read_text(path)?;
    let Some(wrapped) = std::str::from_utf8(&text).ok().and_then(|text| text.trim().strip_prefix(MARK)) else { return key_of(path, &text) };
    let bytes = custody.unwrap(wrapped).map_err(|e| KeyRingError::Custody(path.to_owned(), e))?;
    let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| KeyRingError::Malformed(path.to_owned()))?;
    Ok(Zeroizing::new(key))
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
    key_of(path, &read_text(path)?)
}

fn read_text(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyRingError> {
    use std::os::unix::fs::PermissionsExt as _;
    let io = |e: std::io::Error| {
        if e.kind() == std::io::ErrorKind::NotFound { KeyRingError::Missing(path.to_owned()) } else { KeyRingError::Io(path.to_owned(), e) }
    };
    if std::fs::metadata(path).map_err(io)?.permissions().mode() & 0o077 != 0 {
        return Err(KeyRingError::Wide(path.to_owned()));
    }
    std::fs::read(path).map(Zeroizing::new).map_err(io)
}

fn key_of(path: &Path, text: &[u8]) -> Result<Zeroizing<[u8; 32]>, KeyRingError> {
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
