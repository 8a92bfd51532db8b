//! Both trees and a third by other hands give the same roots, and proofs hold only as made.
//! Every pair of small sizes and of sizes about a tile's edge, and a sample of the rest up to 600.

use countersign_audit::{
    verify,
    write::{Error, Hash, leaf, proof, tile, tree::Frontier},
};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;

use crate::support::tile_map;

const SIZE: u64 = 600;

/// All numbers below `size` where it matters, some of them elsewhere.
fn sample(size: u64) -> impl Iterator<Item = u64> {
    let dense = size <= 66 || [129, 255, 256, 257, 513].contains(&size);
    (0..size).step_by(if dense { 1 } else { size as usize / 5 })
}

fn leaves(size: u64) -> Vec<Vec<u8>> {
    (0..size).map(|n| format!("leaf {n}").into_bytes()).collect()
}

fn hashes(size: u64) -> Vec<Hash> {
    leaves(size).iter().map(|leaf| leaf::leaf_hash(leaf)).collect()
}

#[test]
fn all_roots_agree() {
    let (hashes, mut frontier, mut other) = (hashes(SIZE), Frontier::new(), MemoryBackedTree::<Sha256, Vec<u8>>::new());
    let tiles = tile_map(&hashes);
    for (size, leaf) in (0..=SIZE).zip(leaves(SIZE + 1)) {
        let root = frontier.root();
        assert_eq!(frontier.size(), size);
        assert_eq!(verify::tree::root(&hashes[..size as usize]), root);
        assert_eq!(proof::root(size, &tiles), Ok(root));
        assert_eq!(other.root().as_bytes().as_slice(), root);
        assert_eq!(verify::tree::leaf_hash(&leaf), leaf::leaf_hash(&leaf));
        frontier.push(leaf::leaf_hash(&leaf));
        other.push(leaf);
    }
}

#[test]
fn every_inclusion_proof_holds_and_no_altered_one() {
    let hashes = hashes(SIZE);
    let tiles = tile_map(&hashes);
    let other_leaf = leaf::leaf_hash(b"other");
    let mut frontier = Frontier::new();
    for size in 1..=SIZE {
        frontier.push(hashes[size as usize - 1]);
        let root = frontier.root();
        for index in sample(size) {
            let path = proof::inclusion(index, size, &tiles).expect("all tiles are on hand");
            let leaf = &hashes[index as usize];
            let holds = |leaf, index, path: &[Hash], root| verify::tree::inclusion(leaf, index, size, path, root).is_ok();
            assert!(holds(leaf, index, &path, &root));
            if (size * 31 + index) % 17 == 0 {
                assert!(!holds(&other_leaf, index, &path, &root));
                assert!(!holds(leaf, index, &path, &other_leaf));
                assert!(!holds(leaf, size, &path, &root));
                assert!(!holds(leaf, index, &[path.clone(), vec![root]].concat(), &root));
                assert!(size == 1 || !holds(leaf, (index + 1) % size, &path, &root));
                for at in 0..path.len() {
                    let mut altered = path.clone();
                    altered[at][7] ^= 1;
                    assert!(!holds(leaf, index, &altered, &root));
                    altered.remove(at);
                    assert!(!holds(leaf, index, &altered, &root));
                }
            }
        }
        assert_eq!(proof::inclusion(size, size, &tiles), Err(Error::Range { asked: size, size }));
    }
}

#[test]
fn every_consistency_proof_holds_and_no_altered_one() {
    let hashes = hashes(SIZE);
    let tiles = tile_map(&hashes);
    let mut frontier = Frontier::new();
    let mut roots = vec![frontier.root()];
    for hash in &hashes {
        frontier.push(*hash);
        roots.push(frontier.root());
    }
    for new in 0..=SIZE {
        for old in sample(new).chain([new]) {
            let path = proof::consistency(old, new, &tiles).expect("all tiles are on hand");
            let (a, b) = (&roots[old as usize], &roots[new as usize]);
            let holds = |a: &Hash, b: &Hash, path: &[Hash]| verify::tree::consistency(old, a, new, b, path).is_ok();
            assert!(holds(a, b, &path), "{old} {new}");
            if (new * 31 + old) % 17 == 0 {
                let wrong = [9; 32];
                assert!(!holds(&wrong, b, &path));
                assert!(old == 0 || !holds(a, &wrong, &path));
                assert!(!holds(a, b, &[path.clone(), vec![wrong]].concat()));
                assert!(old == new || verify::tree::consistency(new, b, old, a, &path).is_err());
                for at in 0..path.len() {
                    let mut altered = path.clone();
                    altered[at][7] ^= 1;
                    assert!(!holds(a, b, &altered));
                    altered.remove(at);
                    assert!(!holds(a, b, &altered));
                }
            }
        }
        assert!(proof::consistency(new + 1, new, &tiles).is_err());
    }
}

#[test]
fn a_leaf_cannot_be_taken_for_a_node() {
    let (left, right) = (leaf::leaf_hash(b"a"), leaf::leaf_hash(b"b"));
    let preimage = [&[1][..], &left, &right].concat();
    assert_ne!(leaf::leaf_hash(&preimage), verify::tree::root(&[left, right]));
    assert_ne!(verify::tree::root(&[leaf::leaf_hash(&preimage)]), verify::tree::root(&[left, right]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    /// `tiles_for` names all that is needed, and only what is needed.
    #[test]
    fn the_tiles_named_are_the_tiles_needed(new in 1_u64..70_000, old in 0_u64..70_000, index in 0_u64..70_000) {
        let (old, index) = (old % (new + 1), index % new);
        let all = hashes_cached();
        let map = tile_map(&all[..new as usize]);
        let named = tile::tiles_for(Some(index), &[old, new]);
        let on_hand: tile::TileMap = named
            .iter()
            .map(|id| ((id.level, id.index), map[&(id.level, id.index)][..usize::from(id.width)].to_vec()))
            .collect();
        let compute = |tiles: &tile::TileMap| {
            Ok::<_, Error>((
                proof::root(old, tiles)?,
                proof::root(new, tiles)?,
                proof::consistency(old, new, tiles)?,
                proof::inclusion(index, new, tiles)?,
            ))
        };
        let (old_root, new_root, consistency, inclusion) = compute(&on_hand).expect("the tiles named are enough");
        prop_assert_eq!(old_root, verify::tree::root(&all[..old as usize]));
        prop_assert_eq!(new_root, verify::tree::root(&all[..new as usize]));
        prop_assert!(verify::tree::consistency(old, &old_root, new, &new_root, &consistency).is_ok());
        prop_assert!(verify::tree::inclusion(&all[index as usize], index, new, &inclusion, &new_root).is_ok());
        for id in &named {
            let mut fewer = on_hand.clone();
            fewer.remove(&(id.level, id.index));
            prop_assert_eq!(compute(&fewer).err(), Some(Error::TileMissing { level: id.level, index: id.index }));
        }
    }
}

fn hashes_cached() -> &'static [Hash] {
    static HASHES: std::sync::OnceLock<Vec<Hash>> = std::sync::OnceLock::new();
    HASHES.get_or_init(|| hashes(70_000))
}
