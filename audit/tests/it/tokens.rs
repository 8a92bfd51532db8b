//! Time-stamp tokens that OpenSSL made (`vectors/tokens/make.sh`): good ones are read whatever signed them, each way of being
//! wrong is told, and no flipped bit makes one say something else.

use std::{fs, sync::OnceLock};

use countersign_audit::{
    verify::{
        certificate::Roots,
        token::{Stamp, Token, granted},
    },
    write::token::request,
};

use crate::both::Cases;
use crate::support::{Export, ORIGIN, key, log, signed};

pub fn vector(name: &str) -> Vec<u8> {
    fs::read(format!("{}/tests/vectors/tokens/{name}", env!("CARGO_MANIFEST_DIR"))).expect("there")
}

pub fn roots(name: &str) -> String {
    String::from_utf8(vector(name)).expect("PEM")
}

/// An export of 300 entries with this token over its checkpoint.
pub fn stamped(token: &[u8]) -> Export {
    let mut export = Export::new(log(300), true);
    export.files.insert("tokens/300.note".to_owned(), signed(&log(300)).into_bytes());
    export.files.insert("tokens/300.token".to_owned(), token.to_vec());
    export
}

/// What a token over the golden checkpoint of 300 says.
fn says(token: &[u8], roots: &Roots) -> Result<Option<Stamp>, String> {
    static NOTE: OnceLock<String> = OnceLock::new();
    let note = NOTE.get_or_init(|| signed(&log(300)));
    let token = Token::open(token, note.as_bytes()).map_err(|error| error.to_string())?;
    token.trusted(roots).map(|said| said.cloned()).map_err(|error| error.to_string())
}

#[test]
fn tokens_of_openssl_are_read_whatever_signed_them() {
    let roots = Roots::parse(&roots("roots.crt")).expect("certificates");
    for (name, tsa) in [("rsa", "rsa-tsa.example"), ("p256", "ec-tsa.example"), ("p384", "p384-tsa.example"), ("older-binding", "ec-tsa.example")] {
        let stamp = says(&vector(&format!("{name}.token")), &roots).expect(name).expect("it leads to a root");
        assert_eq!((stamp.tsa.as_str(), stamp.policy.as_str()), (tsa, "1.3.6.1.4.1.32473.1"), "{name}");
        assert!((1_790_000_000..1_800_000_000).contains(&stamp.time) && stamp.nonce.is_some(), "{stamp:?}");
    }
}

