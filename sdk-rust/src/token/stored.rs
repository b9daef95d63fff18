//! Tokens that several clients share through a store: whoever finds a newer one there uses it, and one renews (A16).

mod record;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) use record::Record;

use super::acquire::HttpSource;
use super::life::{Phase, Timing};
use super::{Grant, Previous, Token, TokenProblem, TokenSource};
use crate::attach::Placement;
use crate::clock::{BoxFuture, Now};
use crate::store::{StoreError, StoreKey, Swap, TokenStore, Version};

/// How long another process may take to renew the session: longer than its request may (A17).
const LEASE_WAIT: Duration = Duration::from_secs(45);

/// How often a login tries to take the place of an entry that changes meanwhile.
const MOST_CONFLICTS: u32 = 3;

/// A source of tokens that asks a store first, and writes what it obtained there before anybody uses it.
pub(crate) struct StoredSource {
    source: HttpSource,
    placement: Placement,
    store: Arc<dyn TokenStore>,
    key: StoreKey,
    /// The version of the entry that is known here: the token in memory is the one in it, or follows from it.
    seen: Mutex<Option<Version>>,
}

/// An entry of the store, read.
struct Found {
    version: Version,
    record: Record,
}

impl StoredSource {
    pub(crate) fn new(source: HttpSource, placement: Placement, store: Arc<dyn TokenStore>, key: StoreKey) -> Self {
        Self { source, placement, store, key, seen: Mutex::default() }
    }

    async fn obtain(&self, previous: Option<Previous<'_>>) -> Result<Grant, TokenProblem> {
        if let Some(grant) = self.newer(self.find().await?.as_ref()) {
            return Ok(grant);
        }
        let lease = self.store.lease(&self.key, LEASE_WAIT).await?;
        let found = self.find().await?;
        if let Some(grant) = self.newer(found.as_ref()) {
            return Ok(grant);
        }
        let result = self.renew(previous, found.as_ref(), lease.is_some()).await;
        match result {
            Ok(grant) => {
                self.write(&grant, found).await;
                Ok(grant)
            }
            // Somebody may have used the refresh token in spite of the lease, and then has its successor (A16).
            Err(problem) if problem.terminal => self.newer(self.find().await?.as_ref()).ok_or(problem),
            Err(problem) => Err(problem),
        }
    }

    /// Renews what is newest: the token in the store if somebody else put it there, else the one in memory.
    async fn renew(
        &self,
        previous: Option<Previous<'_>>,
        found: Option<&Found>,
        leased: bool,
    ) -> Result<Grant, TokenProblem> {
        let secret = found.and_then(|found| found.record.client_secret.as_ref());
        let stored = found.filter(|found| previous.is_none() || !self.knows(&found.version));
        let stored = stored.map(|found| self.token(found.record.grant(self.now()))).transpose()?;
        let previous = match &stored {
            Some(token) => Some(Previous { token, refused: false }),
            None => previous,
        };
        // Two uses of one refresh token end the session for both, so without the lease there is none (E3).
        if !leased && previous.is_some_and(|previous| previous.token.refresh.is_some()) {
            let what = format!("another process has been renewing this session for {LEASE_WAIT:?}");
            return Err(TokenProblem::transient(what));
        }
        self.source.obtain(previous, secret).await
    }

    /// Writes a token over the entry that it replaces. A store that fails now must not cost the session: the token is
    /// used from memory, and written with the next renewal. An entry that changed in spite of the lease is a new login,
    /// and stays.
    async fn write(&self, grant: &Grant, found: Option<Found>) {
        let client_secret = found.as_ref().and_then(|found| found.record.client_secret.clone());
        let expected = found.map(|found| found.version);
        self.see(expected.clone());
        let bytes = Record::of(grant, client_secret).sealed();
        if let Ok(Swap::Done(version)) = self.store.compare_and_swap(&self.key, expected, Some(bytes)).await {
            self.see(version);
        }
    }

    /// The token in the store, if it is another one than this client knows, and can be served.
    fn newer(&self, found: Option<&Found>) -> Option<Grant> {
        let Found { version, record } = found.filter(|found| !self.knows(&found.version))?;
        let now = self.now();
        let grant = record.grant(now);
        if Timing::new(grant.asked, grant.lifetime, 0.0).phase(now) == Phase::Over {
            return None;
        }
        self.see(Some(version.clone()));
        Some(grant)
    }

    async fn find(&self) -> Result<Option<Found>, TokenProblem> {
        let Some(entry) = self.store.load(&self.key).await? else { return Ok(None) };
        let unreadable = || {
            let place = format!("the stored session {}", self.key.as_str());
            StoreError::new(place, "holds no token of this version", "log in again")
        };
        let record = Record::read(&entry.bytes).ok_or_else(unreadable)?;
        Ok(Some(Found { version: entry.version, record }))
    }

    fn token(&self, grant: Grant) -> Result<Token, TokenProblem> {
        let attachment = self.placement.attach(&grant.access);
        let attachment =
            attachment.ok_or_else(|| TokenProblem::transient("the stored token can stand in no header"))?;
        let Grant { access, refresh, lifetime, scopes, asked } = grant;
        Ok(Token { access, refresh, attachment, generation: 0, timing: Timing::new(asked, lifetime, 0.0), scopes })
    }

    fn knows(&self, version: &Version) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(version)
    }

    fn see(&self, version: Option<Version>) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = version;
    }

    fn now(&self) -> Now {
        self.source.endpoint.clock.now()
    }
}

impl TokenSource for StoredSource {
    fn fetch<'a>(&'a self, previous: Option<Previous<'a>>) -> BoxFuture<'a, Result<Grant, TokenProblem>> {
        Box::pin(self.obtain(previous))
    }
}

impl fmt::Debug for StoredSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("StoredSource");
        debug.field("source", &self.source).field("key", &self.key).finish_non_exhaustive()
    }
}

impl From<StoreError> for TokenProblem {
    /// A store that fails may work later, so the credentials are kept (A9).
    fn from(error: StoreError) -> Self {
        Self::transient(error.to_string())
    }
}

/// Puts `record` in the place of whatever session was there, or removes that; it waits for a renewal under way.
pub(crate) async fn replace(store: &dyn TokenStore, key: &StoreKey, record: Option<&Record>) -> Result<(), StoreError> {
    let _lease = store.lease(key, LEASE_WAIT).await?;
    for _ in 0..MOST_CONFLICTS {
        let expected = store.load(key).await?.map(|entry| entry.version);
        let bytes = record.map(Record::sealed);
        if let Swap::Done(_) = store.compare_and_swap(key, expected, bytes).await? {
            return Ok(());
        }
    }
    let place = format!("the stored session {}", key.as_str());
    Err(StoreError::new(place, "changes all the time", "stop the other processes that use it, and try again"))
}
