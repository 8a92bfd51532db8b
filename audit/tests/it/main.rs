//! Tests of the format from outside: golden vectors, tampered exports, both trees, the command.
//!
//! One binary; `support` makes logs and exports from fixed seeds, so every run sees the same bytes.

mod asked;
mod attacks;
mod both;
mod command;
mod exports;
mod gaps;
mod golden;
mod house;
mod large;
mod leaves;
mod notes;
mod python;
mod sealed;
mod support;
mod tamper;
mod tokens;
mod trees;
mod witnesses;
