//! That the short way passes what is fine, and never what the long way refuses: every byte changed, fields and pieces swapped.
//! Whoever changes the table of a leaf must change both, or these fail.

use proptest::prelude::*;

use super::*;

const ORIGIN: &str = "countersign.example/audit/1";
const QUOTED: &str = "\"countersign.example/audit/1\"";

/// Leaves of the golden vector, at their places.
fn golden() -> Vec<(u64, Vec<u8>)> {
    let mut out = Vec::new();
    for name in ["000", "001.p/44"] {
        let path = format!("{}/tests/vectors/three-hundred/tile/entries/{name}", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).expect("a vector");
        let mut rest = bytes.as_slice();
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let (leaf, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
            out.push((out.len() as u64, leaf.to_vec()));
            rest = after;
        }
    }
    assert_eq!(out.len(), 300);
    out
}

/// What is passed here the long way passes too, and reads the same.
fn agrees(leaf: &[u8], seq: u64) -> bool {
    let Some(seen) = look(leaf, seq, QUOTED.as_bytes()) else { return false };
    let long = Leaf::parse(leaf).expect("the long way reads it");
    long.check(ORIGIN).expect("the long way passes it");
    assert_eq!((long.seq, long.text("ts")), (seq, Some(seen.ts)));
    assert_eq!((long.text("boot"), long.number("mono_us")), (Some(seen.boot), Some(seen.mono)));
    assert_eq!(base64::encode(&long.prev).as_bytes(), seen.prev);
    assert_eq!(long.rotation(ORIGIN), Ok(None));
    true
}

#[test]
fn what_is_as_it_must_be_is_passed() {
    for (seq, leaf) in golden() {
        assert!(agrees(&leaf, seq), "{}", String::from_utf8_lossy(&leaf));
        assert!(look(&leaf, seq + 1, QUOTED.as_bytes()).is_none());
        assert!(look(&leaf, seq, b"\"other.example/audit/1\"").is_none());
    }
}

#[test]
fn no_changed_byte_is_passed_that_the_long_way_refuses() {
    let interesting = b"\"\\{}[]:,-0189aAzZ_.+/= \t\x00\x1f\x7f\x80\xc3\xff";
    for (seq, leaf) in golden().into_iter().take(3) {
        for at in 0..leaf.len() {
            for byte in interesting {
                let mut changed = leaf.clone();
                changed[at] = *byte;
                agrees(&changed, seq);
                changed.insert(at, *byte);
                agrees(&changed, seq);
            }
            let mut cut = leaf.clone();
            cut.remove(at);
            agrees(&cut, seq);
        }
    }
}

#[test]
fn no_swapped_field_or_piece_is_passed_that_the_long_way_refuses() {
    let pieces = [
        "\"v\":1",
        "\"v\":2",
        "{}",
        "[]",
        "null",
        "\"\"",
        "\"a\":1,",
        ",",
        "\"data\":{\"a\":-0},",
        "\"data\":{\"a\":-1,\"b\":[{}]},",
        "\"data\":{},",
        "\"data\":{\"b\":1,\"a\":1},",
        "\"data\":{\"a\":1,\"a\":1},",
        "\"data\":{\"_a\":1},",
        "\"data\":{\"a\":9007199254740992},",
        "\"data\":{\"a\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]},",
        "\"data\":{\"a\":\"\\u0008\"},",
        "\"data\":{\"a\":\"\\u001f\\u000b\"},",
        "\"data\":{\"a\":\"\\u001F\"},",
        "\"data\":{\"a\":01},",
        "\"data\":{\"a\":1.0},",
        "\"net\":{},",
        "\"refs\":[],",
        "\"refs\":[\"x\",],",
        "epoch.rotate",
        "2024-02-30T00:00:00.000000Z",
    ];
    let mut passed = 0;
    for (seq, leaf) in golden().into_iter().take(3) {
        let text = String::from_utf8(leaf).expect("UTF-8");
        let ends: Vec<usize> = text.char_indices().filter(|(_, c)| matches!(c, '"' | ',' | ':' | '{' | '}')).map(|(at, _)| at).collect();
        for from in &ends {
            for piece in pieces {
                passed += usize::from(agrees(format!("{}{piece}{}", &text[..*from], &text[*from..]).as_bytes(), seq));
                for to in ends.iter().filter(|to| *to > from && **to < from + 60) {
                    passed += usize::from(agrees(format!("{}{piece}{}", &text[..*from], &text[*to..]).as_bytes(), seq));
                }
            }
        }
    }
    assert!(passed > 100, "some of it is fine: {passed}");
}

proptest! {
    #[test]
    fn what_is_in_canonical_form_is_passed(node in ".{0,40}", key in "[a-z][a-z0-9_]{0,8}", text in any::<String>(), number in any::<i64>()) {
        let data = [(key, Value::Text(text)), ("zz_n".to_owned(), Value::Int(number % (1 << 53)))].into();
        let (data, node) = (render(&Value::Map(data)), render(&Value::Text(node)));
        let body = format!(
            r#""action":"a.b","actor":{{"type":"system"}},"app":{{"build":"b","ver":"0"}},"boot":"b","category":"system","data":{data},"id":"evt_{:032x}","log":"{ORIGIN}","mono_us":0,"node":{node},"outcome":"ok","resource":{{"type":"server"}},"ts":"2026-01-15T12:00:00.000000Z","v":1}}"#,
            7
        );
        let leaf = format!(r#"{{"_prev":"{}=","_seq":5,{body}"#, "A".repeat(43));
        prop_assert!(agrees(leaf.as_bytes(), 5));
    }
}
