//! Entries and bundles that were taken out, put in, doubled and moved.
//! Attacks 4 to 8.

use super::{Hand, family};
use crate::support::{chain, event};

#[test]
fn entries_taken_out_put_in_and_moved() {
    fn tiled() -> Hand {
        Hand::new(300, true)
    }
    fn bare() -> Hand {
        Hand::new(300, false)
    }
    family(
        "order",
        &[
            ("4 an entry from the middle", bare, |h| h.leaves(|l| drop(l.remove(100))), 1, "`_seq` is 101 where 100 belongs"),
            (
                "4 an entry from the middle, numbered and chained on",
                tiled,
                |h| h.leaves(|l| *l = chain((0..300).filter(|n| *n != 100).map(|n| event(n).body().expect("proper")))),
                1,
                "entry 100",
            ),
            (
                "4 a whole bundle from the middle",
                || Hand::new(600, true),
                |h| drop(h.export.files.remove("tile/entries/001")),
                2,
                "tile/entries/001: the file is missing",
            ),
            ("6 two entries swapped", bare, |h| h.leaves(|l| l.swap(100, 101)), 1, "first bad   entry 100"),
            ("6 two entries swapped over bundles", tiled, |h| h.leaves(|l| l.swap(255, 256)), 1, "first bad   entry 255"),
            (
                "6 two bundles swapped",
                || Hand::new(600, false),
                |h| {
                    let first = std::mem::take(h.file("tile/entries/000"));
                    let second = std::mem::replace(h.file("tile/entries/001"), first);
                    *h.file("tile/entries/000") = second;
                },
                1,
                "first bad   entry 0: `_seq` is 256",
            ),
            ("7 an entry put in", bare, |h| h.leaves(|l| l.insert(100, l[5].clone())), 1, "first bad   entry 100"),
            (
                "7 an entry put in, numbered and chained on",
                bare,
                |h| h.leaves(|l| *l = chain((0..301).map(|n| event(n * 7 % 301).body().expect("proper")))),
                1,
                "goes on after its 44 entries",
            ),
            ("8 an entry twice", bare, |h| h.leaves(|l| l.insert(100, l[100].clone())), 1, "first bad   entry 101"),
            ("5 the tail cut", bare, |h| h.leaves(|l| l.truncate(280)), 1, "ends after 24 of 44 entries"),
            ("a surplus bundle", tiled, |h| drop(h.export.files.insert("tile/entries/002.p/1".to_owned(), vec![0, 0])), 1, "tile/entries/002.p/1: surplus"),
            (
                "a bundle under another width",
                tiled,
                |h| {
                    let bytes = h.export.files.remove("tile/entries/001.p/44").expect("there");
                    h.export.files.insert("tile/entries/001.p/45".to_owned(), bytes);
                },
                1,
                "tile/entries/001.p/45: surplus",
            ),
        ],
    );
}
