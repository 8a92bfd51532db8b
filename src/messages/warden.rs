//! Who else has a say before a message is handed over: the campaign it belongs to.
//! Must stay true: asked in the transaction that records the attempt, so that what it says still holds when that is durable.

use futures_util::future::BoxFuture;

use super::{Attempt, Error, Message};
use crate::core::clock::Micros;
use crate::db::Tx;

/// What is said of a message whose turn has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Hand it over.
    Go {
        /// When it must have arrived, or die.
        until: Option<Micros>,
    },
    /// Not now.
    Wait {
        /// When to ask again.
        until: Micros,
    },
    /// Its gateway was stopped by an administrator.
    Stopped,
    /// Never: a stable code.
    Never(&'static str),
}

/// Has a say before a message is handed over.
pub trait Warden: Send + Sync + std::fmt::Debug {
    /// Is asked in the transaction that would record the attempt.
    fn ask<'a>(&'a self, tx: &'a mut Tx<Attempt>, message: &'a Message) -> BoxFuture<'a, Result<Verdict, Error>>;
}

/// Lets every message go that belongs to nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Warden for Nobody {
    fn ask<'a>(&'a self, _tx: &'a mut Tx<Attempt>, message: &'a Message) -> BoxFuture<'a, Result<Verdict, Error>> {
        let verdict = if message.campaign_id.is_none() { Verdict::Go { until: None } } else { Verdict::Never("campaign_gone") };
        Box::pin(std::future::ready(Ok(verdict)))
    }
}
