//! Other people's programs: the gateway's official signer against the running server, and what reads a workbook.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use countersign::policy::Role;

use super::{SID, TOKEN};
use crate::kill::Site;

/// The interpreter that has the libraries; `scripts/test.sh` makes one.
fn python() -> Option<String> {
    let named = |name: &str| std::env::vars().find(|(k, _)| k == name).map(|(_, v)| v);
    let python = named("TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let has = Command::new(&python).args(["-c", "import twilio.request_validator, openpyxl"]).output().is_ok_and(|out| out.status.success());
    assert!(has || named("CI").as_deref() != Some("true"), "`{python}` lacks what tests/requirements.txt names");
    has.then_some(python)
}

#[tokio::test]
async fn the_official_signer_drives_a_whole_conversation_to_its_end() {
    let Some(python) = python() else {
        println!("SKIPPED: install tests/requirements.txt, and name its interpreter in TEST_PYTHON");
        return;
    };
    let mut site = Site::new();
    let token = std::path::PathBuf::from(site.beside("token"));
    std::fs::write(&token, TOKEN).expect("writes");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).expect("sets");
    site.set("twilio.account_sid", SID);
    site.set("twilio.auth_token_file", &token.display().to_string());
    let staff = site.person(&[Role::Intake], &["intake.list"]).await;
    let other = site.person(&[Role::Messaging], &["message.list"]).await;
    let mut server = site.serve().await;
    let soffice = ["/usr/bin/soffice", "/usr/bin/libreoffice"].into_iter().find(|path| std::path::Path::new(path).exists());
    if soffice.is_none() {
        println!("SKIPPED: LibreOffice is not installed; the workbook is read by openpyxl alone");
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/intake/conversation.py");
    let base = format!("http://127.0.0.1:{}", server.port);
    let mut command = Command::new(python);
    command.args([script, &base, SID, TOKEN, &staff.cookie, &other.cookie, soffice.unwrap_or("-")]);
    let out = tokio::task::spawn_blocking(move || command.output().expect("runs")).await.expect("ends");
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), "ok", "{}", String::from_utf8_lossy(&out.stderr));
    server.terminate().await;
    site.run(&["audit", "verify"]).expect(0);
}
