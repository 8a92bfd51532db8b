//! Measures the verifier: makes an export of many entries, hashes it as fast as this machine can, proves an entry of a huge log.
//!
//! `measure make DIR ENTRIES`, `measure hash DIR`, `measure verify DIR VKEY`, `measure prove ENTRIES`. `benches/run.py` calls it.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Instant,
};

use countersign_audit::{
    verify::{bundle, tree, vkey::Vkey},
    write::{
        Hash,
        checkpoint::{self, SigningKey},
        commitment::commit,
        event::{Actor, App, Event, Net, Outcome, Payload, Resource},
        json::Value,
        leaf, proof, tile,
        tree::Frontier,
    },
};
use sha2::{Digest, Sha256};

const ORIGIN: &str = "bench.example/audit/1";

type Done = Result<(), Box<dyn Error>>;

fn main() -> Done {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["make", dir, entries] => make(Path::new(dir), entries.parse()?),
        ["hash", dir] => hash(Path::new(dir)),
        ["verify", dir, vkey] => verify(Path::new(dir), vkey),
        ["prove", entries] => prove(entries.parse()?),
        _ => Err("make DIR ENTRIES | hash DIR | verify DIR VKEY | prove ENTRIES".into()),
    }
}

fn say(text: &str) -> Done {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

/// An entry of about 500 bytes, as a message makes one.
fn event(n: u64) -> Event {
    let key: [u8; 32] = Sha256::digest(n.to_be_bytes()).into();
    Event {
        log: ORIGIN.to_owned(),
        id: format!("evt_{:032x}", u128::from(n) << 64),
        ts_us: 1_763_777_508_000_000 + i64::try_from(n).unwrap_or(0) * 1_003,
        boot: "5f0c1d2e3a4b5c6d".to_owned(),
        mono_us: n * 1_003,
        app: App { build: "dev".to_owned(), ver: "0.1.0".to_owned() },
        node: "server".to_owned(),
        actor: Actor { kind: "system".to_owned(), id: None, name_c: None, session: None, auth: None, via: None },
        on_behalf_of: None,
        net: Net::default(),
        action: "message.result".to_owned(),
        category: "message".to_owned(),
        resource: Resource { kind: "message".to_owned(), id: Some(format!("msg_{n:032x}")), label_c: None },
        outcome: Outcome::Ok,
        reason: None,
        request_id: None,
        idem: None,
        change: Vec::new(),
        payload: vec![Payload { name: "to".to_owned(), len: 12, commitment: commit(&key, "to", b"+14155552671") }],
        subject: None,
        refs: Vec::new(),
        data: BTreeMap::from([("state".to_owned(), Value::from("delivered"))]),
    }
}

fn put(path: PathBuf, bytes: &[u8]) -> Done {
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    Ok(fs::write(path, bytes)?)
}

/// Writes bundles, tiles and checkpoint; prints the verifier key.
fn make(dir: &Path, entries: u64) -> Done {
    let (mut prev, mut frontier, mut bytes) = (leaf::FIRST_PREV, Frontier::new(), 0);
    let mut hashes: Vec<Hash> = Vec::new();
    for (index, width) in tile::all_bundles(entries) {
        let mut leaves = Vec::with_capacity(256);
        for seq in index * 256..index * 256 + u64::from(width) {
            let entry = leaf::leaf(&event(seq).body()?, seq, &prev)?;
            prev = leaf::leaf_hash(&entry);
            frontier.push(prev);
            hashes.push(prev);
            bytes += entry.len();
            leaves.push(entry);
        }
        put(dir.join(tile::entries_path(index, width)), &tile::bundle(leaves.iter().map(Vec::as_slice))?)?;
    }
    let mut below = hashes;
    for level in 0..8 {
        for id in tile::all_tiles(entries).filter(|id| id.level == level) {
            let from = usize::try_from(id.index)? * 256;
            put(dir.join(tile::tile_path(&id)), &below[from..from + usize::from(id.width)].concat())?;
        }
        below = below.chunks_exact(256).map(root).collect();
    }
    let key = SigningKey::from_seed(&[1; 32]);
    put(dir.join("checkpoint"), key.sign_note(ORIGIN, &checkpoint::body(ORIGIN, entries, &frontier.root()))?.as_bytes())?;
    put(dir.with_extension("vkey"), format!("{}\n", key.vkey(ORIGIN)).as_bytes())?;
    say(&format!("{entries} entries, {bytes} bytes"))
}

fn root(hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    hashes.iter().for_each(|hash| frontier.push(*hash));
    frontier.root()
}

/// The least that any verifier must do: every leaf and every node of the tree hashed, by the same build.
fn hash(dir: &Path) -> Done {
    let begun = Instant::now();
    let mut tree = Frontier::new();
    let note = fs::read_to_string(dir.join("checkpoint"))?;
    let entries: u64 = note.lines().nth(1).ok_or("no size")?.parse()?;
    for (index, width) in tile::all_bundles(entries) {
        let bytes = fs::read(dir.join(tile::entries_path(index, width)))?;
        let mut rest = bytes.as_slice();
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let (entry, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
            tree.push(leaf::leaf_hash(entry));
            rest = after;
        }
    }
    std::hint::black_box(tree.root());
    say(&format!("hash {:.3}", begun.elapsed().as_secs_f64()))
}

fn verify(dir: &Path, vkey: &str) -> Done {
    let key = Vkey::parse(fs::read_to_string(vkey)?.trim_end()).map_err(|error| error.to_string())?;
    let begun = Instant::now();
    let report = bundle::directory(dir, &key);
    let took = begun.elapsed().as_secs_f64();
    say(&format!("verify {took:.3} exit {} entries {}", report.exit_code(), report.entries_checked))
}

/// The inclusion proof of one entry, made from tiles and checked; only the tiles on its way are there.
fn prove(entries: u64) -> Done {
    let hashes: Vec<Hash> = (0..entries).map(|n| Sha256::digest(n.to_be_bytes()).into()).collect();
    let mut tiles = tile::TileMap::new();
    let mut below = hashes.clone();
    for level in 0..8 {
        for (index, chunk) in (0..).zip(below.chunks(256)) {
            tiles.insert((level, index), chunk.to_vec());
        }
        below = below.chunks_exact(256).map(root).collect();
    }
    let signed = proof::root(entries, &tiles)?;
    let mut slowest = 0.0_f64;
    for seq in (0..entries).step_by(usize::try_from(entries / 100)?.max(1)) {
        let begun = Instant::now();
        let path = proof::inclusion(seq, entries, &tiles)?;
        tree::inclusion(&hashes[usize::try_from(seq)?], seq, entries, &path, &signed).map_err(|error| error.to_string())?;
        slowest = slowest.max(begun.elapsed().as_secs_f64());
    }
    say(&format!("prove {slowest:.6}"))
}
