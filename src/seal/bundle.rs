//! What the archive of a seal holds beside the artifacts: the logs, `seal.json`, the proof that the trail has its entry, the
//! receipt, its documents, and sums for `sha256sum -c`.
//! Must stay true: every file is named by `SHA256SUMS` but that one; the two logs, `seal.json` and the documents are the seal's.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::{Artifact, Sealed, dod};

/// Everything the seal says, in canonical JSON.
pub const SEAL: &str = "seal.json";
/// The sums of all files.
pub const SUMS: &str = "SHA256SUMS";
/// The entry of the trail, as it was hashed.
pub const ENTRY: &str = "trail/entry.json";
/// That the trail has it.
pub const PROOF: &str = "trail/entry.tlog-proof";
/// The key of the log, as the server says it is.
pub const VKEY: &str = "trail/vkey";

/// The entry with its proof; none once it was pruned.
#[derive(Clone, Debug)]
pub struct Proven {
    /// The leaf.
    pub leaf: Vec<u8>,
    /// A `.tlog-proof` file.
    pub proof: String,
    /// The verifier key.
    pub vkey: String,
}

/// Files with their paths in the archive.
pub type Beside = Vec<(String, Vec<u8>)>;

/// The folder of the archive.
#[must_use]
pub fn folder(seal: &Sealed) -> String {
    format!("cmmc-seal-{}-{}", seal.status_date, seal.id)
}

/// Every file beside the artifacts, the sums last.
#[must_use]
pub fn beside(body: Vec<u8>, artifacts: &[Artifact], documents: Vec<(String, Vec<u8>)>, proven: Option<Proven>, [readme, receipt]: [String; 2]) -> Beside {
    let log = dod::log(artifacts.iter().map(|a| (a.sha256.as_str(), a.file.as_str())));
    let digest = hex::encode(Sha256::digest(&log));
    let named = |(name, bytes): (&str, Vec<u8>)| (name.to_owned(), bytes);
    let mut files: Beside = [
        ("README.txt", readme.into_bytes()),
        ("receipt.html", receipt.into_bytes()),
        (dod::ARTIFACTS_LOG, log.into_bytes()),
        (dod::HASH_LOG, dod::hash_log(&digest).into_bytes()),
        (SEAL, body),
    ]
    .map(named)
    .into();
    files.extend(documents);
    if let Some(proven) = proven {
        files.extend([(ENTRY, proven.leaf), (PROOF, proven.proof.into_bytes()), (VKEY, proven.vkey.into_bytes())].map(named));
    }
    let mut sums = String::new();
    let others = files.iter().map(|(name, bytes)| (hex::encode(Sha256::digest(bytes)), name.as_str()));
    for (sum, name) in artifacts.iter().map(|a| (a.sha256.clone(), a.file.as_str())).chain(others) {
        // Writing to a String cannot fail.
        let _ = writeln!(sums, "{sum}  {name}");
    }
    files.push((SUMS.to_owned(), sums.into_bytes()));
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_name_every_file_but_themselves() {
        let artifact = |place: i64| Artifact { place, file: format!("artifacts/{place}.txt"), sha256: "ab".repeat(32), size: 1 };
        let proven = Proven { leaf: b"{}".to_vec(), proof: "p".into(), vkey: "k".into() };
        let files =
            beside(b"{}".to_vec(), &[artifact(1), artifact(2)], vec![("documents/a.json".into(), b"[]".to_vec())], Some(proven), ["r".into(), "h".into()]);
        let (last, sums) = files.last().expect("the sums");
        let sums = String::from_utf8(sums.clone()).expect("text");
        assert_eq!(last, SUMS);
        let named: Vec<_> = sums.lines().map(|l| l.split("  ").nth(1).expect("a name")).collect();
        let mut expected = vec!["artifacts/1.txt", "artifacts/2.txt"];
        expected.extend(files.iter().map(|(name, _)| name.as_str()).filter(|n| *n != SUMS));
        assert_eq!(named, expected);
        assert!(!sums.contains(&"0".repeat(64)));
    }
}
