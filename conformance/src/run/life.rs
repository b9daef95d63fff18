//! Tokens whose life ends while the run goes on: one that is left alone until its time is over, and one that a logout
//! took back. So a server shows what it does with both where nobody gave such tokens and nobody makes them to order.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bitting_spec::infer::is_logout;
use bitting_spec::{Document, Operation, SecurityScheme};
use tokio::sync::Mutex;

use super::{Context, Stop, apply};
use crate::check::{Check, Need};
use crate::clock;
use crate::credentials::{Credentials, Nature, Role, nature};
use crate::secret::Secret;

/// A server's second may begin later than ours.
const SECOND: Duration = Duration::from_secs(1);

/// On how many operations it is seen whether a logout took a token back.
const PROBES: usize = 4;

/// Tokens that are left alone, by scheme; with their life, if the server told it, and its end.
pub(super) type Ageing = Mutex<HashMap<String, (Secret, Option<(Duration, Instant)>)>>;

/// Whether a check has nothing but time to make the token that it needs.
pub(super) fn waits(check: &Check, credentials: &Credentials) -> bool {
    let is_given = credentials.provisioner().is_some() || credentials.principal(Role::Expired).is_some();
    check.info.needs.contains(&Need::ExpiredToken) && !is_given
}

/// The operation that ends the sessions of a scheme.
pub(crate) fn logout<'a>(document: &'a Document, scheme: &SecurityScheme) -> Option<&'a Operation> {
    let takes = |operation: &&Operation| {
        operation.security.iter().any(|alternative| alternative.len() == 1 && alternative.contains_key(&scheme.name))
    };
    document.operations.iter().filter(|operation| is_logout(operation)).find(takes)
}

impl Context<'_> {
    /// Logs in for a token of each scheme, and uses it once: its time runs from here on.
    pub(super) async fn begin_ageing(&self) {
        for scheme in self.document.security_schemes.iter().filter(|scheme| nature(scheme) == Nature::Token) {
            let Ok((token, life)) = self.new_session(Role::Valid, scheme).await else { continue };
            self.use_once(scheme, &token).await;
            let end = life.and_then(|life| Some((life, clock::now().checked_add(life)?)));
            self.keyring.ageing.lock().await.insert(scheme.name.clone(), (token, end));
        }
    }

    /// A token whose time is over. Clocks differ, so one that is still taken then has the leeway that the run is told to
    /// grant (RFC 7519, 4.1.4).
    pub(super) async fn outlived(&self, scheme: &SecurityScheme) -> Result<Secret, Stop> {
        let remedy = "give an expired token under [credentials.expired], or a provisioner";
        let known = self.keyring.ageing.lock().await.get(&scheme.name).cloned();
        let (token, end) =
            known.ok_or_else(|| Stop::Skip(format!("no login gave a token for {}: {remedy}", scheme.name)))?;
        let Some((life, end)) = end else {
            let unknown = "the login does not tell how long its token lives (`expires_in`, or `exp` of a JWT)";
            return Err(Stop::Skip(format!("{unknown}: {remedy}")));
        };
        let (leeway, most) = (self.options.leeway, self.options.max_wait);
        if life + SECOND + leeway > most {
            return Err(Stop::Skip(format!(
                "a token lives {} s, and to see it end takes {} s more: the run waits {} s at most (--max-wait); let the \
                 server give tokens of a shorter life for the test, or {remedy}",
                life.as_secs(),
                (SECOND + leeway).as_secs(),
                most.as_secs()
            )));
        }
        self.sleep_past(end.checked_add(SECOND).unwrap_or(end)).await?;
        if self.use_once(scheme, &token).await {
            self.sleep_past(end.checked_add(SECOND + leeway).unwrap_or(end)).await?;
        }
        Ok(token)
    }

    async fn sleep_past(&self, moment: Instant) -> Result<(), Stop> {
        let wait = moment.saturating_duration_since(clock::now());
        if !self.deadline.allows(wait) {
            let wait = wait.as_secs();
            return Err(Stop::Skip(format!(
                "the end of a token is {wait} s away, and the time is up before (--max-time)"
            )));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// A token that was used, and that a logout took back. Where a logout takes nothing back, `logout.access-token` says
    /// so once.
    pub(super) async fn logged_out(&self, scheme: &SecurityScheme) -> Result<Secret, Stop> {
        let operation = logout(self.document, scheme)
            .ok_or_else(|| Stop::Skip(format!("no operation ends a session of {}", scheme.name)))?;
        let (token, _) = self.new_session(Role::Valid, scheme).await?;
        let opened = self.opened(scheme, &token, self.document.operations.iter().collect(), PROBES).await;
        if opened.is_empty() {
            return Err(Stop::Skip("the token of a login opened nothing that can be read".to_owned()));
        }
        let case = Box::pin(self.likeliest(operation, Role::Valid)).await?;
        let request = apply(scheme, &token, case.request(operation).map_err(Stop::Skip)?);
        let ended = self.exchange(request).await.map_err(|broken| Stop::broken(&broken))?;
        // Some servers end every session of the user at once.
        self.log_in_anew().await;
        if !ended.answer.is_success() {
            return Err(Stop::Skip(format!("the logout was answered with {}", ended.answer.status)));
        }
        if self.opened(scheme, &token, opened.clone(), PROBES).await == opened {
            return Err(Stop::Skip("a logout does not take the token back, see `logout.access-token`".to_owned()));
        }
        Ok(token)
    }
}
