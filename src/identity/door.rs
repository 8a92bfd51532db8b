//! Turns a cookie or a token into a caller, and gathers what is too frequent for an entry each: tries refused by a throttle
//! (per address and minute) and reads by token (per token and minute).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use axum::http::StatusCode;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::{ReadByToken, Refuse, roles_in, sessions, tokens};
use crate::core::clock::SECOND;
use crate::core::id::{PersonId, TokenId};
use crate::db::{DbError, Detail};
use crate::http::ctx::{Caller, Seen, Session, Stage};
use crate::http::gate::{Credential, Door};
use crate::http::{App, Error};
use crate::policy::{Actor, Auth, On, Origin, Who};

/// Addresses or tokens gathered at most; what comes beyond is not told apart, so that strangers cannot fill the memory.
const GATHERED_MAX: usize = 10_000;

/// Reads of one token since the last flush.
#[derive(Debug)]
struct Reads {
    count: i64,
    person: PersonId,
    name: String,
    address: IpAddr,
}

/// The door.
#[derive(Debug, Default)]
pub struct IdentityDoor {
    refused: Mutex<HashMap<IpAddr, i64>>,
    reads: Mutex<HashMap<TokenId, Reads>>,
}

impl IdentityDoor {
    async fn by_cookie(&self, app: &App, seen: &Seen, secret: &str) -> Result<Caller, Error> {
        let stranger = Caller { actor: Actor::stranger(seen.origin()), session: None };
        let found = sessions::resolve(&app.db, &app.policies.session, secret).await.map_err(super::web::told)?;
        let Some(found) = found else { return Ok(stranger) };
        let full = found.stage == "full";
        let session = Session {
            id: found.id.clone(),
            person: found.person_id.clone(),
            username: found.username.clone(),
            display_name: found.display_name,
            time_zone: found.time_zone,
            text_size: found.text_size,
            stage: if full { Stage::Full } else { Stage::Half },
            enrols: found.totp_at.is_none(),
            next: found.next,
            auth_at: found.auth_at,
        };
        if !full {
            return Ok(Caller { session: Some(session), ..stranger });
        }
        let fresh = app.db.clock().now() - found.auth_at < app.policy.fresh_secs() * SECOND;
        let who = Who::Person { id: found.person_id.clone(), name: found.username, auth: Auth::Session(found.id) };
        let roles = roles_in(found.roles.as_deref());
        Ok(Caller { actor: Actor { who, roles, scopes: None, fresh, origin: seen.origin() }, session: Some(session) })
    }

    async fn by_token(&self, app: &App, seen: &Seen, presented: &str) -> Result<Caller, Error> {
        let refused = || Error::new(StatusCode::UNAUTHORIZED, "bad_token");
        let found = tokens::resolve(&app.db, presented, &seen.origin()).await.map_err(super::web::told)?.ok_or_else(refused)?;
        let scopes = found.scopes.split(' ').map(str::to_owned).collect();
        let roles = roles_in(found.roles.as_deref());
        let who = Who::Person { id: found.person_id.clone(), name: found.username.clone(), auth: Auth::Token(found.id.clone()) };
        // A token was made under fresh authentication and carries it for its scopes.
        let actor = Actor { who, roles, scopes: Some(scopes), fresh: true, origin: seen.origin() };
        self.gather_read(found, seen.address);
        Ok(Caller { actor, session: None })
    }

    fn gather_read(&self, token: tokens::Resolved, address: IpAddr) {
        let mut reads = self.reads.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(known) = reads.get_mut(&token.id) {
            known.count += 1;
            known.address = address;
        } else if reads.len() < GATHERED_MAX {
            reads.insert(token.id, Reads { count: 1, person: token.person_id, name: token.username, address });
        }
    }
}

impl Door for IdentityDoor {
    fn resolve<'a>(&'a self, app: &'a App, seen: &'a Seen, credential: Credential<'a>) -> BoxFuture<'a, Result<Caller, Error>> {
        match credential {
            Credential::Cookie(secret) => self.by_cookie(app, seen, secret).boxed(),
            Credential::Token(token) => self.by_token(app, seen, token).boxed(),
        }
    }

    fn refused(&self, address: IpAddr) {
        let mut refused = self.refused.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let key = crate::core::address::bucket(address);
        if refused.len() < GATHERED_MAX || refused.contains_key(&key) {
            *refused.entry(key).or_default() += 1;
        }
    }

    fn flush<'a>(&'a self, app: &'a App) -> BoxFuture<'a, Result<(), DbError>> {
        let refused = std::mem::take(&mut *self.refused.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        let reads = std::mem::take(&mut *self.reads.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        async move {
            let (mut refused, mut reads) = (refused.into_iter(), reads.into_iter());
            let failed = loop {
                let Some((address, count)) = refused.next() else { break None };
                if let Err(error) = record_refusals(app, address, count).await {
                    break Some((error, Some((address, count)), None));
                }
            };
            let failed = match failed {
                Some(failed) => Some(failed),
                None => loop {
                    let Some((token, read)) = reads.next() else { break None };
                    if let Err(error) = record_reads(app, &token, &read).await {
                        break Some((error, None, Some((token, read))));
                    }
                },
            };
            let Some((error, address, token)) = failed else { return Ok(()) };
            // What could not be recorded now is recorded with the next flush.
            self.put_back(address.into_iter().chain(refused), token.into_iter().chain(reads));
            Err(error)
        }
        .boxed()
    }
}

impl IdentityDoor {
    fn put_back(&self, refused: impl Iterator<Item = (IpAddr, i64)>, reads: impl Iterator<Item = (TokenId, Reads)>) {
        let mut held = self.refused.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (address, count) in refused {
            *held.entry(address).or_default() += count;
        }
        let mut held = self.reads.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (token, read) in reads {
            let count = read.count;
            held.entry(token).and_modify(|known| known.count += count).or_insert(read);
        }
    }
}

async fn record_refusals(app: &App, address: IpAddr, count: i64) -> Result<(), DbError> {
    let actor = Actor { origin: Origin { address: Some(address), agent: None, request: None }, ..Actor::system() };
    let Ok(permit) = app.policy.permit::<Refuse>(&actor, &On::any("address")) else { return Ok(()) };
    app.db.record(permit, Detail::of(crate::db::Outcome::Denied).because("too_many").with("count", count)).await.map(drop)
}

async fn record_reads(app: &App, token: &TokenId, read: &Reads) -> Result<(), DbError> {
    let who = Who::Person { id: read.person.clone(), name: read.name.clone(), auth: Auth::Token(token.clone()) };
    let origin = Origin { address: Some(read.address), agent: None, request: None };
    let actor = Actor { who, roles: Vec::new(), scopes: None, fresh: false, origin };
    let Ok(permit) = app.policy.permit::<ReadByToken>(&actor, &On::one("token", token)) else { return Ok(()) };
    app.db.record(permit, Detail::ok().with("requests", read.count)).await.map(drop)
}
