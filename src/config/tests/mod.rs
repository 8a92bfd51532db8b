//! The configuration as a whole: layers, sources and refusals, in folders that see nothing outside themselves.

mod secrets;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::*;

/// A folder with inputs that see nothing outside it.
struct Place {
    dir: tempfile::TempDir,
    inputs: Inputs,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let mut place = Self { dir, inputs: Inputs::default() };
        let data = place.path("data");
        place.flag("data", data.to_str().expect("UTF-8"));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn flag(&mut self, key: &str, text: &str) {
        self.inputs.flags.push((key.to_owned(), text.to_owned()));
    }

    fn env(&mut self, name: &str, text: impl Into<OsString>) {
        self.inputs.env.insert(name.into(), text.into());
    }

    fn toml(&mut self, text: &str) -> PathBuf {
        let path = self.file("countersign.toml", text, 0o644);
        self.inputs.config = Some(path.clone());
        path
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("set");
        path
    }

    fn load(&self) -> Config {
        Config::load(&self.inputs).expect("loads")
    }

    fn faults(&self) -> Vec<String> {
        Config::load(&self.inputs).expect_err("refused").0
    }

    fn fault(&self) -> String {
        let mut faults = self.faults();
        assert_eq!(faults.len(), 1, "{faults:#?}");
        faults.remove(0)
    }
}

fn shown(config: &Config, key: &str) -> (String, Source) {
    let setting = config.show().iter().find(|s| s.key == key).expect("every key is shown");
    (setting.value.clone(), setting.source.clone())
}

#[test]
fn with_nothing_set_the_defaults_hold() {
    let config = Config::load(&Inputs::default()).expect("loads");
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.data, Path::new("/var/lib/countersign"));
    assert_eq!(config.database.url.expose(), "sqlite:/var/lib/countersign/countersign.db");
    assert_eq!(config.database.keys_url.expose(), "sqlite:/var/lib/countersign/keys.db");
    assert_eq!(config.log.dir, Path::new("/var/lib/countersign/log"));
    assert_eq!(config.limits.connections_max, 1024);
    assert_eq!(config.sandbox.delay.as_millis(), 400);
    assert!(config.smtp.is_none() && config.alerts.webhook.is_none() && config.alerts.mail_to.is_none() && config.name.is_none());
    assert_eq!(shown(&config, "database.url"), ("sqlite:/var/lib/countersign/countersign.db".into(), Source::Default));
    assert_eq!(config.show().len(), KEYS.len());
}

#[test]
fn flags_win_over_environment_over_file_over_default_and_each_value_knows_its_source() {
    let mut place = Place::new();
    let path = place.toml("organisation = \"file\"\ntime_zone = \"Europe/Berlin\"\n[limits]\ndrain_secs = 1\n");
    let config = place.load();
    assert_eq!(shown(&config, "organisation"), ("file".into(), Source::File(path)));
    assert_eq!(config.time_zone.iana_name(), Some("Europe/Berlin"));
    place.env("COUNTERSIGN_ORGANISATION", "env");
    place.env("COUNTERSIGN_LIMITS_DRAIN_SECS", "2");
    let config = place.load();
    assert_eq!(shown(&config, "organisation").1, Source::Env("COUNTERSIGN_ORGANISATION".into()));
    assert_eq!(config.limits.drain.as_secs(), 2);
    place.flag("organisation", "flag");
    assert_eq!(shown(&place.load(), "organisation"), ("flag".into(), Source::Flag));
    assert_eq!(shown(&place.load(), "limits.connections_max").1, Source::Default);
}

#[test]
fn the_file_may_be_named_by_the_environment_and_the_flag_wins() {
    let mut place = Place::new();
    let other = place.file("other.toml", "organisation = \"other\"", 0o644);
    place.env("COUNTERSIGN_CONFIG", other);
    assert_eq!(place.load().organisation.as_deref(), Some("other"));
    place.toml("organisation = \"flag\"");
    assert_eq!(place.load().organisation.as_deref(), Some("flag"));
}

