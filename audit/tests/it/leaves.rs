//! The leaf grammar: what the writer makes the verifier takes, and nothing that is only like it.
//! Each near miss is refused with a word that names it.

use std::collections::BTreeMap;

use countersign_audit::{
    verify::{json, leaf::Leaf},
    write::{self, event::Event, json::Value},
};
use proptest::prelude::*;

use crate::support::{ORIGIN, chain, event};

fn refusal(leaf: &str) -> String {
    let refused = Leaf::parse(leaf.as_bytes()).and_then(|leaf| leaf.check(ORIGIN));
    refused.err().map(|e| e.to_string()).unwrap_or_default()
}

#[test]
fn near_misses_are_refused_and_named() {
    let leaf = String::from_utf8(chain([event(0), event(1)].map(|e| e.body().expect("proper"))).remove(1)).expect("UTF-8");
    assert_eq!(refusal(&leaf), "");
    let surrogate = r#""node":"\ud800""#;
    for (from, to, named) in [
        (r#""node":"a""#, r#""node":"a","node":"a""#, "stands twice"),
        (r#""node":"a""#, r#""node":"a","zz":1"#, "out of order"),
        (r#""node":"a""#, r#""node":"a","nodf":1"#, "`nodf` is not one of format version 1"),
        (r#""node":"a""#, r#""node":null"#, "`node`: not a string"),
        (r#""node":"a""#, surrogate, "not canonical JSON"),
        (r#""node":"a""#, r#""node":"\u0061""#, "another byte form"),
        (r#""node":"a""#, r#""node":"\/""#, "another byte form"),
        (r#""node":"a""#, r#""node": "a""#, "another byte form"),
        (r#""node":"a""#, "\"node\":\"a\"\r\n", "another byte form"),
        (r#""node":"a","#, "", "`node` is missing"),
        (r#""len":12"#, r#""len":12.0"#, "not a plain integer"),
        (r#""len":12"#, r#""len":1e1"#, "not a plain integer"),
        (r#""len":12"#, r#""len":-0"#, "not a plain integer"),
        (r#""len":12"#, r#""len":012"#, "not canonical JSON"),
        (r#""len":12"#, r#""len":-1"#, "from 0 on"),
        (r#""len":12"#, r#""len":9007199254740992"#, "outside ±(2^53"),
        (r#""bytes":-9007199254740991"#, r#""bytes":-9007199254740992"#, "outside ±(2^53"),
        (r#""bytes":-9007199254740991"#, r#""bytes":18446744073709551616"#, "not a plain integer"),
        (r#""urgent":true"#, r#""Urgent":true"#, "`Urgent` is not allowed"),
        (r#""urgent":true"#, r#""_seq":true"#, "`_seq` is not allowed"),
        (r#""outcome":"ok""#, r#""outcome":"OK""#, "one of ok, denied"),
        (r#""v":1"#, r#""v":2"#, "`v`: not 1"),
        (r#""v":1}"#, r#""v":1} "#, "another byte form"),
        (r#""v":1}"#, r#""v":1}{}"#, "not canonical JSON"),
        (r#""log":"countersign.example/audit/1""#, r#""log":"countersign.example/audit/2""#, "the log is"),
        (r#""action":"user.role.grant""#, r#""action":"user""#, "`action`: not `domain.act`"),
        (r#""action":"user.role.grant""#, r#""action":"user..grant""#, "`action`: not `domain.act`"),
        (r#""type":"message""#, r#""type":"Message""#, "`resource`: `type`: not `[a-z]"),
        (r#""refs":["evt_x","ev_1"]"#, r#""refs":[]"#, "`refs`: not a list with at least one item"),
        (r#""id":"evt_"#, r#""id":"EVT_"#, "`id`: not `evt_`"),
        (r#""_seq":1,"#, r#""_seq":"1","#, "`_seq` is missing or not a number"),
        (r#"00003Z""#, r#"00003z""#, "`ts`: not a UTC time"),
        (r#"00003Z""#, r#"0003Z""#, "`ts`: not a UTC time"),
        (r#""_prev":""#, r#""_prev":"A"#, "`_prev`:"),
    ] {
        assert!(leaf.contains(from), "{from} is in {leaf}");
        let refused = refusal(&leaf.replacen(from, to, 1));
        assert!(refused.contains(named), "{to}: `{refused}`");
    }
    assert!(refusal(&leaf.replacen(r#""node":"a""#, &format!(r#""node":"{}""#, "a".repeat(65_536)), 1)).contains("longer"));
    let deep = format!(r#""urgent":{}1{}"#, "[".repeat(200), "]".repeat(200));
    assert!(refusal(&leaf.replacen(r#""urgent":true"#, &deep, 1)).contains("nested too deeply"));
}

#[test]
fn a_second_base64_form_of_the_same_hash_is_refused() {
    let leaf = String::from_utf8(chain([event(1).body().expect("proper")]).remove(0)).expect("UTF-8");
    let start = leaf.find(r#""_prev":""#).expect("there") + 9;
    for other in ["AB=", "AA", "A==", "A=\n", "-A="] {
        let altered = format!("{}{other}{}", &leaf[..start + 41], &leaf[start + 44..]);
        assert!(refusal(&altered).contains("_prev") || refusal(&altered).contains("JSON"), "{altered}");
    }
}

#[test]
fn the_writer_refuses_what_the_verifier_would() {
    let refused = |change: &dyn Fn(&mut Event)| {
        let mut event = event(1);
        change(&mut event);
        event.body().expect_err("refused").to_string()
    };
    assert!(refused(&|e| e.log = "a b".into()).contains("`log`"));
    assert!(refused(&|e| e.id = "evt_1".into()).contains("`id`"));
    assert!(refused(&|e| e.action = "send".into()).contains("`action`"));
    assert!(refused(&|e| e.category = String::new()).contains("`category`"));
    assert!(refused(&|e| e.actor.kind = "Person".into()).contains("`actor.type`"));
    assert!(refused(&|e| e.mono_us = 1 << 53).contains("`mono_us`"));
    assert!(refused(&|e| e.payload[0].len = 1 << 53).contains("`payload.len`"));
    assert!(refused(&|e| e.ts_us = i64::MAX).contains("`ts`"));
    assert!(refused(&|e| e.reason = Some("x".repeat(65_536))).contains("65535"));
    assert!(refused(&|e| drop(e.data.insert("X".into(), Value::Null))).contains("`X`"));
    let nested = (0..15).fold(Value::Null, |v, _| Value::List(vec![v]));
    assert!(refused(&|e| drop(e.data.insert("x".into(), nested.clone()))).contains("nested"));
}

fn value() -> impl Strategy<Value = Value> {
    let max = write::json::INTEGER_MAX;
    let scalar = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::Bool), (-max..=max).prop_map(Value::Int), any::<String>().prop_map(Value::Text),];
    scalar.prop_recursive(8, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::btree_map("[a-z][a-z0-9_]{0,6}", inner, 0..4).prop_map(Value::Map),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_writer_makes_the_verifier_takes(
        kind in 0_u64..3, texts in prop::array::uniform8(any::<String>()),
        ts_us in -62_167_219_200_000_000_i64..=253_402_300_799_999_999,
        data in prop::collection::btree_map("[a-z][a-z0-9_]{0,6}", value(), 0..4),
    ) {
        let mut event = event(kind);
        let [boot, node, build, reason, session, field, name, reference] = texts;
        (event.boot, event.node, event.app.build, event.reason) = (boot, node, build, Some(reason));
        (event.actor.session, event.ts_us, event.data) = (Some(session), ts_us, data);
        event.change.iter_mut().for_each(|c| c.field.clone_from(&field));
        event.payload.iter_mut().for_each(|p| p.name.clone_from(&name));
        event.refs.push(reference);
        let leaf = chain([event.body().expect("a proper event")]).remove(0);
        let parsed = Leaf::parse(&leaf);
        prop_assert!(parsed.is_ok(), "{parsed:?}");
        prop_assert_eq!(parsed.and_then(|l| l.check(ORIGIN)), Ok(()));
        let outside: serde_json::Value = serde_json::from_slice(&leaf).expect("JSON");
        prop_assert_eq!(outside["node"].as_str(), Some(&*event.node));
    }

    #[test]
    fn both_renderings_are_the_same(value in value()) {
        let bytes = value.canonical().expect("in range");
        let read = json::read(&bytes).expect("canonical");
        prop_assert_eq!(json::render(&read).into_bytes(), bytes);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Leaf::parse(&bytes);
    }
}

#[test]
fn a_map_of_nothing_is_a_map() {
    assert_eq!(json::render(&json::Value::Map(BTreeMap::new())), "{}");
    assert_eq!(json::render(&json::Value::List(Vec::new())), "[]");
}
