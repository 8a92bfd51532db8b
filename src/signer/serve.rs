//! The signer's own process: one server, told by the user it runs as, one request at a time.
//! Must stay true: nobody else is listened to; no answer waits for a peer that dawdles.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::Book;
use super::remote::KEY_NAME;
use super::wire::{self, Ask};
use crate::core::fault::Fault;
use crate::db::signer::SignError;

/// A request that takes longer to arrive, or an answer to be taken, is broken off.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Answers on `listener` to the user `uid` until told to stop.
pub async fn serve(book: Book, listener: UnixListener, uid: u32, stop: CancellationToken) {
    // What is refused once is refused again every second, and said once.
    let mut said = None;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else { continue };
        match stream.peer_cred() {
            Ok(peer) if peer.uid() == uid => {}
            Ok(peer) => {
                tracing::warn!(uid = peer.uid(), "somebody else than the server asked; nothing was answered");
                continue;
            }
            Err(_) => continue,
        }
        if tokio::time::timeout(WAIT_MAX, answer(&book, stream, &mut said)).await.is_err() {
            tracing::warn!("a request took too long and was broken off");
        }
    }
}

async fn answer(book: &Book, mut stream: UnixStream, said: &mut Option<&'static str>) {
    let told = match wire::read::<Ask>(&mut stream).await {
        Ok(Some(ask)) => tell(book, ask),
        Ok(None) => Err(SignError::Away("bad_request")),
        Err(_) => return,
    };
    let class = told.as_ref().err().map(SignError::class);
    if let Err(error) = &told
        && *said != class
    {
        tracing::error!(class, error = %error, "a request was refused");
    }
    *said = class;
    let _ = wire::write(&mut stream, &wire::answer(told)).await;
}

fn tell(book: &Book, ask: Ask) -> Result<Value, SignError> {
    Ok(match ask {
        Ask::Key => book.vkey(KEY_NAME).into(),
        Ask::Last { origin } => book.last(&origin)?.map_or(Value::Null, |(size, root)| json!({ "size": size, "root": STANDARD.encode(root) })),
        Ask::Sign { origin, size, root, proof, leaf, inclusion } => {
            let claim = wire::claim(origin, size, &root, &proof, leaf.as_deref(), &inclusion);
            book.sign(&claim.ok_or_else(|| Fault::new("the claim is not in form"))?)?.into()
        }
        Ask::NextEpoch { origin } => json!(book.next_epoch(&origin)?),
        Ask::Ended { origin, n } => json!(book.ended(&origin, n)?),
    })
}
