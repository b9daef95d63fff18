//! What every trial of one run shares: the document, the connection, the credentials, the objects that were made.

use std::borrow::Cow;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bitting_spec::{Document, Operation, Schema};
use futures_util::future::select;
use jsonschema::Validator;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::exercise::Exercises;
use super::keyring::Keyring;
use super::needs::Needs;
use super::shape::Shapes;
use super::stage::Stage;
use super::trial::Stop;
use crate::checks::rate_limit::refused_for;
use crate::clock::{Deadline, Pace};
use crate::credentials::{Credentials, Nature, Role, Target, is_basic, nature};
use crate::error::Error;
use crate::generate::{Case, Declared, text_of};
use crate::http::{Base, Broken, Client, Exchange, Request, Vault, bytes_behind_head, taken};
use crate::options::Options;
use crate::plan::has_valid;
use crate::secret::Secret;

/// Why a check was not done in a run that may last so long and no longer.
pub(super) const TIME_UP: &str = "the time was up (--max-time)";
/// So many failed connections in a row mean that the server is gone.
const GONE: u32 = 8;
/// How often a request that meets a rate limit is sent again.
const PATIENCE: u32 = 3;
/// The part of the time that is kept for removing what was made: a tenth, and no more than this.
const MOST_RESERVED: Duration = Duration::from_secs(5);
/// How much longer than its time a run may take, to remove what it made.
const OVERTIME: Duration = Duration::from_millis(500);
/// How long a run that was stopped goes on removing what it made.
const PATIENCE_AT_END: Duration = Duration::from_secs(2);
/// The longest that the suite waits for a rate limit.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// The shared part of a run.
pub(crate) struct Context<'a> {
    pub(crate) document: &'a Document,
    pub(crate) options: &'a Options,
    pub(crate) credentials: &'a Credentials,
    pub(crate) base: Base,
    pub(crate) vault: Vault,
    /// When the checks end.
    pub(crate) deadline: Deadline,
    /// Nobody who may enter is known: only what happens at the door can be told.
    pub(crate) is_stranger: bool,
    /// When everything ends.
    end: Deadline,
    pub(super) stage: Stage,
    pub(super) keyring: Keyring,
    pub(super) shapes: Shapes,
    pub(super) exercises: Exercises,
    needs: OnceLock<Needs>,
    client: Client,
    pace: Option<Pace>,
    /// A request takes one while it is on its way.
    turns: Semaphore,
    validators: Mutex<HashMap<String, Option<Arc<Validator>>>>,
    declared: Mutex<HashMap<String, Arc<Declared>>>,
    requests: AtomicU64,
    /// The next attempt of a request that tells its attempts apart.
    attempts: AtomicU64,
    unconnected: AtomicU32,
    limits_matter: AtomicBool,
}

impl<'a> Context<'a> {
    pub(super) fn new(document: &'a Document, target: &'a Target, options: &'a Options) -> Result<Self, Error> {
        let prefixes = document.security_schemes.iter().filter_map(|scheme| scheme.auth.key.as_ref()?.prefix.clone());
        let base = Base::parse(&target.base_url)?;
        if !options.owned && !base.is_loopback() {
            let message = "it is not on this machine, and a run creates, changes and deletes data there";
            let remedy = "if it is yours to test, say so: --i-own-this, or `owned = true` under [target]";
            return Err(Error::config(format!("URL `{}`", base.as_str()), message, remedy));
        }
        // With TLS the server chooses (RFC 7301): there is nothing to know before.
        let http2 = options.http2 && base.as_str().starts_with("http:");
        let context = Self {
            document,
            options,
            credentials: &target.credentials,
            client: Client::speaking(&base, options.timeout, &options.authorities, http2)?,
            base,
            is_stranger: !has_valid(document, &target.credentials),
            vault: Vault::new(prefixes.collect()),
            deadline: Deadline::after(options.max_time.map(|time| time.saturating_sub(reserved(time)))),
            end: Deadline::after(options.max_time.map(|time| time.saturating_add(OVERTIME))),
            stage: Stage::default(),
            keyring: Keyring::default(),
            shapes: Shapes::default(),
            exercises: Exercises::default(),
            needs: OnceLock::new(),
            pace: options.rate.map(Pace::per_second),
            turns: Semaphore::new(options.workers),
            validators: Mutex::default(),
            declared: Mutex::default(),
            requests: AtomicU64::new(0),
            attempts: AtomicU64::new(first_attempt()),
            unconnected: AtomicU32::new(0),
            limits_matter: AtomicBool::new(false),
        };
        context.keep_given();
        Ok(context)
    }

