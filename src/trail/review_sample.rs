//! How a sample is drawn. Whoever has the entry of a review can draw it again.
//! Must stay true: the reviewer chooses how many and from what, never which.

use countersign_audit::write::Hash;
use sha2::{Digest as _, Sha256};

/// The seed of a sample: SHA-256 over the words `countersign/review/v1`, then log, first place, last place and count as 64-bit
/// numbers, big end first, then the root of the tree that ends with the range.
pub(super) fn seed_of(log: i64, first: i64, last: i64, count: usize, root: &Hash) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"countersign/review/v1");
    for number in [log, first, last, i64::try_from(count).unwrap_or(i64::MAX)] {
        hash.update(number.to_be_bytes());
    }
    hash.update(root);
    hash.finalize().into()
}

/// Draws `count` of `from`, and gives them in ascending order. For i = 0, 1, … the i-th item changes places with the one that
/// lies SHA-256(seed, i) mod (length - i) behind it; of the hash the first 64 bits count. The first `count` are drawn.
pub(super) fn drawn_from(from: &[i64], seed: &[u8; 32], count: usize) -> Vec<i64> {
    let mut left = from.to_vec();
    let count = count.min(left.len());
    for at in 0..count {
        let hash: [u8; 32] = Sha256::new().chain_update(seed).chain_update((at as u64).to_be_bytes()).finalize().into();
        let word = hash.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let behind = word % (left.len() - at) as u64;
        left.swap(at, at + usize::try_from(behind).unwrap_or(0));
    }
    left.truncate(count);
    left.sort_unstable();
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_follows_from_its_seed_alone() {
        let from: Vec<i64> = (0..10_000).collect();
        let seed = seed_of(1, 0, 9_999, 500, &[7; 32]);
        let drawn = drawn_from(&from, &seed, 500);
        assert_eq!(drawn, drawn_from(&from, &seed, 500));
        assert!(drawn.len() == 500 && drawn.windows(2).all(|w| w[0] < w[1]), "each once, in order");
        for other in [
            seed_of(2, 0, 9_999, 500, &[7; 32]),
            seed_of(1, 1, 9_999, 500, &[7; 32]),
            seed_of(1, 0, 9_998, 500, &[7; 32]),
            seed_of(1, 0, 9_999, 499, &[7; 32]),
            seed_of(1, 0, 9_999, 500, &[8; 32]),
        ] {
            assert_ne!(drawn, drawn_from(&from, &other, 500));
        }
        // From everywhere: the middle of 500 even draws of 10,000 lies near the middle.
        assert!((4_000..6_000).contains(&drawn[250]), "{}", drawn[250]);
        assert_eq!(drawn_from(&from[..3], &seed, 500), [0, 1, 2]);
        assert!(drawn_from(&[], &seed, 5).is_empty());
    }

    #[test]
    fn a_published_sample_does_not_change() {
        let seed = seed_of(1, 0, 99, 5, &[0; 32]);
        assert_eq!((hex::encode(&seed[..8]), drawn_from(&(0..100).collect::<Vec<_>>(), &seed, 5)), ("080b63f2d2b19992".to_owned(), vec![13, 23, 54, 69, 98]));
    }
}