#[test]
fn each_way_of_being_wrong_is_told() {
    let trusted = Roots::parse(&roots("roots.crt")).expect("certificates");
    for (name, told) in [
        ("five", "its hash is another"),
        ("no-purpose", "not marked, critically, for time-stamps alone"),
        ("not-critical", "not marked, critically, for time-stamps alone"),
        ("two-purposes", "not marked, critically, for time-stamps alone"),
        ("expired", "holds from 2020-01-01T00:00:00Z to 2020-12-31T23:59:59Z"),
        ("future", "holds from 2090-01-01T00:00:00Z"),
        ("no-authority", "not that of an authority"),
        ("no-statement", "DER"),
        ("not-bound", "does not name its certificate"),
    ] {
        let error = says(&vector(&format!("{name}.token")), &trusted).expect_err(name);
        assert!(error.contains(told), "{name}: {error}");
    }
    assert_eq!(says(&vector("strange.token"), &trusted), Ok(None), "another root");
    let strange = Roots::parse(&roots("strange.crt")).expect("a certificate");
    assert_eq!(says(&vector("p256.token"), &strange), Ok(None));
    assert!(says(&vector("strange.token"), &strange).expect("good").is_some());
    for bad in ["", "x", "-----BEGIN CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"] {
        assert!(Roots::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_signature_by_another_key_does_not_pass_for_that_of_the_certificate() {
    let trusted = Roots::parse(&roots("roots.crt")).expect("certificates");
    // The signature is the last thing in a token: that of a second token under the first one's certificate.
    let (good, other) = (vector("p256.token"), vector("older-binding.token"));
    let mut mixed = good[..good.len() - 64].to_vec();
    mixed.extend(&other[other.len() - 64..]);
    assert!(says(&mixed, &trusted).is_err());
    for cut in 0..good.len() {
        assert!(says(&good[..cut], &trusted).is_err(), "cut at {cut}");
    }
    assert!(says(&[good, vec![0]].concat(), &trusted).is_err(), "something behind it");
}

#[test]
fn no_flipped_bit_makes_a_token_say_something_else() {
    let trusted = Roots::parse(&roots("roots.crt")).expect("certificates");
    for name in ["p256.token", "rsa.token"] {
        let good = vector(name);
        let stamp = says(&good, &trusted).expect("good").expect("trusted");
        let mut harmless = 0;
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            match says(&bad, &trusted) {
                Ok(Some(said)) if said == stamp => harmless += 1,
                Ok(Some(said)) => panic!("bit {bit} of {name}: {said:?}"),
                Ok(None) | Err(_) => {}
            }
        }
        // Versions, and the list of hashes in front, which nobody signs.
        assert!(harmless < 400, "{name}: {harmless}");
    }
}

#[test]
fn both_verifiers_judge_damaged_tokens_alike() {
    let Some(mut cases) = Cases::new("tokens-damaged") else { return };
    let file = cases.file("roots.pem", roots("roots.crt").as_bytes());
    let whole = stamped(&[]);
    let own = key().vkey(ORIGIN);
    cases.ask("no roots file", &whole, &["--key", &own, "--tsa-roots", "/nonexistent/roots"], 2);
    cases.ask("an empty token that nobody asks for", &whole, &["--key", &own], 0);
    let (trusted, vkey) = (Roots::parse(&roots("roots.crt")).expect("certificates"), key().vkey(ORIGIN));
    for name in ["p256.token", "rsa.token"] {
        let good = vector(name);
        for bit in (0..good.len() * 8).step_by(151) {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let exit = match says(&bad, &trusted) {
                Ok(Some(_)) => 0,
                Ok(None) => 3,
                Err(_) => 1,
            };
            let mut export = whole.clone();
            export.files.insert("tokens/300.token".to_owned(), bad);
            export.files.retain(|path, _| !path.starts_with("tile/0") && !path.starts_with("tile/1"));
            cases.ask(format!("{name}: bit {bit}"), &export, &["--key", &vkey, "--tsa-roots", &file], exit);
        }
    }
    cases.judge();
}

#[test]
fn a_request_is_one_and_an_answer_is_taken_apart() {
    let made = request(&[7; 32], &[0xff, 1, 2, 3, 4, 5, 6, 7], Some("1.3.6.1.4.1.32473.1")).expect("a policy");
    let query = std::env::temp_dir().join(format!("countersign-query-{}", std::process::id()));
    fs::write(&query, &made).expect("written");
    let shown = std::process::Command::new("openssl").args(["ts", "-query", "-in"]).arg(&query).arg("-text").output().expect("OpenSSL runs");
    let _ = fs::remove_file(&query);
    let shown = String::from_utf8(shown.stdout).expect("UTF-8");
    for part in ["Version: 1", "Hash Algorithm: sha256", "Policy OID: 1.3.6.1.4.1.32473.1", "Nonce: 0xFF01020304050607", "Certificate required: yes"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    for bad in ["", "1", "1.2.x", "3.1", "1.40", "1.2.", "1..2"] {
        assert!(request(&[7; 32], &[1; 8], Some(bad)).is_err(), "{bad}");
    }
    let token = vector("p256.token");
    let answer = |status: u8| {
        let inside = [&[0x30, 3, 2, 1, status][..], &token].concat();
        let length = u16::try_from(inside.len()).expect("short").to_be_bytes();
        [&[0x30, 0x82, length[0], length[1]][..], &inside].concat()
    };
    for status in [0, 1] {
        assert_eq!(granted(&answer(status)), Ok(token.as_slice()));
    }
    for status in [2, 3, 4, 5] {
        assert!(granted(&answer(status)).is_err());
    }
    assert!(granted(&[0x30, 5, 0x30, 3, 2, 1, 0]).is_err(), "granted without a token");
}