    /// What each operation asks for first.
    pub(super) fn needs(&self) -> &Needs {
        self.needs.get_or_init(|| Needs::of(self.document))
    }

    /// Remembers every secret that was given, so that none is shown.
    fn keep_given(&self) {
        for (role, principal) in self.credentials.principals() {
            for scheme in &self.document.security_schemes {
                if let Some(secret) = principal.secret(scheme) {
                    self.keep(role, &scheme.name, &secret);
                }
            }
            if let Some(client) = &principal.client {
                let origin = format!("the secret of the OAuth client {}", client.id);
                self.vault.keep(&client.secret, &variable(role, "CLIENT_SECRET"), &origin);
            }
            if let Some(login) = &principal.login {
                let origin = format!("the password of {}", login.username);
                self.vault.keep(&login.password, &variable(role, "PASSWORD"), &origin);
            }
        }
    }

    /// Remembers a secret of a principal, in the form too in which HTTP Basic sends it (RFC 7617, 2).
    pub(super) fn keep(&self, role: Role, name: &str, secret: &Secret) {
        let (variable, origin) = self.described(role, name);
        self.vault.keep(secret, &variable, &origin);
        let scheme = self.document.scheme(name);
        if scheme.is_some_and(is_basic) {
            let encoded = Secret::new(STANDARD.encode(secret.expose()));
            self.vault.keep(&encoded, &self::variable(role, "BASIC"), &format!("{origin}, in base64"));
        }
    }

    /// Remembers a token that `request` gets: it stands at `pointer` in the answer.
    pub(super) fn keep_taken(&self, role: Role, name: &str, token: &Secret, request: &Request, pointer: &str) {
        let (variable, origin) = self.described(role, name);
        let made = taken(&self.base, request, &self.vault, pointer, &variable);
        self.vault.keep_made(token, &variable, &origin, made);
    }

    /// The shell variable for a principal's secret, and what it is.
    fn described(&self, role: Role, name: &str) -> (String, String) {
        let kind = match self.document.scheme(name).map(nature) {
            Some(Nature::Token) => "TOKEN",
            _ => "API_KEY",
        };
        let who = self.credentials.principal(role).and_then(|principal| principal.login.as_ref());
        let who = who.map(|login| format!(", {}", login.username)).unwrap_or_default();
        (variable(role, kind), format!("a credential for {name} of the principal `{role}`{who}"))
    }

    /// The requests sent so far.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Whether nothing new may be begun: the time is up, or somebody stopped the run.
    pub(crate) fn is_over(&self) -> bool {
        self.why_over().is_some()
    }

