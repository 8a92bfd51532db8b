//! Logs and exports for the tests, made by the writer from fixed seeds.
//! A change here changes the golden vectors.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use countersign_audit::{
    verify,
    write::{
        self, Hash,
        checkpoint::{self, SigningKey},
        commitment::commit,
        event::{Actor, App, Change, Event, Net, Outcome, Payload, Resource},
        json::Value,
        leaf, tile,
    },
};
use sha2::{Digest, Sha256};

pub const ORIGIN: &str = "countersign.example/audit/1";

pub fn seed(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

pub fn key() -> SigningKey {
    SigningKey::from_seed(&seed("countersign-audit-vectors"))
}

pub fn vkey() -> verify::vkey::Vkey {
    verify::vkey::Vkey::parse(&key().vkey(ORIGIN)).expect("the writer's key is one")
}

/// Event `n`: every third has every field, every third the fewest.
pub fn event(n: u64) -> Event {
    let c = |name: &str| commit(&seed(&format!("key {n} {name}")), name, format!("value {n}").as_bytes());
    let full = n % 3 == 1;
    let some = |text: &str| full.then(|| text.to_owned());
    Event {
        log: ORIGIN.to_owned(),
        id: format!("evt_{:032x}", u128::from(n) << 64 | 0x8000_0000_0000_0007),
        ts_us: 1_763_777_508_000_000 + i64::try_from(n).expect("small") * 1_000_003,
        boot: "boot_1".to_owned(),
        mono_us: n * 1_000_003,
        app: App { build: "golden".to_owned(), ver: "0.1.0".to_owned() },
        node: "a".to_owned(),
        actor: Actor {
            kind: "person".to_owned(),
            id: Some(format!("per_{}", n % 4)),
            name_c: full.then(|| c("actor.name")),
            session: some("ses_1"),
            auth: some("password+totp"),
            via: some("web"),
        },
        on_behalf_of: some("per_9"),
        net: if full { Net { ip_c: Some(c("net.ip")), ua_c: Some(c("net.ua")) } } else { Net::default() },
        action: ["message.send", "user.role.grant", "session.login"][(n % 3) as usize].to_owned(),
        category: ["message", "user", "session"][(n % 3) as usize].to_owned(),
        resource: Resource { kind: "message".to_owned(), id: some("msg_1"), label_c: full.then(|| c("resource.label")) },
        outcome: [Outcome::Ok, Outcome::Ok, Outcome::Denied, Outcome::Failed, Outcome::Error, Outcome::Unknown][(n % 6) as usize],
        reason: some("asked by \"ticket\" 7\n\u{20ac}\u{1f512}\u{1}"),
        request_id: some("req_1"),
        idem: some("idem_1"),
        change: if full { vec![Change { field: "role".to_owned(), before_c: Some(c("before")), after_c: None }] } else { Vec::new() },
        payload: if full { vec![Payload { name: "text".to_owned(), len: 12, commitment: c("text") }] } else { Vec::new() },
        subject: some("per_2"),
        refs: if full { vec!["evt_x".to_owned(), "ev_1".to_owned()] } else { Vec::new() },
        data: if full {
            BTreeMap::from([
                ("bytes".to_owned(), Value::Int(-9_007_199_254_740_991)),
                ("nothing".to_owned(), Value::Null),
                ("roles".to_owned(), Value::from(vec!["auditor", "admin"])),
                ("state".to_owned(), Value::Map(BTreeMap::new())),
                ("urgent".to_owned(), Value::Bool(true)),
            ])
        } else {
            BTreeMap::new()
        },
    }
}

/// Chains `bodies` into leaves.
pub fn chain(bodies: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let mut prev = leaf::FIRST_PREV;
    let mut leaves = Vec::new();
    for (seq, body) in (0..).zip(bodies) {
        let leaf = leaf::leaf(&body, seq, &prev).expect("the body fits");
        prev = leaf::leaf_hash(&leaf);
        leaves.push(leaf);
    }
    leaves
}

pub fn log(size: u64) -> Vec<Vec<u8>> {
    chain((0..size).map(|n| event(n).body().expect("a proper event")))
}

pub fn root(leaves: &[Vec<u8>]) -> Hash {
    let mut frontier = write::tree::Frontier::new();
    for leaf in leaves {
        frontier.push(leaf::leaf_hash(leaf));
    }
    frontier.root()
}

pub fn signed(leaves: &[Vec<u8>]) -> String {
    let text = checkpoint::body(ORIGIN, leaves.len() as u64, &root(leaves));
    key().sign_note(ORIGIN, &text).expect("a proper text")
}

/// All hash tiles over leaf hashes, as the server would store them.
pub fn tile_map(leaf_hashes: &[Hash]) -> tile::TileMap {
    let mut tiles = tile::TileMap::new();
    let mut hashes = leaf_hashes.to_vec();
    for level in 0..8 {
        for (index, chunk) in (0..).zip(hashes.chunks(256)) {
            tiles.insert((level, index), chunk.to_vec());
        }
        hashes = hashes
            .chunks_exact(256)
            .map(|chunk| {
                let mut frontier = write::tree::Frontier::new();
                chunk.iter().for_each(|hash| frontier.push(*hash));
                frontier.root()
            })
            .collect();
    }
    tiles
}

/// An export in memory: path to bytes.
#[derive(Clone)]
pub struct Export {
    /// Path to bytes.
    pub files: BTreeMap<String, Vec<u8>>,
    pub leaves: Vec<Vec<u8>>,
    size: u64,
}

impl Export {
    pub fn new(leaves: Vec<Vec<u8>>, with_tiles: bool) -> Self {
        let size = leaves.len() as u64;
        let mut files = BTreeMap::from([("checkpoint".to_owned(), signed(&leaves).into_bytes())]);
        if with_tiles {
            let hashes: Vec<_> = leaves.iter().map(|leaf| leaf::leaf_hash(leaf)).collect();
            let map = tile_map(&hashes);
            for id in tile::all_tiles(size) {
                files.insert(tile::tile_path(&id), map[&(id.level, id.index)].concat());
            }
        }
        let mut export = Self { files, leaves, size };
        export.pack();
        export
    }

    /// Writes the leaves as they now are into bundles under the names that the checkpoint asks for;
    /// what is too much goes into the last.
    pub fn pack(&mut self) {
        let bundles: Vec<_> = tile::all_bundles(self.size).collect();
        for &(index, width) in &bundles {
            let from = (index as usize * 256).min(self.leaves.len());
            let to = if index as usize + 1 == bundles.len() { self.leaves.len() } else { (from + 256).min(self.leaves.len()) };
            let mut bytes = Vec::new();
            for leaf in &self.leaves[from..to] {
                bytes.extend(u16::try_from(leaf.len()).expect("a leaf fits").to_be_bytes());
                bytes.extend(leaf);
            }
            self.files.insert(tile::entries_path(index, width), bytes);
        }
    }

    pub fn write(&self, dir: &Path) {
        for (path, bytes) in &self.files {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder can be made");
            fs::write(path, bytes).expect("a file can be written");
        }
    }

    pub fn verify(&self, name: &str) -> verify::Report {
        let dir = folder(name);
        self.write(&dir);
        verify::bundle::directory(&dir, &vkey())
    }
}

/// A fresh, empty folder.
pub fn folder(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("a folder can be made");
    dir
}
