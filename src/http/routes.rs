//! The route table. A route cannot be added without a rule, and the suite sweeps the table.

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodRouter, on};

use super::App;

/// Who gets past the door of a route. What they may then do is the policy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Everybody.
    Public,
    /// Those whose password was right.
    Half,
    /// Everybody who is signed in.
    Signed,
    /// Those the policy allows this act.
    Act(&'static str),
}

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path with its parameters.
    pub path: &'static str,
    /// The rule.
    pub rule: Rule,
}

/// Routes of a slice, and in the end of the whole server.
#[derive(Debug, Default)]
pub struct Routes {
    table: Vec<Route>,
    routers: Vec<(&'static str, MethodRouter<App>)>,
}

impl Routes {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A GET (and its HEAD).
    #[must_use]
    pub fn get<H, T>(self, path: &'static str, rule: Rule, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(Method::GET, axum::routing::MethodFilter::GET, path, rule, handler)
    }

    /// A POST.
    #[must_use]
    pub fn post<H, T>(self, path: &'static str, rule: Rule, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(Method::POST, axum::routing::MethodFilter::POST, path, rule, handler)
    }

    /// A PUT.
    #[must_use]
    pub fn put<H, T>(self, path: &'static str, rule: Rule, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(Method::PUT, axum::routing::MethodFilter::PUT, path, rule, handler)
    }

    /// A DELETE.
    #[must_use]
    pub fn delete<H, T>(self, path: &'static str, rule: Rule, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(Method::DELETE, axum::routing::MethodFilter::DELETE, path, rule, handler)
    }

    fn add<H, T>(mut self, method: Method, filter: axum::routing::MethodFilter, path: &'static str, rule: Rule, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.table.push(Route { method, path, rule });
        self.routers.push((path, on(filter, handler)));
        self
    }

    /// Joins another slice's routes.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.table.extend(other.table);
        self.routers.extend(other.routers);
        self
    }

    /// The table, for the sweep and the OpenAPI check.
    #[must_use]
    pub fn table(&self) -> &[Route] {
        &self.table
    }

    /// The router.
    pub fn into_router(self) -> Router<App> {
        self.routers.into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods))
    }
}
