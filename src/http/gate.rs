//! The door: what turns a cookie or a bearer token into a caller. Implemented by `identity`, asked once per request.

use std::net::IpAddr;

use futures_util::future::BoxFuture;

use super::ctx::{Caller, Seen};
use super::{App, Error};
use crate::db::DbError;

/// A credential as the request carries it.
#[derive(Clone, Copy, Debug)]
pub enum Credential<'a> {
    /// The session cookie's secret.
    Cookie(&'a str),
    /// An API token.
    Token(&'a str),
}

/// Resolves credentials, and gathers what is too frequent for an entry each.
pub trait Door: Send + Sync + std::fmt::Debug {
    /// Who asks. An unknown cookie is a stranger; an unknown token is refused.
    fn resolve<'a>(&'a self, app: &'a App, seen: &'a Seen, credential: Credential<'a>) -> BoxFuture<'a, Result<Caller, Error>>;
    /// A try from this address was refused by a throttle.
    fn refused(&self, address: IpAddr);
    /// Writes what was gathered, one entry per address or token; called every minute.
    fn flush<'a>(&'a self, app: &'a App) -> BoxFuture<'a, Result<(), DbError>>;
}
