//! Where secrets may come from, and that nothing that is shown, logged or refused ever tells one.

use proptest::prelude::*;

use super::*;

#[test]
fn a_secret_in_the_environment_is_refused_with_the_way_out() {
    let mut place = Place::new();
    place.env("COUNTERSIGN_SMTP_PASSWORD", "hunter2");
    let said = place.fault();
    assert!(said.contains("COUNTERSIGN_SMTP_PASSWORD_FILE") && !said.contains("hunter2"), "{said}");
}

#[test]
fn a_secret_in_the_file_or_on_the_command_line_is_refused() {
    let mut place = Place::new();
    place.toml("[smtp]\npassword = \"hunter2\"\n");
    assert!(place.fault().contains("`smtp.password_file`"));
    place.flag("smtp.password", "hunter2");
    assert!(place.fault().contains("the command line"));
}

const SMTP: &str = "[smtp]\nhost = \"mail.example.org\"\nusername = \"u\"\nfrom = \"a@example.org\"\n";

#[test]
fn a_secret_comes_from_a_named_file_a_credential_or_the_key_folder() {
    let mut place = Place::new();
    place.toml(SMTP);
    let lying = place.file("data/keys/smtp-password", "in keys\n", 0o600);
    let config = place.load();
    assert_eq!(shown(&config, "smtp.password"), ("********".into(), Source::KeyFolder(lying.clone())));
    assert_eq!(config.smtp.expect("set").login.expect("set").1.expose(), "in keys");
    std::fs::remove_file(lying).expect("removed");

    let credential = place.file("credentials/smtp-password", "as credential", 0o400);
    place.inputs.credentials = Some(place.path("credentials"));
    assert_eq!(shown(&place.load(), "smtp.password").1, Source::Credential(credential.clone()));

    let named = place.file("named", "named", 0o600);
    place.env("COUNTERSIGN_SMTP_PASSWORD_FILE", named);
    let said = place.fault();
    assert!(said.contains("given twice") && said.contains("COUNTERSIGN_SMTP_PASSWORD_FILE"), "{said}");
    std::fs::remove_file(credential).expect("removed");
    assert_eq!(shown(&place.load(), "smtp.password").1, Source::Env("COUNTERSIGN_SMTP_PASSWORD_FILE".into()));
}

#[test]
fn a_missing_or_world_readable_secret_file_is_refused_with_what_to_do() {
    let mut place = Place::new();
    place.toml(&format!("{SMTP}password_file = \"/nonexistent/password\"\n"));
    assert!(place.faults()[0].contains("`/nonexistent/password` is missing"));
    let wide = place.file("wide", "x", 0o644);
    place.toml(&format!("{SMTP}password_file = \"{}\"\n", wide.display()));
    assert!(place.faults()[0].contains(&format!("chmod 600 {}", wide.display())));
}

#[test]
fn a_database_address_with_a_password_must_lie_in_a_file() {
    let mut place = Place::new();
    place.env("COUNTERSIGN_DATABASE_URL", "postgres://u:hunter2@host/db");
    let said = place.fault();
    assert!(said.contains("`database.url_file`") && !said.contains("hunter2"), "{said}");
    place.inputs.env.clear();
    let path = place.file("url", "postgres://u:hunter2@host/db\n", 0o600);
    place.env("COUNTERSIGN_DATABASE_URL_FILE", path);
    let config = place.load();
    assert_eq!(config.database.url.expose(), "postgres://u:hunter2@host/db");
    assert_eq!(shown(&config, "database.url").0, "********");
    place.env("COUNTERSIGN_DATABASE_URL", "postgres://u@host/db");
    assert!(place.fault().contains("given twice"));
}

#[test]
fn an_open_database_address_is_shown_and_two_alike_are_refused() {
    let mut place = Place::new();
    place.env("COUNTERSIGN_DATABASE_URL", "postgres://u@host/db");
    assert_eq!(shown(&place.load(), "database.url").0, "postgres://u@host/db");
    place.env("COUNTERSIGN_DATABASE_KEYS_URL", "postgres://u@host/db");
    assert!(place.fault().contains("of their own"));
}

/// Writes `secret` in every place a person might, the right ones and the wrong ones.
fn with_secret_in(way: usize, secret: &str) -> Place {
    let mut place = Place::new();
    let quoted = format!("{secret:?}");
    match way {
        0 => drop(place.file("data/keys/alerts-webhook-secret", secret, 0o600)),
        1 => place.env("COUNTERSIGN_ALERTS_WEBHOOK_SECRET", secret),
        2 => drop(place.toml(&format!("[alerts]\nwebhook_secret = {quoted}"))),
        3 => drop(place.toml(&format!("[alerts]\nwebhook_secret = {quoted} broken"))),
        4 => place.flag("alerts.webhook_secret", secret),
        5 => place.env("COUNTERSIGN_DATABASE_URL", format!("postgres://u:{secret}@host/db")),
        6 => place.env("COUNTERSIGN_DATABASE_KEYS_URL", format!("postgres://host/db?password={secret}")),
        7 => {
            let path = place.file("url", &format!("postgres://u:{secret}@host/db"), 0o600);
            place.env("COUNTERSIGN_DATABASE_URL_FILE", path);
        }
        8 => {
            let path = place.file("url", secret, 0o600);
            place.env("COUNTERSIGN_DATABASE_URL_FILE", path);
        }
        9 => drop(place.file("data/keys/alerts-webhook-secret", secret, 0o666)),
        _ => place.env("COUNTERSIGN_ALERTS_WEBHOOK_SECERT", secret),
    }
    place.flag("alerts.webhook_url", "https://hooks.example.org");
    place
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn neither_what_is_shown_nor_what_is_refused_tells_a_secret(way in 0_usize..11, tail in "[ -~]{0,40}") {
        // The start is a word that no sentence holds, so that a hit is a leak.
        let secret = format!("qzxjv{tail}qzxjv");
        let place = with_secret_in(way, &secret);
        let told = match Config::load(&place.inputs) {
            Ok(config) => format!("{config:?} {:?} {}", config.show(), serde_json::to_string(config.show()).expect("JSON")),
            Err(faults) => format!("{faults} {faults:?}"),
        };
        prop_assert!(!told.contains("qzxjv"), "way {way}: {told}");
        let inputs = format!("{:?}", place.inputs);
        prop_assert!(!inputs.contains("qzxjv"), "{}", inputs);
    }

    #[test]
    fn no_file_and_no_variable_makes_the_load_panic(text in "\\PC{0,200}", name in "[A-Z_]{0,20}", value in "\\PC{0,80}") {
        let mut place = Place::new();
        place.toml(&text);
        place.env(&format!("COUNTERSIGN_{name}"), value.clone());
        for key in KEYS {
            place.env(&key.variable(), value.clone());
        }
        drop(Config::load(&place.inputs));
    }
}
