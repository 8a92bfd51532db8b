//! Messages: intent first, one attempt, result after.

pub mod number;
