//! What tests stand on: `check` gives a fresh installation and, at the end of every test, verifies its chain.

pub mod app;
pub mod google;
pub mod handset;
pub mod hooks;
pub mod person;
pub mod reply;
pub mod smtp;
pub mod syslog;
pub mod tsa;
pub mod twilio;
pub mod witness;

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

pub use app::{TestApp, check, check_with};
pub use hooks::{FakeHooks, HookAnswer};
pub use person::TestPerson;
pub use reply::Reply;
pub use smtp::{FakeSmtp, SmtpFault};
pub use syslog::{FakeSyslog, Shows, SyslogFault};

/// A folder with a secret in a file as the settings want it: for its owner alone.
fn secret_file(name: &str, secret: &str) -> Arc<tempfile::TempDir> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, secret).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
    Arc::new(folder)
}
