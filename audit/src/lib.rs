//! The audit trail of Countersign: its format, its writer and its independent offline verifier.
//!
//! `README.md` of this crate is the normative specification. [`mod@write`] makes what it describes and
//! [`verify`] checks it; the two import nothing from each other, so that one mistake cannot hide in
//! both, and neither knows anything of the server.

pub mod verify;
pub mod write;
