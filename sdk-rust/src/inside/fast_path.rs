//! The way of a call that needs nothing but a valid token, for `bitting-bench` to measure.

use std::sync::Arc;

use http::{HeaderMap, Method};
use url::Url;

use crate::attach::Placement;
use crate::clock::{BoxFuture, Clock, TokioClock};
use crate::secret::Secret;
use crate::token::life::Lifetime;
use crate::token::{Grant, Previous, TokenCache, TokenProblem, TokenSource};
use crate::transport::Outgoing;

/// A source whose tokens live for an hour.
#[derive(Debug)]
struct Hourly(Arc<dyn Clock>);

impl TokenSource for Hourly {
    fn fetch<'a>(&'a self, _: Option<Previous<'a>>) -> BoxFuture<'a, Result<Grant, TokenProblem>> {
        Box::pin(async move {
            let lifetime = Lifetime::For(std::time::Duration::from_secs(3_600));
            let (access, asked) = (Secret::new("rbtk_test_0123456789abcdef0123456789abcdef"), self.0.now());
            Ok(Grant { access, refresh: None, lifetime, scopes: Vec::new(), asked })
        })
    }
}

/// A cache that holds a valid token.
#[derive(Debug)]
pub struct Holding {
    cache: Arc<TokenCache>,
    clock: Arc<dyn Clock>,
}

/// A request that is authorized again and again.
#[derive(Debug)]
pub struct Carrier(Outgoing);

impl Holding {
    /// A cache with a token of one hour; `None` if it could not be made.
    pub async fn new() -> Option<Self> {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::new());
        let source = Box::new(Hourly(Arc::clone(&clock)));
        let cache = TokenCache::new("Token".to_owned(), Placement::Bearer, source, Arc::clone(&clock), None);
        let cache = Arc::new(cache);
        cache.token().await.ok()?;
        Some(Self { cache, clock })
    }

    /// Reads the clock and the token, and puts the token's header on a request. Answers whether there was one.
    pub fn authorize(&self, carrier: &mut Carrier) -> bool {
        let token = self.cache.fresh(self.clock.now());
        token.is_some_and(|token| {
            token.attachment.apply(&mut carrier.0);
            true
        })
    }
}

impl Carrier {
    /// A request without headers; `None` if it could not be made.
    #[must_use]
    pub fn new() -> Option<Self> {
        let url = Url::parse("https://api.example/devices").ok()?;
        Some(Self(Outgoing { method: Method::GET, url, headers: HeaderMap::with_capacity(8), body: None }))
    }
}
