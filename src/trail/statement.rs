//! A statement put together from fixed fragments, each with a bound value behind it.
//! Must stay true: no value becomes part of a statement's text.

use crate::db::Db;
use crate::store::{Query, compose};

/// A statement in the making: fixed fragments, each with a bound value behind it.
#[derive(Debug)]
pub(super) struct Statement {
    parts: Vec<&'static str>,
    binds: Vec<Bound>,
}

#[derive(Debug)]
enum Bound {
    Text(String),
    Int(i64),
}

const PLACES: [&str; 20] = ["$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$16", "$17", "$18", "$19", "$20"];

impl Statement {
    /// Begins with a fixed text.
    pub fn new(start: &'static str) -> Self {
        Self { parts: vec![start], binds: Vec::new() }
    }

    /// A fragment with a text behind it.
    pub fn text(self, fragment: &'static str, value: impl Into<String>) -> Self {
        self.push(fragment, Bound::Text(value.into()))
    }

    /// A fragment with a number behind it.
    pub fn int(self, fragment: &'static str, value: i64) -> Self {
        self.push(fragment, Bound::Int(value))
    }

    fn push(mut self, fragment: &'static str, value: Bound) -> Self {
        self.parts.extend([fragment, PLACES[self.binds.len()]]);
        self.binds.push(value);
        self
    }

    /// Ready to run.
    pub fn on(self, db: &Db) -> Query<'_> {
        let query = db.query(compose(&self.parts));
        self.binds.into_iter().fold(query, |query, value| match value {
            Bound::Text(text) => query.bind(text),
            Bound::Int(number) => query.bind(number),
        })
    }
}