#[test]
fn every_fault_is_reported_at_once() {
    let mut place = Place::new();
    place.inputs.serving = true;
    place.toml("lisen = \"x\"\nlimits = 3\n[smtp]\nport = \"25\"\n[limitz]\na = 1\n");
    place.env("COUNTERSIGN_TIMEZONE", "UTC");
    place.env("COUNTERSIGN_LIMITS_DRAIN_SECS", "many");
    let faults = place.faults();
    let has = |part: &str| assert!(faults.iter().any(|f| f.contains(part)), "{part} in {faults:#?}");
    has("no setting is called `lisen`");
    has("did you mean `listen`?");
    has("`limits` in");
    has("`smtp.port` in");
    has("no setting is called `limitz`");
    has("did you mean `COUNTERSIGN_TIME_ZONE`?");
    has("give a whole number from 0 to 600");
    has("`public_url` is not set");
    assert_eq!(faults.len(), 7, "{faults:#?}");
    assert!(faults.iter().all(|f| !f.contains('\n') && (f.contains(';'))), "{faults:#?}");
}

#[test]
fn the_public_url_is_https_or_this_machine_and_names_the_log() {
    for (text, host) in [
        ("https://countersign.example.org", "countersign.example.org"),
        ("https://10.0.0.1:8443", "10.0.0.1"),
        ("http://localhost:8080", "localhost"),
        ("http://127.0.0.1:8080", "127.0.0.1"),
    ] {
        let mut place = Place::new();
        place.inputs.serving = true;
        place.flag("public_url", text);
        let config = place.load();
        assert_eq!(config.public_url.as_ref().map(PublicUrl::host), Some(host));
        assert_eq!(config.origin(), Some(format!("{host}/audit/1")));
    }
    for (text, why) in [
        ("http://countersign.example.org", "https://"),
        ("http://127.0.0.1.example.org", "https://"),
        ("https://example.org/", "slash"),
        ("https://example.org/app", "whole site"),
        ("https://example.org?x", "whole site"),
        ("https://u:p@example.org", "user name"),
        ("https://Example.org", "lower case"),
        ("https://example.org:0", "port"),
        ("https://example.org:99999", "port"),
        ("https://", "host"),
        ("https://exämple.org", "xn--"),
        ("ftp://example.org", "https://"),
        ("countersign.example.org", "https://"),
    ] {
        let mut place = Place::new();
        place.flag("public_url", text);
        let said = place.fault();
        assert!(said.contains(why), "{text}: {said}");
    }
}

#[test]
fn an_ipv6_host_needs_a_name_for_the_log() {
    let mut place = Place::new();
    place.flag("public_url", "http://[::1]:8080");
    assert!(place.fault().contains("`name`"));
    place.flag("name", "audit.example.org");
    assert_eq!(place.load().origin().as_deref(), Some("audit.example.org/audit/1"));
}

#[test]
fn proxies_are_networks_in_a_list_or_between_commas() {
    let mut place = Place::new();
    place.toml("trusted_proxies = [\"10.0.0.0/8\", \"::1\"]");
    let config = place.load();
    assert_eq!(config.trusted_proxies.iter().map(Cidr::to_string).collect::<Vec<_>>(), ["10.0.0.0/8", "::1/128"]);
    place.env("COUNTERSIGN_TRUSTED_PROXIES", "192.168.1.0/24, 2001:db8::/32");
    let proxies = place.load().trusted_proxies;
    let trusted = |ip: &str| proxies.iter().any(|net| net.contains(ip.parse().expect("an address")));
    assert!(trusted("192.168.1.9") && trusted("::ffff:192.168.1.9") && trusted("2001:db8::7"));
    assert!(!trusted("192.168.2.9") && !trusted("2001:db9::7"));
    place.env("COUNTERSIGN_TRUSTED_PROXIES", "");
    assert!(place.load().trusted_proxies.is_empty());
    for (text, why) in [
        ("10.0.0.1/8", "did you mean `10.0.0.0/8`?"),
        ("0.0.0.0/0", "everyone"),
        ("10.0.0.0/33", "32 bits"),
        ("10.0.0.0/+8", "networks"),
        ("proxy.example.org", "networks"),
    ] {
        place.env("COUNTERSIGN_TRUSTED_PROXIES", text);
        assert!(place.fault().contains(why), "{text}");
    }
}

