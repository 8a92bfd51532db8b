//! The archive of a seal on its way out: streamed, a chunk of one file in memory at a time.
//! Must stay true: the entry is durable before the first byte leaves; an archive with an altered file breaks off and has no
//! end, and that it was altered is an entry.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, Method, header};
use axum::response::IntoResponse as _;
use bytes::Bytes;
use futures_util::stream::{StreamExt as _, try_unfold};
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use super::bundle::{self, Beside, Proven};
use super::web::{taken, told};
use super::web_list::Shown;
use super::{ARTIFACTS_MAX, Artifact, Download, Error, Sealed, Window, altered, artifacts, body, by_id};
use super::{document, dod};
use crate::core::fault::{Context as _, Fault};
use crate::core::zip::Zip;
use crate::db::{Detail, Outcome};
use crate::http::download::content_disposition;
use crate::http::headers::{IsDownload, IsPrivate};
use crate::http::{self, Answer, Ctx, Signed};
use crate::trail::read;

/// Bytes that are read at once.
const CHUNK_BYTES_MAX: usize = 128 * 1024;

/// Download a seal as one ZIP: its artifacts, the logs of the DoD's tool, `seal.json` and the proof of its entry
#[utoipa::path(get, path = "/api/v1/seals/{id}/archive", tag = "seals", params(("id" = String, Path)),
    responses((status = 200, content_type = "application/zip"), (status = 403, body = http::openapi::Problem), (status = 404, body = http::openapi::Problem)))]
pub(super) async fn get_archive(Signed { ctx, .. }: Signed, Path(id): Path<String>, method: Method) -> Answer {
    let (permit, seal) = taken(&ctx, &id).await?;
    let name = bundle::folder(&seal);
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        let (beside, artifacts) = gathered(&ctx, &seal).await?;
        let detail = Detail::ok().with("digest", seal.digest.as_str()).with("files", seal.files).with("bytes", seal.bytes);
        ctx.app.db.record(permit, detail).await?;
        stream(ctx, seal, name.clone(), beside, artifacts)
    };
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    if let Ok(value) = HeaderValue::from_str(&content_disposition(&format!("{name}.zip"))) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response.extensions_mut().insert(IsDownload);
    response.extensions_mut().insert(IsPrivate);
    Ok(response)
}

/// Everything but the bytes of the artifacts.
async fn gathered(ctx: &Ctx, seal: &Sealed) -> Result<(Beside, Vec<Artifact>), http::Error> {
    let (db, fail) = (&ctx.app.db, |e: Error| told(&ctx.app, e));
    let most = i64::try_from(ARTIFACTS_MAX).context("count artifacts")?;
    let artifacts = artifacts(db, &seal.id, 0, most).await.map_err(fail)?;
    let bytes = body(db, seal).await.map_err(fail)?;
    let log = dod::log(artifacts.iter().map(|a| (a.sha256.as_str(), a.file.as_str())));
    if hex::encode(Sha256::digest(log)) != seal.log_digest {
        return Err(fail(altered(seal)));
    }
    let (seq, proven) = proven(ctx, seal).await?;
    let page = serde_json::json!({ "seal": Shown::from(seal), "seq": seq, "documents": seal.documents.is_some(), "site": ctx.app.config.url(), "folder": bundle::folder(seal), "proven": proven.is_some() });
    let templates = &ctx.app.templates;
    let base = || minijinja::context! { time_zone => "UTC" };
    let readme = templates.render("export/seal.txt", base(), page.clone())?;
    let receipt = templates.render("export/receipt.html", base(), page)?;
    let documents = document::files(db, seal).await.map_err(fail)?;
    Ok((bundle::beside(bytes, &artifacts, documents, proven, [readme, receipt]), artifacts))
}

/// The place of a seal's entry, and the entry, once the row of the seal was held against it; no entry once it was pruned.
pub(super) async fn vouched(ctx: &Ctx, seal: &Sealed) -> Result<(i64, i64, Option<read::Entry>), http::Error> {
    let db = &ctx.app.db;
    let mut place = seal.entry_log.zip(seal.entry_seq);
    if place.is_none() {
        // What was committed a moment ago is linked now.
        db.settle().await?;
        let linked = by_id(db, &seal.id).await.map_err(|e| told(&ctx.app, e))?.ok_or_else(http::Error::not_found)?;
        place = linked.entry_log.zip(linked.entry_seq);
    }
    let (log, seq) = place.ok_or_else(|| Fault::new(format!("the entry of seal `{}` is not in the log", seal.id)))?;
    let entry = match read::entry(db, log, seq).await {
        Ok(entry) => entry,
        Err(crate::trail::Error::Pruned) => return Ok((log, seq, None)),
        Err(error) => return Err(error.into()),
    };
    let said: serde_json::Value = serde_json::from_slice(&entry.body).context("read the entry of a seal")?;
    let documents = seal.documents.as_deref().map_or(serde_json::Value::Null, Into::into);
    let is_of = said["resource"]["id"] == seal.id.as_str() && entry.is_as_hashed();
    let is_so = said["data"]["digest"] == seal.digest.as_str() && said["data"]["documents"] == documents;
    if !is_of || !is_so || said["data"]["artifacts_log"] != seal.log_digest.as_str() {
        return Err(told(&ctx.app, altered(seal)));
    }
    Ok((log, seq, Some(entry)))
}

