//! Hides how long a value is: it is filled up to a bucket before it is sealed (a one bit, then zeros, as in ISO/IEC 7816-4).
//! Must stay true: what comes back is exactly what went in; a plain text that was not padded is refused.

use zeroize::Zeroizing;

/// The first lengths; above the last, whole multiples of it.
const BUCKETS: [usize; 5] = [16, 64, 256, 1024, 4096];
const MARK: u8 = 0x80;

/// The bucket that holds `length` bytes and the mark.
fn bucket(length: usize) -> usize {
    let (needed, last) = (length + 1, BUCKETS[BUCKETS.len() - 1]);
    BUCKETS.into_iter().find(|bucket| *bucket >= needed).unwrap_or_else(|| needed.div_ceil(last) * last)
}

pub(super) fn pad(plain: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(bucket(plain.len())));
    out.extend_from_slice(plain);
    out.push(MARK);
    out.resize(bucket(plain.len()), 0);
    out
}

/// The length of what was padded; none when it was not.
pub(super) fn length(padded: &[u8]) -> Option<usize> {
    let at = padded.iter().rposition(|byte| *byte != 0)?;
    (padded[at] == MARK && bucket(at) == padded.len()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_length_shows_its_bucket_and_no_more() {
        for (length, padded) in [(0, 16), (2, 16), (15, 16), (16, 64), (63, 64), (64, 256), (1023, 1024), (4095, 4096), (4096, 8192)] {
            assert_eq!(pad(&vec![0; length]).len(), padded, "{length}");
        }
        for wrong in [&[][..], &[0; 16], &[1; 16], &[MARK], &[MARK; 15]] {
            assert_eq!(length(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_padded_comes_back(plain in proptest::collection::vec(any::<u8>(), 0..5000)) {
            let padded = pad(&plain);
            let length = length(&padded).expect("it was padded");
            prop_assert_eq!(&padded[..length], plain.as_slice());
        }
    }
}
