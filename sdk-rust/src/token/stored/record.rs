//! A token as it stands in a store: JSON, with the moment at which it was asked for, so that its end is known later.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::clock::Now;
use crate::secret::Secret;
use crate::store::Sealed;
use crate::token::Grant;
use crate::token::life::Lifetime;

/// A token and what its renewal needs.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    access: Secret,
    refresh: Option<Secret>,
    lifetime: Lifetime,
    scopes: Vec<String>,
    asked: SystemTime,
    /// The secret of the OAuth client, for a session that a user began with one.
    pub(crate) client_secret: Option<Secret>,
}

/// The JSON of a record.
#[derive(Serialize, Deserialize)]
struct Json<'a> {
    access_token: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Cow<'a, str>>,
    /// Unix time in seconds.
    asked_at: f64,
    /// In seconds from then; none: until it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_in: Option<f64>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_secret: Option<Cow<'a, str>>,
}

impl Record {
    pub(crate) fn of(grant: &Grant, client_secret: Option<Secret>) -> Self {
        let Grant { access, refresh, lifetime, scopes, asked } = grant.clone();
        Self { access, refresh, lifetime, scopes, asked: asked.wall, client_secret }
    }

    /// The token, on the clock of this process.
    pub(crate) fn grant(&self, now: Now) -> Grant {
        let age = now.wall.duration_since(self.asked).unwrap_or(Duration::ZERO);
        let asked = Now { mono: now.mono.saturating_sub(age), wall: self.asked };
        let Self { access, refresh, lifetime, scopes, .. } = self.clone();
        Grant { access, refresh, lifetime, scopes, asked }
    }

    /// The refresh token, else the token itself: what a revocation ends the session by (RFC 7009, 2.1).
    pub(crate) fn revocable(&self) -> (&'static str, &Secret) {
        match &self.refresh {
            Some(refresh) => ("refresh_token", refresh),
            None => ("access_token", &self.access),
        }
    }

    pub(crate) fn sealed(&self) -> Sealed {
        let asked = self.asked.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let json = Json {
            access_token: self.access.expose().into(),
            refresh_token: self.refresh.as_ref().map(|secret| secret.expose().into()),
            asked_at: asked.as_secs_f64(),
            expires_in: match self.lifetime {
                Lifetime::Unknown => None,
                Lifetime::Once => Some(0.0),
                Lifetime::For(life) => Some(life.as_secs_f64()),
            },
            scopes: self.scopes.clone(),
            client_secret: self.client_secret.as_ref().map(|secret| secret.expose().into()),
        };
        // Strings and finite numbers always have a JSON form.
        Sealed::new(serde_json::to_vec(&json).unwrap_or_default())
    }

    /// Reads an entry; `None` if it is none of ours.
    pub(crate) fn read(bytes: &Sealed) -> Option<Self> {
        let json: Json<'_> = serde_json::from_slice(bytes.expose()).ok()?;
        let asked = Duration::try_from_secs_f64(json.asked_at).ok()?;
        let lifetime = match json.expires_in {
            None => Lifetime::Unknown,
            Some(seconds) if seconds <= 0.0 => Lifetime::Once,
            Some(seconds) => Lifetime::For(Duration::try_from_secs_f64(seconds).ok()?),
        };
        Some(Self {
            access: Secret::new(json.access_token),
            refresh: json.refresh_token.map(Secret::new),
            lifetime,
            scopes: json.scopes,
            asked: SystemTime::UNIX_EPOCH.checked_add(asked)?,
            client_secret: json.client_secret.map(Secret::new),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: SystemTime = SystemTime::UNIX_EPOCH;

    fn record(lifetime: Lifetime) -> Record {
        let (access, refresh) = (Secret::new("test-token"), Some(Secret::new("test-refresh")));
        let asked = ASKED + Duration::from_secs(1_000);
        let client_secret = Some(Secret::new("test-secret"));
        Record { access, refresh, lifetime, scopes: vec!["a".into()], asked, client_secret }
    }

    /// E1: what is written is read again, whatever the token's life.
    #[test]
    fn a_record_is_read_as_it_was_written() {
        for lifetime in [Lifetime::Unknown, Lifetime::Once, Lifetime::For(Duration::from_secs(3_600))] {
            let read = Record::read(&record(lifetime).sealed()).expect("a record");
            assert_eq!(
                (read.access.expose(), read.lifetime, read.asked),
                ("test-token", lifetime, record(lifetime).asked)
            );
            assert_eq!(read.client_secret, Some(Secret::new("test-secret")));
        }
        for bad in ["", "{}", "[]", r#"{"access_token": "t", "asked_at": -1}"#, r#"{"access_token": 1, "asked_at": 1}"#]
        {
            assert!(Record::read(&Sealed::new(bad)).is_none(), "{bad}");
        }
    }

    /// A14: the age of a stored token counts, also beyond the start of this process's clock.
    #[test]
    fn a_stored_token_is_as_old_as_it_is() {
        let now = |mono, wall| Now { mono: Duration::from_secs(mono), wall: ASKED + Duration::from_secs(wall) };
        let asked = |now| record(Lifetime::Once).grant(now).asked.mono.as_secs();
        assert_eq!(asked(now(500, 1_100)), 400);
        assert_eq!(asked(now(5, 1_100)), 0);
        assert_eq!(asked(now(5, 900)), 5, "a clock that was set back makes no token older");
    }
}
