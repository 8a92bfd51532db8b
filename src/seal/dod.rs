//! The two logs of the DoD's hashing tool, as eMASS and assessors know them: a table of every artifact with its SHA-256, and
//! another one with the SHA-256 of the first.
//! Must stay true: columns 15 and 70 wide with a space behind, hashes in capitals, lines that end with CR LF as the tool
//! writes them on Windows, a blank line before the table and two behind; neither log is ever among what is hashed.

/// The log of all artifacts.
pub const ARTIFACTS_LOG: &str = "CMMCAssessmentArtifacts.log";
/// The log of that log.
pub const HASH_LOG: &str = "CMMCAssessmentLogHash.log";

/// The table over files, each with its hash in hex and its path.
#[must_use]
pub fn log<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::from("\r\n");
    let mut row = |algorithm: &str, hash: &str, path: &str| {
        out.push_str(&format!("{algorithm:<15} {hash:<70} {path}\r\n"));
    };
    row("Algorithm", "Hash", "Path");
    row("---------", "----", "----");
    for (hash, path) in files {
        row("SHA256", &hash.to_ascii_uppercase(), path);
    }
    out.push_str("\r\n\r\n");
    out
}

/// The second log, for the hash of the first.
#[must_use]
pub fn hash_log(log_digest: &str) -> String {
    log([(log_digest, ARTIFACTS_LOG)])
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn the_log_has_the_layout_of_the_tool() {
        let log = log([(HASH, "artifacts/AC-3.01.01.a-policy.pdf")]);
        let expected = "\r\n\
            Algorithm       Hash                                                                   Path\r\n\
            ---------       ----                                                                   ----\r\n\
            SHA256          E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855       artifacts/AC-3.01.01.a-policy.pdf\r\n\
            \r\n\r\n";
        assert_eq!(log, expected);
    }

    /// `^SHA256\s+([A-Fa-f0-9]{64})\s+(.+)$`, written out.
    fn matches(line: &str) -> Option<(&str, &str)> {
        let rest = line.strip_prefix("SHA256")?;
        let hash = rest.trim_start();
        let (hash, path) = hash.split_at_checked(64).filter(|_| hash.len() < rest.len())?;
        let name = path.trim_start();
        (hash.bytes().all(|b| b.is_ascii_hexdigit()) && name.len() < path.len() && !name.is_empty()).then_some((hash, name))
    }

    #[test]
    fn the_expression_that_checkers_use_reads_every_line() {
        let text = log([(HASH, "artifacts/a b.pdf"), (HASH, "artifacts/c.txt")]);
        let read: Vec<_> = text.lines().filter_map(matches).collect();
        assert_eq!(read, [(HASH.to_ascii_uppercase().as_str(), "artifacts/a b.pdf"), (HASH.to_ascii_uppercase().as_str(), "artifacts/c.txt")]);
        let second = hash_log(HASH);
        assert_eq!(second.lines().filter_map(matches).map(|(_, path)| path).collect::<Vec<_>>(), [ARTIFACTS_LOG]);
    }
}
