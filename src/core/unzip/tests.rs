//! Archives as programs write them, and as people write them who mean harm.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::core::zip::Zip;

/// An archive whose files are packed; each is its name, its bytes, and the flags of its header.
pub fn packed(files: &[(&[u8], &[u8], u16)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes, flags) in files {
        let (small, at) = (miniz_oxide::deflate::compress_to_vec(bytes, 6), u32::try_from(out.len()).expect("small"));
        let mut common = flags.to_le_bytes().to_vec();
        common.extend_from_slice(b"\x08\0\0\0\0\0");
        common.extend_from_slice(&crc(0, bytes).to_le_bytes());
        common.extend_from_slice(&u32::try_from(small.len()).expect("small").to_le_bytes());
        common.extend_from_slice(&u32::try_from(bytes.len()).expect("small").to_le_bytes());
        common.extend_from_slice(&u16::try_from(name.len()).expect("small").to_le_bytes());
        out.extend([b"PK\x03\x04\x14\0".as_slice(), &common, b"\0\0", name, &small].concat());
        directory.extend([b"PK\x01\x02\x14\0\x14\0".as_slice(), &common, &[0; 12], &at.to_le_bytes(), name].concat());
    }
    let (at, size) = (u32::try_from(out.len()).expect("small"), u32::try_from(directory.len()).expect("small"));
    let count = u16::try_from(files.len()).expect("few").to_le_bytes();
    out.extend(directory);
    out.extend([b"PK\x05\x06\0\0\0\0".as_slice(), &count, &count, &size.to_le_bytes(), &at.to_le_bytes(), b"\0\0"].concat());
    out
}

fn all(archive: &[u8], most: u64) -> Result<Vec<(String, Vec<u8>)>, ZipError> {
    let mut file = Cursor::new(archive);
    let mut out = Vec::new();
    for entry in entries(&mut file)? {
        let mut bytes = Vec::new();
        open(&mut file, &entry, most)?.read_to_end(&mut bytes).map_err(|e| ZipError::of(&e))?;
        out.push((String::from_utf8_lossy(&entry.name).into_owned(), bytes));
    }
    Ok(out)
}

#[test]
fn what_we_write_and_what_others_pack_is_read() {
    let mut zip = Zip::default();
    let mut ours = zip.file("a/ü.txt", b"hello");
    ours.extend(zip.begin("b"));
    zip.part(b"streamed");
    ours.extend_from_slice(b"streamed");
    ours.extend(zip.end_file());
    ours.extend(zip.end());
    assert_eq!(all(&ours, 100), Ok(vec![("a/ü.txt".into(), b"hello".to_vec()), ("b".into(), b"streamed".to_vec())]));
    let text = "countersign ".repeat(20_000);
    assert_eq!(all(&packed(&[(b"x", text.as_bytes(), 0), (b"empty", b"", 0)]), 1 << 20), Ok(vec![("x".into(), text.into_bytes()), ("empty".into(), vec![])]));
    assert_eq!(all(&Zip::default().end(), 1), Ok(vec![]));
}

/// A stranger's program packs it, with a folder and a descriptor behind the bytes.
#[test]
fn an_archive_of_a_strangers_program_is_read() {
    let script = "import sys,zipfile,io\nb=io.BytesIO()\nclass S(io.RawIOBase):\n  def writable(self): return True\n  def write(self,d): b.write(d); return len(d)\nz=zipfile.ZipFile(S(),'w',zipfile.ZIP_DEFLATED)\nz.writestr('AC/','')\nz.writestr('AC/3.1.1 policy.txt','words '*5000)\nz.close()\nsys.stdout.buffer.write(b.getvalue())";
    let out = std::process::Command::new("python3").args(["-c", script]).output().expect("python3 runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let read = all(&out.stdout, 1 << 20).expect("reads");
    assert_eq!((read[0].0.as_str(), read[1].0.as_str(), read[1].1.len()), ("AC/", "AC/3.1.1 policy.txt", 30_000));
}

#[test]
fn a_bomb_is_broken_off_and_costs_no_memory() {
    let zeros = vec![0_u8; 32 << 20];
    let bomb = packed(&[(b"bomb.txt", &zeros, 0)]);
    assert!(bomb.len() < 64 << 10);
    assert_eq!(all(&bomb, 1 << 30), Err(ZipError::Ratio));
    assert_eq!(all(&bomb, 1 << 20), Err(ZipError::TooLarge));
    // A size that lies is met while unpacking.
    let mut lies = packed(&[(b"x", &[b'a'; 5000], 0)]);
    let central = lies.windows(4).position(|w| w == b"PK\x01\x02").expect("there");
    lies[central + 24..central + 28].copy_from_slice(&10_u32.to_le_bytes());
    assert_eq!(all(&lies, 1 << 20), Err(ZipError::Broken));
}

#[test]
fn two_files_never_share_bytes() {
    let mut twice = packed(&[(b"a", &[b'x'; 300], 0), (b"a", &[b'x'; 300], 0)]);
    let second = twice.windows(4).rposition(|w| w == b"PK\x01\x02").expect("there");
    twice[second + 42..second + 46].copy_from_slice(&0_u32.to_le_bytes());
    assert_eq!(all(&twice, 1000), Err(ZipError::Overlap));
}

#[test]
fn what_cannot_be_read_says_why() {
    assert_eq!(all(b"no archive", 1), Err(ZipError::NotZip));
    assert_eq!(all(&packed(&[(b"a", b"secret", 1)]), 100), Err(ZipError::Encrypted));
    let good = packed(&[(b"a", b"words", 0)]);
    let central = good.windows(4).position(|w| w == b"PK\x01\x02").expect("there");
    let with = |at: usize, bytes: &[u8]| {
        let mut out = good.clone();
        out[at..at + bytes.len()].copy_from_slice(bytes);
        all(&out, 100)
    };
    assert_eq!(with(central + 10, &[12]), Err(ZipError::Method));
    assert_eq!(with(central + 16, &[0; 4]), Err(ZipError::Sum));
    assert_eq!(with(30, b"b"), Err(ZipError::Broken), "the two names differ");
    assert_eq!(with(central + 42, &[0xf0, 0xff]), Err(ZipError::Broken), "a place behind the directory");
    assert_eq!(with(good.len() - 18, &[1]), Err(ZipError::Divided));
    assert_eq!(with(good.len() - 12, &[9]), Err(ZipError::Broken), "another count");
    assert_eq!(all(&good[..good.len() - 1], 100), Err(ZipError::NotZip));
}

#[test]
fn a_link_is_told_from_a_file() {
    let entry = |mode: u32| Entry { name: b"a".to_vec(), packed: 0, size: 0, is_encrypted: false, method: 0, sum: 0, at: 0, mode };
    assert!(entry(0o120_777).is_special() && !entry(0o100_644).is_special() && !entry(0).is_special() && !entry(0o040_755).is_special());
}

proptest! {
    #[test]
    fn no_bytes_make_it_fail(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..300, with in any::<u8>()) {
        let _ = all(&bytes, 10_000);
        let mut near = packed(&[(b"a", b"some words", 0), (b"b", b"and more", 0)]);
        let at = at % near.len();
        near[at] = with;
        let _ = all(&near, 10_000);
        near.truncate(at);
        let _ = all(&near, 10_000);
    }
}