#[test]
fn mail_settings_are_checked_together() {
    let mut place = Place::new();
    place.toml("[smtp]\nhost = \"mail.example.org\"\nfrom = \"a@example.org\"\n");
    assert_eq!(place.load().smtp.expect("set").port, 587);
    place.toml("[smtp]\nhost = \"localhost\"\ntls = \"none\"\nfrom = \"A <a@example.org>\"\n");
    assert_eq!(place.load().smtp.expect("set").port, 25);
    for (text, why) in [
        ("[smtp]\nport = 25\n", "set both or neither"),
        ("[smtp]\nhost = \"mail.example.org\"\n", "`smtp.from`"),
        ("[smtp]\nhost = \"mail.example.org\"\nfrom = \"a@example.org\"\ntls = \"none\"\n", "another machine"),
        ("[smtp]\nhost = \"mail.example.org\"\nfrom = \"nobody\"\n", "mail address"),
        ("[smtp]\nhost = \"mail.example.org\"\nfrom = \"a@example.org\"\nusername = \"u\"\n", "`smtp.password_file`"),
        ("[smtp]\nhost = \"mail.example.org\"\nfrom = \"a@example.org\"\ntls = \"maybe\"\n", "one of: starttls"),
    ] {
        place.toml(text);
        assert!(place.fault().contains(why), "{text}");
    }
}

