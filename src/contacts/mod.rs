//! Contacts: who may be written to, and why.
//! Must stay true: a number is one contact; no import undoes an opt-out.

pub mod import;
