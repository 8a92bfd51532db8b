//! Nasty values in every format: each is taken apart again by its own rules, and what went in comes out.

use proptest::prelude::*;

use super::*;

const NASTY: &str = "a|b=c\\d\n]\"e\r\u{0}[x y=\"z\"]\u{1b} ünïcödé \u{2028}|cs9=x \\n";

/// What the escapers keep: everything but control characters that a format has no way to write.
fn kept(text: &str, but: &[char]) -> String {
    text.chars().map(|c| if c.is_control() && !but.contains(&c) { ' ' } else { c }).collect()
}

type Read = (String, Vec<(String, String)>, String);

/// The structured data of a message, read by the rules of RFC 5424: its name, its parameters, what comes after it.
fn read_data(message: &str) -> Option<Read> {
    let mut chars = message.splitn(7, ' ').nth(6)?.strip_prefix('[')?.chars();
    let mut name = String::new();
    let mut params = Vec::new();
    let mut next = chars.next()?;
    while next != ' ' && next != ']' {
        name.push(next);
        next = chars.next()?;
    }
    while next == ' ' {
        let key: String = chars.by_ref().take_while(|c| *c != '=').collect();
        (chars.next()? == '"').then_some(())?;
        let mut value = String::new();
        loop {
            match chars.next()? {
                '\\' => value.push(chars.next()?),
                '"' => break,
                c => value.push(c),
            }
        }
        params.push((key, value));
        next = chars.next()?;
    }
    (next == ']' && chars.next()? == ' ').then_some(())?;
    Some((name, params, chars.collect()))
}

/// The seven parts of CEF's head, and its extension.
fn read_cef(line: &str) -> Option<(Vec<String>, String)> {
    let mut parts = vec![String::new()];
    let mut chars = line.chars();
    while parts.len() < 8 {
        match chars.next()? {
            '\\' => parts.last_mut()?.push(chars.next()?),
            '|' => parts.push(String::new()),
            c => parts.last_mut()?.push(c),
        }
    }
    parts.pop();
    Some((parts, chars.collect()))
}

/// The pairs of CEF's extension: a key is the word before a bare `=`.
fn read_extension(text: &str) -> Vec<(String, String)> {
    let chars: Vec<char> = text.chars().collect();
    let bare: Vec<usize> = (0..chars.len()).filter(|at| chars[*at] == '=' && chars[..*at].iter().rev().take_while(|c| **c == '\\').count() % 2 == 0).collect();
    let key_start = |at: usize| chars[..at].iter().rposition(|c| *c == ' ').map_or(0, |space| space + 1);
    let ends = bare.iter().skip(1).map(|at| key_start(*at) - 1).chain([chars.len()]);
    let unescape = |raw: &[char]| {
        let mut out = String::new();
        let mut rest = raw.iter();
        while let Some(c) = rest.next() {
            match (c, c == &'\\') {
                (_, true) => match rest.next() {
                    Some('n') => out.push('\n'),
                    Some('r') => out.push('\r'),
                    Some(c) => out.push(*c),
                    None => {}
                },
                (c, false) => out.push(*c),
            }
        }
        out
    };
    bare.iter().zip(ends).map(|(at, end)| (chars[key_start(*at)..*at].iter().collect(), unescape(&chars[at + 1..end]))).collect()
}

fn event(nasty: &str) -> Event {
    Event {
        seq: 7,
        hash: "aGFzaA==".into(),
        action: "trail.read".into(),
        outcome: "ok".into(),
        node: nasty.into(),
        object_id: nasty.into(),
        ts: "2026-01-15T12:00:00.000001Z".into(),
        at_ms: 1_768_478_400_000,
        ..Event::default()
    }
}

#[test]
fn a_message_has_the_header_of_rfc_5424() {
    let event = Event { boot: "b00t".into(), ..event("x") };
    let message = of_entry(&event, "example.org/audit/1", "{\"a\":1}");
    let head = "<110>1 2026-01-15T12:00:00.000001Z example.org countersign b00t trail.read ";
    assert_eq!(message, format!("{head}[entry@32473 seq=\"7\" leaf=\"aGFzaA==\" origin=\"example.org/audit/1\"] {{\"a\":1}}"));
    let bare = of_checkpoint("example.org/audit/1", 8, "", "", "note");
    assert_eq!(bare, "<110>1 - example.org countersign - checkpoint [checkpoint@32473 origin=\"example.org/audit/1\" size=\"8\"] note");
    let denied = of_entry(&Event { outcome: "denied".into(), ..event }, "o", "");
    assert!(denied.starts_with("<109>1 "));
}