    /// Why nothing new may be begun, if so.
    pub(super) fn why_over(&self) -> Option<&'static str> {
        if self.options.interrupt.is_raised() {
            return Some("the run was interrupted");
        }
        self.deadline.passed().then_some(TIME_UP)
    }

    /// Ends when nothing new may be begun.
    pub(super) async fn over(&self) {
        select(pin!(self.deadline.reached()), pin!(self.options.interrupt.raised())).await;
    }

    /// Does what ends a run, as far as there is time; whoever stops the run waits no longer than a little while.
    pub(super) async fn in_time(&self, work: impl Future<Output = ()>) {
        let patience = async {
            self.options.interrupt.raised().await;
            tokio::time::sleep(PATIENCE_AT_END).await;
        };
        let (patience, end) = (pin!(patience), pin!(self.end.reached()));
        select(pin!(work), select(patience, end)).await;
    }

    /// Leaves everything as it was.
    pub(super) async fn close(&self) {
        self.tidy_up().await;
        self.restore_member().await;
        self.restore_rate().await;
    }

    /// Sends a request. An answer that says "too many requests" is waited out, unless limits are what is checked.
    pub(crate) async fn exchange(&self, mut request: Request) -> Result<Exchange, Broken> {
        for round in 0.. {
            if self.unconnected.load(Ordering::Relaxed) >= GONE {
                return Err(Broken::Connect("the server is gone".to_owned()));
            }
            if let Some(pace) = &self.pace {
                tokio::time::sleep(pace.turn()).await;
            }
            self.requests.fetch_add(1, Ordering::Relaxed);
            // It is never closed.
            let turn = self.turns.acquire().await;
            let sent = self.client.send(&self.base, &request).await;
            drop(turn);
            match &sent {
                Err(Broken::Connect(_)) => drop(self.unconnected.fetch_add(1, Ordering::Relaxed)),
                _ => self.unconnected.store(0, Ordering::Relaxed),
            }
            let exchange = Exchange { request, answer: sent? };
            // Few answers are refusals.
            let wait = if exchange.answer.status < 400 { None } else { refused_for(self.document, &exchange) };
            let Some(wait) = wait.filter(|_| !self.limits_matter.load(Ordering::Relaxed)) else { return Ok(exchange) };
            if round >= PATIENCE || !self.wait_out(Duration::from_secs(wait)).await {
                return Err(Broken::Limited);
            }
            request = exchange.request;
        }
        Err(Broken::Limited)
    }

    /// How many bytes follow the head of the answer to `request`, if that can be told.
    pub(crate) async fn bytes_behind_head(&self, request: &Request) -> Option<usize> {
        if self.options.http2 {
            return None;
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        // It is never closed.
        let _turn = self.turns.acquire().await;
        bytes_behind_head(&self.base, request, self.options.timeout).await
    }

    /// Sends a request whose target may be the URL of another server, such as one that grants tokens.
    pub(super) async fn exchange_anywhere(&self, request: Request) -> Result<Exchange, Broken> {
        if !request.target.contains("://") {
            return self.exchange(request).await;
        }
        let unusable = |error: Error| Broken::Request(error.to_string());
        let elsewhere = Base::parse(&request.target).map_err(unusable)?;
        let client = Client::new(&elsewhere, self.options.timeout, &self.options.authorities).map_err(unusable)?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        Ok(Exchange { answer: client.send(&elsewhere, &request).await?, request })
    }

    /// Waits until the server takes requests again. `false` when that would take too long.
    async fn wait_out(&self, wait: Duration) -> bool {
        if let Some(provisioner) = self.credentials.provisioner()
            && provisioner.reset_rate_limits().await.is_ok()
        {
            return true;
        }
        if wait > LONGEST_WAIT || !self.deadline.allows(wait) {
            return false;
        }
        tokio::time::sleep(wait).await;
        true
    }

    /// The case as an attempt that the server has not seen.
    pub(super) fn attempt<'c>(&self, operation: &Operation, case: &'c Case) -> Cow<'c, Case> {
        self.shape(operation).attempt(case, self.attempts.fetch_add(1, Ordering::Relaxed))
    }

    /// A text that stands nowhere else.
    pub(crate) fn fresh_text(&self) -> String {
        format!("bitting-{}", self.attempts.fetch_add(1, Ordering::Relaxed))
    }

    /// A key of an attempt that the server has not seen.
    pub(crate) fn fresh_key(&self, operation: &Operation) -> Option<String> {
        let key = self.shape(operation).fresh_key(self.attempts.fetch_add(1, Ordering::Relaxed))?;
        Some(text_of(&key))
    }

    /// Sends a request of `operation` as a principal. Where a user has one session at a time another login, which a check
    /// has made, has ended this one: then it is sent once more, in a new session.
    pub(super) async fn send_as(
        &self,
        operation: &Operation,
        role: Role,
        request: Request,
    ) -> Result<Result<Exchange, Broken>, Stop> {
        let ready = self.authorized(operation, role, request.clone()).await?;
        let mut held = self.keyring.held(role).await;
        let sent = self.exchange(ready).await;
        match &sent {
            Ok(refused) if refused.answer.status == 401 => {
                held.retain(|secret| refused.request.carries(secret.expose()));
            }
            _ => return Ok(sent),
        }
        if held.is_empty() {
            return Ok(sent);
        }
        self.keyring.give_up(role, &held).await;
        Ok(self.exchange(self.authorized(operation, role, request).await?).await)
    }

    /// Sends a call of `operation` as a principal.
    pub(crate) async fn call(&self, operation: &Operation, case: &Case, role: Role) -> Result<Exchange, Stop> {
        let request = self.attempt(operation, case).request(operation).map_err(Stop::Skip)?;
        let exchange = self.send_as(operation, role, request).await?.map_err(|broken| Stop::broken(&broken))?;
        self.note_made(operation, &exchange);
        Ok(exchange)
    }

    /// What somebody said about a parameter: for this operation, else of the principal, else for every operation.
    pub(crate) fn given(&self, operation: &Operation, name: &str, role: Role) -> Option<Value> {
        let data = &self.options.data;
        let of_principal =
            || self.credentials.principal(role)?.parameters.get(name).map(|value| Value::from(value.as_str()));
        let own = data.own(&operation.id, name).cloned();
        own.or_else(of_principal).or_else(|| data.parameters.get(name).cloned())
    }

    /// Sets the rate limit, where somebody can.
    pub(crate) async fn limit_rate(&self, limit: u64, window: Duration) -> bool {
        match self.credentials.provisioner() {
            Some(provisioner) => provisioner.set_rate_limit(limit, window).await.is_ok(),
            None => false,
        }
    }

    /// Takes back the limit that was set.
    pub(super) async fn restore_rate(&self) {
        if let Some(provisioner) = self.credentials.provisioner() {
            // Who could not set one has nothing to take back.
            drop(provisioner.restore_rate_limit().await);
        }
    }

    /// Forgets the requests that were counted so far, where somebody can.
    pub(crate) async fn forget_requests(&self) {
        if let Some(provisioner) = self.credentials.provisioner() {
            // Without it the counts stay, and the limit that is set next is high or the key new.
            drop(provisioner.reset_rate_limits().await);
        }
    }

    /// Lets `time` pass on the server: by its clock, or by waiting if that takes no longer than `patience`.
    pub(crate) async fn pass_time(&self, time: Duration, patience: Duration) -> bool {
        if let Some(provisioner) = self.credentials.provisioner()
            && provisioner.advance_clock(time).await.is_ok()
        {
            return true;
        }
        let waits = time <= patience && self.deadline.allows(time);
        if waits {
            tokio::time::sleep(time).await;
        }
        waits
    }

    /// A validator for a schema of the document, compiled once.
    pub(crate) fn validator(&self, schema: &Schema) -> Option<Arc<Validator>> {
        let mut known = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = known.get(&schema.pointer) {
            return validator.clone();
        }
        let made = crate::generate::validator(self.document, &schema.value).map(Arc::new);
        known.insert(schema.pointer.clone(), made.clone());
        made
    }

    /// The members that a schema of the document declares.
    pub(crate) fn declared(&self, schema: &Schema) -> Arc<Declared> {
        let mut known = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(declared) = known.get(&schema.pointer) {
            return Arc::clone(declared);
        }
        let made = Arc::new(Declared::new(schema.value.clone()));
        known.insert(schema.pointer.clone(), Arc::clone(&made));
        made
    }

    /// From now on an answer that says "too many requests" is what is checked.
    pub(crate) fn limits_matter(&self, matter: bool) {
        self.limits_matter.store(matter, Ordering::Relaxed);
    }

    /// Fails when the server has gone away during the run: what was skipped for that must not look like a result.
    pub(super) fn still_there(&self) -> Result<(), Error> {
        if self.unconnected.load(Ordering::Relaxed) < GONE {
            return Ok(());
        }
        let reason = format!("it stopped taking connections after {} requests", self.requests());
        let remedy = "look why in its log; --rate sends fewer requests in a second".to_owned();
        Err(Error::Unreachable { url: self.base.as_str().to_owned(), reason, remedy })
    }
}

/// The number of the first attempt: above those of every run that began in a second before.
fn first_attempt() -> u64 {
    u64::try_from(crate::clock::unix()).unwrap_or_default() << 16
}

/// The part of a run's time in which what was made is removed.
fn reserved(time: Duration) -> Duration {
    (time / 10).min(MOST_RESERVED)
}

/// The shell variable for a secret: `TOKEN` for the valid principal, `OTHER_ORGANIZATION_TOKEN` for another.
fn variable(role: Role, kind: &str) -> String {
    match role {
        Role::Valid => kind.to_owned(),
        other => format!("{}_{kind}", other.as_str().to_uppercase().replace('-', "_")),
    }
}
