//! The signer of the trail: a memory of what it signed last, and a key for each epoch that is erased when the epoch ends.
//! It lives in the server's own process, or as `countersign signer` in one of its own, under another user, behind a socket.
//! Must stay true: both are one book; what was signed is extended, never contradicted.

mod book;
mod local;
mod remote;
mod serve;
#[cfg(test)]
mod tests;
mod wire;

pub use book::{Book, STATE, Signed};
pub use local::LocalSigner;
pub use remote::{KEY_NAME, RemoteSigner, remember};
pub use serve::serve;
