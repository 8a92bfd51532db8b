//! The plainest tar there is (ustar): regular files only, in a stream, for the downloaded proof bundle.

/// Bytes of a block.
const BLOCK: usize = 512;

/// One file: its header, its bytes, and zeros up to the block's end. None when the path is too long for the format.
#[must_use]
pub(super) fn file(path: &str, bytes: &[u8], at_secs: u64) -> Option<Vec<u8>> {
    let mut header = [0_u8; BLOCK];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    if path.len() > 100 {
        return None;
    }
    put(0, path.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", bytes.len()).as_bytes());
    put(136, format!("{at_secs:011o}\0").as_bytes());
    // The sum is made with its own field full of spaces.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut out = header.to_vec();
    out.extend_from_slice(bytes);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
    Some(out)
}

/// What every tar ends with.
#[must_use]
pub(super) fn end() -> Vec<u8> {
    vec![0; 2 * BLOCK]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_takes_whole_blocks_and_carries_its_sum() {
        let tar = file("audit/checkpoint", b"hello", 1).expect("a short path");
        assert_eq!(tar.len(), 2 * BLOCK);
        assert_eq!(&tar[124..136], b"00000000005\0");
        assert_eq!(&tar[257..265], b"ustar\x0000");
        assert_eq!(&tar[BLOCK..BLOCK + 5], b"hello");
        let sum: u32 = tar[..BLOCK].iter().enumerate().map(|(at, b)| if (148..156).contains(&at) { 32 } else { u32::from(*b) }).sum();
        assert_eq!(&tar[148..156], format!("{sum:06o}\0 ").as_bytes());
        assert_eq!(file("empty", b"", 0).map(|t| t.len()), Some(BLOCK));
        assert!(file(&"x".repeat(101), b"", 0).is_none());
    }
}