/// The place of the entry, and its leaf with the proof under the newest checkpoint; no leaf once it was pruned.
async fn proven(ctx: &Ctx, seal: &Sealed) -> Result<(i64, Option<Proven>), http::Error> {
    let db = &ctx.app.db;
    // What was committed a moment ago is linked now, and then signed.
    db.settle().await?;
    ctx.app.keeper.sign_or_wait().await.map_err(crate::trail::Error::from)?;
    if let Some(cosigner) = &ctx.app.cosigner {
        cosigner.round_within(crate::cosign::EXPORT_WAIT_MAX).await;
    }
    let (log, seq, entry) = vouched(ctx, seal).await?;
    let Some(entry) = entry else { return Ok((seq, None)) };
    let leaf = entry.leaf()?;
    let proof = read::prove(db, log, seq).await?.ok_or(crate::trail::Error::NoCheckpoint)?;
    let origin = proof.note.lines().next().unwrap_or_default();
    let vkey = format!("{}\n", ctx.app.keeper.signer().vkey(origin));
    let index = u64::try_from(seq).context("place in the log")?;
    let proof = countersign_audit::write::proof_file(index, &proof.path, &proof.note);
    Ok((seq, Some(Proven { leaf, proof, vkey })))
}

/// A file that is being sent.
struct Sending {
    artifact: Artifact,
    file: ReaderStream<File>,
    hasher: Sha256,
}

struct Archive {
    ctx: Ctx,
    seal: Arc<Sealed>,
    folder: String,
    zip: Option<Zip>,
    beside: std::vec::IntoIter<(String, Vec<u8>)>,
    artifacts: std::vec::IntoIter<Artifact>,
    sending: Option<Sending>,
}

fn stream(ctx: Ctx, seal: Sealed, folder: String, beside: Beside, artifacts: Vec<Artifact>) -> Body {
    let zip = Some(Zip::default());
    let archive = Archive { ctx, seal: Arc::new(seal), folder, zip, beside: beside.into_iter(), artifacts: artifacts.into_iter(), sending: None };
    Body::from_stream(try_unfold(archive, |mut archive| async move {
        match archive.next().await {
            Ok(part) => Ok(part.map(|part| (part, archive))),
            Err(fault) => {
                tracing::error!(fault = fault.chain(), "the archive of a seal was broken off");
                Err(std::io::Error::other(fault))
            }
        }
    }))
}

impl Archive {
    /// The next bytes; none when the archive is whole.
    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        let Some(zip) = &mut self.zip else { return Ok(None) };
        if let Some(sending) = &mut self.sending {
            if let Some(chunk) = sending.file.next().await.transpose().context("read an artifact")? {
                sending.hasher.update(&chunk);
                zip.part(&chunk);
                return Ok(Some(chunk));
            }
            let end = zip.end_file();
            let Some(sent) = self.sending.take() else { return Ok(None) };
            let found = hex::encode(sent.hasher.finalize());
            if found != sent.artifact.sha256 {
                return Err(self.altered(&sent.artifact, &found).await);
            }
            return Ok(Some(end.into()));
        }
        if let Some((name, bytes)) = self.beside.next() {
            return Ok(Some(zip.file(&format!("{}/{name}", self.folder), &bytes).into()));
        }
        let Some(artifact) = self.artifacts.next() else { return Ok(self.zip.take().map(|zip| zip.end().into())) };
        let begun = zip.begin(&format!("{}/{}", self.folder, artifact.file));
        let Some(opened) = self.ctx.app.blobs.open(&artifact.sha256).await? else {
            return Err(self.altered(&artifact, "nothing").await);
        };
        let file = ReaderStream::with_capacity(opened.file, CHUNK_BYTES_MAX);
        self.sending = Some(Sending { artifact, file, hasher: Sha256::new() });
        Ok(Some(begun.into()))
    }

    /// Puts the alteration into the trail, and says what goes to the log.
    async fn altered(&self, artifact: &Artifact, found: &str) -> Fault {
        let window = Window { seal: Some(self.seal.id.clone()), outside: false };
        let detail = Detail::of(Outcome::Error).because("hash_mismatch").with("sha256", artifact.sha256.as_str()).with("found", found);
        if let Ok(permit) = self.ctx.app.policy.permit::<Download>(&self.ctx.actor, &window)
            && let Err(error) = self.ctx.app.db.record(permit, detail).await
        {
            tracing::error!(%error, "an altered file was not recorded");
        }
        Fault::new(format!("the file `{}` of seal `{}` was altered: found {found}; restore it from a backup", artifact.file, self.seal.id))
    }
}
