//! What every handler shares. Assembled once, in `app.rs`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::assets::Assets;
use super::headers::HeaderPolicy;
use super::limit::Limits;
use super::recently::Recently;
use super::templates::Templates;
use crate::blobs::Blobs;
use crate::config::Config;
use crate::cosign::Cosigner;
use crate::db::Db;
use crate::db::checkpoint::Keeper;
use crate::policies::Policies;
use crate::policy::Policy;
use crate::stamp::Stamper;
use crate::vault::Hasher;

/// What imports wait for.
#[derive(Debug, Default)]
pub struct Imports {
    /// Wakes whoever works on them.
    pub wake: tokio::sync::Notify,
    /// Held by whoever works on one.
    pub alone: tokio::sync::Mutex<()>,
}

/// The shared parts.
#[derive(Debug)]
pub struct Shared {
    /// The database with its trail.
    pub db: Db,
    /// Who may do what.
    pub policy: Policy,
    /// All policy files as read, with their hashes.
    pub policies: Policies,
    /// The settings in force.
    pub config: Config,
    /// Pages.
    pub templates: Templates,
    /// Style, script, icons.
    pub assets: Assets,
    /// Stored files.
    pub blobs: Arc<dyn Blobs>,
    /// Password hashing.
    pub hasher: Hasher,
    /// Checkpoints and their signer.
    pub keeper: Keeper,
    /// The witnesses of the trail, if there are any.
    pub cosigner: Option<Arc<Cosigner>>,
    /// The authority that gives time-stamps, if there is one.
    pub stamper: Option<Arc<Stamper>>,
    /// Response headers.
    pub headers: HeaderPolicy,
    /// Flood limits.
    pub limits: Limits,
    /// Turns credentials into callers.
    pub door: Arc<dyn super::gate::Door>,
    /// Reads of the trail that were recorded a short while ago.
    pub recently: Recently,
    /// Wakes the worker that sends messages.
    pub work: Arc<tokio::sync::Notify>,
    /// What imports of contacts wait for.
    pub imports: Imports,
    /// This is a demonstration: single-use sign-in links work, on loopback only.
    pub demo: bool,
    /// Set once everything is ready to serve; cleared when draining.
    pub ready: AtomicBool,
}

/// A handle to the shared parts.
#[derive(Clone, Debug)]
pub struct App(pub Arc<Shared>);

impl std::ops::Deref for App {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    /// The session cookie's name: with the `__Host-` prefix unless `public_url` is loopback http.
    #[must_use]
    pub fn cookie(&self) -> &'static str {
        if self.config.is_https() { "__Host-countersign" } else { "countersign" }
    }

    /// Serves people over https.
    #[must_use]
    pub fn secure(&self) -> bool {
        self.config.is_https()
    }

    /// A text in the language of the installation.
    #[must_use]
    pub fn text(&self, key: &str, args: &[(&str, &str)]) -> String {
        self.templates.texts.get(key, args)
    }
}