#[test]
fn nasty_values_end_neither_their_field_nor_their_message() {
    let message = of_checkpoint(NASTY, 1, NASTY, "", "the text");
    assert!(message.chars().all(|c| !c.is_control()), "{message:?}");
    let (name, params, rest) = read_data(&message).expect("well formed");
    assert_eq!((name.as_str(), rest.as_str()), (CHECKPOINT_SD, "the text"));
    assert_eq!(params[0].1, kept(NASTY, &[]));
    let line = cef(&event(NASTY), NASTY);
    assert!(line.chars().all(|c| !c.is_control()), "{line:?}");
    let pairs = read_extension(&read_cef(&line).expect("well formed").1);
    let get = |key: &str| pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone()).unwrap_or_default();
    for key in ["dvchost", "cs2", "cs4"] {
        assert_eq!(get(key), kept(NASTY, &['\n', '\r']), "{key}: {line}");
    }
    assert_eq!((get("cn1"), get("cs1"), get("act")), ("7".into(), "aGFzaA==".into(), "trail.read".into()));
    assert!(pairs.iter().all(|(k, _)| k != "cs9"), "no value makes a field: {line}");
}

#[test]
fn every_act_of_the_policy_has_a_class_and_those_that_matter_most_have_the_right_one() {
    for (action, class, activity) in [
        ("person.disable", 3001, 5),
        ("session.login", 3002, 1),
        ("session.logout", 3002, 2),
        ("evidence.upload", 3004, 1),
        ("person.grant", 3005, 1),
        ("message.send", 6003, 1),
        ("trail.export", 1008, 3),
        ("stream.configure", 1008, 99),
        ("no.such", 6003, 99),
    ] {
        assert_eq!(class_of(action), (class, activity), "{action}");
    }
    let policy: toml::Table = toml::from_str(include_str!("../../../policies/access.toml")).expect("TOML");
    for action in policy["act"].as_table().expect("a table").keys() {
        let event = Event { action: action.clone(), object_type: "person".into(), actor_type: "system".into(), ..event("n") };
        let read: Value = serde_json::from_str(&ocsf(&event, "o/audit/1", "{}")).expect("JSON");
        let class = read["class_uid"].as_i64().expect("a class");
        assert!([1008, 3001, 3002, 3004, 3005, 6003].contains(&class));
        assert_eq!(read["category_uid"], class / 1000);
        assert_eq!(read["type_uid"].as_i64(), read["activity_id"].as_i64().map(|a| class * 100 + a));
        let needs: &[&str] = match class {
            3001 | 3002 => &["user"],
            3004 => &["entity"],
            3005 => &["user", "privileges"],
            6003 => &["actor", "api", "src_endpoint"],
            _ => &["log_name", "device"],
        };
        for need in needs.iter().chain(&["metadata", "time", "severity_id", "unmapped"]) {
            assert!(!read[need].is_null(), "{action} lacks {need}");
        }
    }
}

#[test]
fn an_event_of_ocsf_carries_the_leaf_and_its_hash() {
    let leaf = "{\"_prev\":\"x\",\"a\":\"ü\\n\"}";
    let read: Value = serde_json::from_str(&ocsf(&event(NASTY), "o/audit/1", leaf)).expect("JSON");
    assert_eq!(read["raw_data"], leaf);
    assert_eq!((read["unmapped"]["leaf_hash"].as_str(), read["unmapped"]["seq"].as_i64()), (Some("aGFzaA=="), Some(7)));
    assert_eq!(read["device"]["hostname"], NASTY, "JSON keeps what the others cannot");
}

proptest! {
    #[test]
    fn structured_data_comes_out_as_it_went_in(text in "\\PC{0,40}|[\\[\\]\"\\\\= \n]{0,20}") {
        let message = of_checkpoint(&text, 1, "b", "", "m");
        let (_, params, rest) = read_data(&message).expect("well formed");
        prop_assert_eq!(&params[0].1, &kept(&text, &[]));
        prop_assert_eq!(params.len(), 2);
        prop_assert_eq!(rest, "m");
    }

    #[test]
    fn the_head_of_cef_comes_out_as_it_went_in(text in "\\PC{0,40}|[|\\\\= \n]{0,20}") {
        let line = cef_line(&text, &text, "n", 3, &[("a", "b")]);
        let (parts, rest) = read_cef(&line).expect("well formed");
        prop_assert_eq!(&parts[3], &kept(&text, &[]));
        prop_assert_eq!(&parts[4], &parts[3]);
        prop_assert_eq!(parts.len(), 7);
        prop_assert_eq!(rest, "a=b");
    }

    #[test]
    fn an_extension_of_cef_comes_out_as_it_went_in(text in "\\PC{1,40}|[|\\\\= \n\r]{1,20}", other in "[a-z|=\\\\ ]{1,10}") {
        let line = cef_line("1", "i", "n", 3, &[("one", &text), ("two", &other)]);
        let pairs = read_extension(&read_cef(&line).expect("well formed").1);
        prop_assert_eq!(pairs, vec![("one".to_owned(), kept(&text, &['\n', '\r'])), ("two".to_owned(), other)]);
    }

    #[test]
    fn a_header_is_visible_ascii_within_its_limit(text in "\\PC{0,400}") {
        let out = printable(&text, MSGID_MAX);
        prop_assert!(!out.is_empty() && out.len() <= MSGID_MAX && out.bytes().all(|b| b.is_ascii_graphic()));
    }
}
