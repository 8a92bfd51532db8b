//! Bodies as clients send them, whole and in pieces, and what is left on the disk after each.

use futures_util::{StreamExt as _, stream};

use super::*;
use crate::blobs::FolderBlobs;
use crate::core::rng::Rng;

const BOUNDARY: &str = "a-boundary";
const PNG: &[u8] = b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01";

/// A part of a form: its name, its file name, its content.
type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

fn body(parts: &[Part<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, file_name, content) in parts {
        let file_name = file_name.map(|f| format!("; filename=\"{f}\"")).unwrap_or_default();
        out.extend(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file_name}\r\n\r\n").into_bytes());
        out.extend_from_slice(content);
        out.extend(b"\r\n");
    }
    out.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    out
}

struct Bench {
    folder: tempfile::TempDir,
    blobs: FolderBlobs,
    form: bool,
    header: Option<&'static str>,
    max: u64,
}

impl Bench {
    fn new(form: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["blobs", "tmp"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let blobs = FolderBlobs::new(&folder.path().join("blobs"), &folder.path().join("tmp"), Rng::seeded(1));
        Self { folder, blobs, form, header: None, max: 1_000_000 }
    }

    async fn send(&self, body: Body, announced: Option<u64>) -> Result<File, Refusal> {
        let mut request = Request::builder().header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"));
        if let Some(token) = self.header {
            request = request.header("x-csrf-token", token);
        }
        if let Some(n) = announced {
            request = request.header(header::CONTENT_LENGTH, n);
        }
        let is_right = |token: &str| token == "right";
        let extensions = ["png".to_owned(), "txt".to_owned()];
        let csrf: Option<&(dyn Fn(&str) -> bool + Send + Sync)> = if self.form { Some(&is_right) } else { None };
        let terms = Terms { extensions: &extensions, bytes_max: self.max, texts: &[], csrf };
        receive(request.body(body).expect("a request"), &self.blobs, &terms).await
    }

    async fn parts(&self, parts: &[Part<'_>]) -> Result<File, Refusal> {
        self.send(Body::from(body(parts)), None).await
    }

    /// Nothing that was begun is left over.
    fn is_clean(&self) -> bool {
        std::fs::read_dir(self.folder.path().join("tmp")).expect("a folder").count() == 0
    }
}

fn status(refusal: Refusal) -> u16 {
    match refusal {
        Refusal::Told(error) => error.status.as_u16(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_file_is_kept_under_its_hash_whatever_the_pieces_it_comes_in() {
    let content: Vec<u8> = PNG.iter().copied().chain((0..300_000_u32).map(|n| (n % 251) as u8)).collect();
    let whole = body(&[("csrf_token", None, b"right"), ("file", Some("shot.png"), &content)]);
    for size in [1, 7, 1000, 65_536, whole.len()] {
        let bench = Bench::new(true);
        let pieces: Vec<_> = whole.chunks(size).map(|c| Ok::<_, io::Error>(Bytes::copy_from_slice(c))).collect();
        let file = bench.send(Body::from_stream(stream::iter(pieces)), None).await.expect("fits");
        assert_eq!((file.name.as_str(), file.kind.mime), ("shot.png", "image/png"));
        let stored = file.incoming.keep().await.expect("is kept");
        assert_eq!(stored.size, content.len() as u64);
        let opened = bench.blobs.open(&stored.sha256).await.expect("opens").expect("is there");
        assert_eq!(opened.size, stored.size);
        assert!(bench.is_clean());
    }
}

#[tokio::test]
async fn a_dropped_upload_leaves_nothing() {
    let bench = Bench::new(false);
    let file = bench.parts(&[("file", Some("a.txt"), b"text")]).await.expect("fits");
    assert!(!bench.is_clean());
    drop(file);
    assert!(bench.is_clean());
}

#[tokio::test]
async fn the_token_comes_before_the_file_or_in_the_header() {
    let file: Part<'_> = ("file", Some("a.txt"), b"text");
    let mut bench = Bench::new(true);
    assert_eq!(status(bench.parts(&[file]).await.expect_err("no token")), 403);
    assert_eq!(status(bench.parts(&[file, ("csrf_token", None, b"right")]).await.expect_err("too late")), 403);
    assert_eq!(status(bench.parts(&[("csrf_token", None, b"wrong"), file]).await.expect_err("wrong")), 403);
    assert_eq!(status(bench.parts(&[("csrf_token", None, &[b'x'; 300]), file]).await.expect_err("long")), 403);
    assert_eq!(status(bench.parts(&[("csrf_token", None, b"\xFF"), file]).await.expect_err("bytes")), 403);
    assert!(bench.parts(&[("csrf_token", None, b"right"), file]).await.is_ok());
    bench.header = Some("right");
    assert!(bench.parts(&[file]).await.is_ok());
    assert!(bench.parts(&[("csrf_token", None, b"right"), file]).await.is_ok());
    bench.header = Some("wrong");
    assert_eq!(status(bench.parts(&[("csrf_token", None, b"right"), file]).await.expect_err("wrong header")), 403);
    assert!(bench.is_clean());
}

#[tokio::test]
async fn there_is_exactly_one_file_and_nothing_unknown() {
    let file: Part<'_> = ("file", Some("a.txt"), b"text");
    let bench = Bench::new(false);
    assert!(matches!(bench.parts(&[]).await, Err(Refusal::Missing | Refusal::Told(_))));
    assert_eq!(status(bench.parts(&[file, file]).await.expect_err("two files")), 400);
    assert_eq!(status(bench.parts(&[file, ("more", None, b"x")]).await.expect_err("unknown")), 422);
    assert_eq!(status(bench.parts(&[("csrf_token", None, b"right"), file]).await.expect_err("not for the API")), 422);
    assert!(matches!(bench.parts(&[("file", Some(""), b"")]).await, Err(Refusal::Missing)));
    assert!(matches!(bench.parts(&[("file", None, b"text")]).await, Err(Refusal::Name)));
    let bench = Bench::new(true);
    let token: Part<'_> = ("csrf_token", None, b"right");
    assert!(matches!(bench.parts(&[token]).await, Err(Refusal::Missing)));
    assert_eq!(status(bench.parts(&[token, token, file]).await.expect_err("two tokens")), 400);
    assert!(bench.is_clean());
}

#[tokio::test]
async fn a_name_is_data() {
    let bench = Bench::new(false);
    for (sent, expected) in [("../../etc/a.txt", "a.txt"), ("C:\\\\Users\\\\ada\\\\a.txt", "a.txt"), ("Prüfung €.txt", "Prüfung €.txt")] {
        assert_eq!(bench.parts(&[("file", Some(sent), b"text")]).await.expect("fits").name, expected);
    }
    let long = format!("{}.txt", "a".repeat(197));
    for sent in [long.as_str(), "a/", "a\u{202E}txt.txt"] {
        assert!(matches!(bench.parts(&[("file", Some(sent), b"text")]).await, Err(Refusal::Name)), "{sent:?}");
    }
}

#[tokio::test]
async fn name_and_content_must_agree() {
    let bench = Bench::new(false);
    let refused = async |name, content: &[u8]| match bench.parts(&[("file", Some(name), content)]).await {
        Err(Refusal::Kind(error)) => error.code(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(refused("a.exe", b"MZ").await, "not_allowed");
    assert_eq!(refused("a.png", b"text").await, "mismatch");
    assert_eq!(refused("a.txt", b"").await, "empty");
    assert_eq!(refused("a.txt", b"\0\x01\x02\xFF").await, "not_text");
    assert!(bench.is_clean());
}

#[tokio::test]
async fn what_is_too_large_is_refused_as_early_as_it_shows() {
    let mut bench = Bench::new(false);
    bench.max = 20_000;
    let file = |n: usize| body(&[("file", Some("a.txt"), &vec![b'a'; n])]);
    assert!(bench.send(Body::from(file(20_000)), None).await.is_ok());
    assert!(matches!(bench.send(Body::from(file(20_001)), None).await, Err(Refusal::TooLarge)));
    assert!(matches!(bench.send(Body::from(file(200_000)), None).await, Err(Refusal::TooLarge)));
    let unread = Body::from_stream(stream::poll_fn(|_| -> Poll<Option<Result<Bytes, io::Error>>> { panic!("the body was read") }));
    assert!(matches!(bench.send(unread, Some(20_000 + ENVELOPE_BYTES_MAX + 1)).await, Err(Refusal::TooLarge)));
    assert!(bench.is_clean());
}

#[tokio::test]
async fn a_body_without_end_before_the_file_is_given_up() {
    let mut bench = Bench::new(true);
    bench.max = 100_000_000;
    let taken = Arc::new(AtomicU64::new(0));
    let counted = taken.clone();
    let endless = stream::repeat_with(|| Ok::<_, io::Error>(Bytes::from_static(&[b'x'; 8192]))).inspect(move |_| {
        counted.fetch_add(8192, Ordering::Relaxed);
    });
    let before = stream::once(async { Ok(Bytes::from(format!("--{BOUNDARY}\r\nX-Long: "))) });
    assert_eq!(status(bench.send(Body::from_stream(before.chain(endless)), None).await.expect_err("no end")), 400);
    assert!(taken.load(Ordering::Relaxed) < 1_000_000);
    assert!(bench.is_clean());
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing() {
    let bench = Bench::new(false);
    let whole = body(&[("file", Some("a.txt"), &vec![b'a'; 50_000])]);
    for cut in [0, 10, 200, 30_000, whole.len() - 5] {
        let cut_off = Body::from(whole[..cut].to_vec());
        assert_eq!(status(bench.send(cut_off, None).await.expect_err("cut off")), 400, "{cut}");
    }
    let failing = stream::iter([Ok(Bytes::copy_from_slice(&whole[..20_000])), Err(io::Error::other("gone"))]);
    assert_eq!(status(bench.send(Body::from_stream(failing), None).await.expect_err("gone")), 400);
    assert!(bench.is_clean());
}

#[tokio::test]
async fn another_content_type_is_refused() {
    let bench = Bench::new(false);
    let terms = Terms { extensions: &[], bytes_max: 1, texts: &[], csrf: None };
    for (kind, expected) in [("application/json", 415), ("multipart/mixed; boundary=a", 415), ("multipart/form-data", 400)] {
        let request = Request::builder().header(header::CONTENT_TYPE, kind).body(Body::empty()).expect("a request");
        assert_eq!(status(receive(request, &bench.blobs, &terms).await.expect_err(kind)), expected);
    }
}

#[tokio::test]
async fn the_rest_of_a_refused_upload_is_read_and_dropped() {
    let mut bench = Bench::new(false);
    bench.max = 3_000_000;
    let whole = body(&[("file", Some("a.png"), &vec![b'a'; 2_000_000])]);
    let taken = Arc::new(AtomicU64::new(0));
    let counted = taken.clone();
    let pieces: Vec<_> = whole.chunks(10_000).map(Bytes::copy_from_slice).collect();
    let pieces = stream::iter(pieces).map(Ok::<_, io::Error>).inspect(move |piece| {
        counted.fetch_add(piece.as_ref().map_or(0, |p| p.len() as u64), Ordering::Relaxed);
    });
    assert!(matches!(bench.send(Body::from_stream(pieces), None).await, Err(Refusal::Kind(_))));
    assert_eq!(taken.load(Ordering::Relaxed), whole.len() as u64);
    assert!(bench.is_clean());
}