#[test]
fn alerts_that_could_not_be_told_are_refused() {
    let mail = "[smtp]\nhost = \"mail.example.org\"\nfrom = \"a@example.org\"\n";
    let mut place = Place::new();
    let long = place.file("long", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz\n", 0o600);
    let secret = format!("webhook_secret_file = \"{}\"\n", long.display());
    let hook = "webhook_url = \"https://hooks.example.org/x\"\n";
    place.toml(&format!("{mail}[alerts]\nmail_to = \"operations@example.org\"\n{hook}{secret}"));
    let config = place.load();
    assert_eq!(config.alerts.mail_to.as_deref(), Some("operations@example.org"));
    let webhook = config.alerts.webhook.clone().expect("set");
    assert_eq!((webhook.url.as_str(), webhook.secret.expose()), ("https://hooks.example.org/x", b"012345678901234567890123".as_slice()));
    assert_eq!(shown(&config, "alerts.webhook_secret").0, "********");
    assert_eq!(shown(&config, "alerts.webhook_url").0, "https://hooks.example.org/x");
    let short = place.file("short", "01234567890123456789012", 0o600);
    let short = format!("webhook_secret_file = \"{}\"\n", short.display());
    for (text, why) in [
        ("[alerts]\nmail_to = \"operations@example.org\"\n".to_owned(), "`smtp.host` is not"),
        (format!("{mail}[alerts]\nmail_to = \"nobody\"\n"), "mail address"),
        (format!("[alerts]\n{hook}"), "`alerts.webhook_secret_file`"),
        (format!("[alerts]\n{secret}"), "`alerts.webhook_url` is not"),
        (format!("[alerts]\n{hook}{short}"), "at least 24 bytes"),
        (format!("[alerts]\nwebhook_url = \"http://hooks.example.org\"\n{secret}"), "https://"),
        (format!("[alerts]\nwebhook_url = \"https://u:p@hooks.example.org\"\n{secret}"), "user name"),
    ] {
        place.toml(&text);
        let said = place.fault();
        assert!(said.contains(why) && !said.contains("0123456"), "{text}: {said}");
    }
    place.toml(&format!("[alerts]\nwebhook_url = \"http://127.0.0.1:9/x\"\n{secret}"));
    assert!(place.load().alerts.webhook.is_some());
}

#[test]
fn a_stream_that_could_not_be_safe_is_refused() {
    let mut place = Place::new();
    let long = place.file("long", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz\n", 0o600);
    let secret = format!("webhook_secret_file = \"{}\"\n", long.display());
    place.toml(&format!(
        "[stream]\nsyslog_host = \"siem.example.org\"\nsyslog_format = \"cef\"\nwebhook_url = \"https://siem.example.org/x\"\n{secret}file = \"/var/log/trail\"\n"
    ));
    let config = place.load();
    let syslog = config.stream.syslog.clone().expect("set");
    assert_eq!((syslog.host.as_str(), syslog.port, syslog.trust.is_some(), syslog.any_close), ("siem.example.org", 6514, true, false));
    assert!(config.stream.webhook.is_some() && config.stream.file.is_some());
    assert_eq!(shown(&config, "stream.webhook_secret").0, "********");
    for (text, why) in [
        ("syslog_host = \"siem.example.org\"\nsyslog_tls = \"none\"\n", "another machine"),
        ("syslog_host = \"127.0.0.1\"\nsyslog_tls = \"none\"\nsyslog_ca = \"/x\"\n", "leave one of them out"),
        ("syslog_host = \"siem.example.org:6514\"\n", "host name"),
        ("syslog_port = 1\n", "`stream.syslog_host` is not"),
        ("syslog_confirm = \"close\"\n", "`stream.syslog_host` is not"),
        ("webhook_url = \"https://siem.example.org/x\"\n", "`stream.webhook_secret_file`"),
        ("file = \"trail.jsonl\"\n", "the whole path"),
    ] {
        place.toml(&format!("[stream]\n{text}"));
        let said = place.fault();
        assert!(said.contains(why), "{text}: {said}");
    }
    place.toml(&format!("[stream]\nwebhook_url = \"http://siem.example.org/x\"\n{secret}"));
    assert!(place.fault().contains("https://"));
    place.toml("[stream]\nsyslog_host = \"127.0.0.1\"\nsyslog_tls = \"none\"\n");
    assert!(place.load().stream.syslog.is_some_and(|to| to.trust.is_none() && to.port == 601));
}

#[test]
fn empty_values_control_characters_and_bad_encodings_are_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    let mut place = Place::new();
    place.env("COUNTERSIGN_TIME_ZONE", "");
    assert!(place.fault().contains("is empty"));
    place.inputs.env.clear();
    place.env("COUNTERSIGN_ORGANISATION", "a\nb");
    assert!(place.fault().contains("control character"));
    place.env("COUNTERSIGN_ORGANISATION", OsString::from_vec(vec![0xff]));
    assert!(place.fault().contains("not UTF-8"));
}

#[test]
fn a_broken_or_absent_file_is_named_with_its_line_but_never_quoted() {
    let mut place = Place::new();
    place.toml("a = 1\n[smtp]\npassword = \"hunter2\n");
    let said = place.fault();
    assert!(said.contains("line 3") && !said.contains("hunter2"), "{said}");
    place.inputs.config = Some(place.path("absent.toml"));
    assert!(place.fault().contains("cannot be read"));
}

#[test]
fn variables_of_other_programs_are_left_alone() {
    let mut place = Place::new();
    place.env("PATH", "/bin");
    place.env("COUNTERSIGNATURE", "x");
    place.load();
}

#[test]
fn the_example_names_every_setting_and_changes_none() {
    let mut place = Place::new();
    let text = example();
    place.toml(&text);
    assert!(place.load().show().iter().all(|s| s.key == "data" || s.source == Source::Default));
    for key in KEYS {
        let name = key.name.rsplit('.').next().expect("a name");
        assert!(text.contains(&format!("\n#{name}")), "{}", key.name);
        assert!(text.contains(key.meaning), "{}", key.name);
    }
}

#[test]
fn the_example_with_its_comments_removed_has_the_right_names_and_shapes() {
    let mut place = Place::new();
    let open: String = example().lines().filter(|l| !l.starts_with("# ")).map(|l| l.trim_start_matches('#').to_owned() + "\n").collect();
    let (set, faults) = file::read(&open, Path::new("example"));
    assert!(faults.is_empty(), "{faults:#?}\n{open}");
    // A secret may come from a program instead; the example shows the file.
    assert_eq!(set.len(), load::names().iter().filter(|name| name.starts_with("keys.") || !name.ends_with("_command")).count());
    // What names a file that must be there, or needs one.
    let absent = [
        "username",
        "webhook_url",
        "account_sid",
        "sender = ",
        "policy = ",
        "roots = ",
        "url = \"http://timestamp",
        "url = \"http://100.64",
        "url = \"https://api.sms-gate",
        "device = ",
    ];
    let plain: String = open.lines().filter(|l| !l.contains("_file = ") && !absent.iter().any(|a| l.starts_with(a))).map(|l| l.to_owned() + "\n").collect();
    place.inputs.serving = true;
    place.toml(&plain);
    place.load();
}

#[test]
fn the_environment_of_a_process_brings_only_our_variables() {
    let env: BTreeMap<OsString, OsString> = Inputs::from_process().env;
    assert!(env.keys().all(|name| name.to_string_lossy().starts_with("COUNTERSIGN_")));
}
