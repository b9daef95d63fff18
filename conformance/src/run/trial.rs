//! One check at work on one operation: it sends, looks, and stops at the first thing that is wrong.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use bitting_spec::extension::AuthCase;
use bitting_spec::{Operation, SecurityScheme};

use super::Context;
use super::keyring::apply;
use crate::check::Need;
use crate::credentials::{Nature, Role, nature};
use crate::finding::Observation;
use crate::generate::Case;
use crate::http::{Broken, Exchange, Request};
use crate::secret::Secret;

/// Why a trial stops before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Something is wrong.
    Fail(Box<Observation>),
    /// It cannot be told.
    Skip(String),
}

/// What cannot be told, and why.
pub(crate) fn skip(reason: &str) -> Stop {
    Stop::Skip(reason.to_owned())
}

impl Stop {
    /// Why it was, where what stopped is no more than a step on the way.
    pub(crate) fn reason(self) -> String {
        match self {
            Self::Skip(reason) => reason,
            Self::Fail(seen) => seen.summary,
        }
    }

    /// No answer that could be judged; `response.readable` is the check that says so.
    pub(crate) fn broken(broken: &Broken) -> Self {
        Self::Skip(format!("the server gave no answer that could be judged: {broken}"))
    }
}

impl From<Observation> for Stop {
    fn from(seen: Observation) -> Self {
        Self::Fail(Box::new(seen))
    }
}

/// A check at work on an operation.
pub(crate) struct Trial<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) operation: &'a Operation,
    cases: AtomicU32,
    note: Mutex<Option<Observation>>,
    refusals: Mutex<BTreeSet<u16>>,
}

impl<'a> Trial<'a> {
    pub(super) fn new(context: &'a Context<'a>, operation: &'a Operation) -> Self {
        Self { context, operation, cases: AtomicU32::new(0), note: Mutex::new(None), refusals: Mutex::default() }
    }

    /// How the trial ended, all in all: a note counts if nothing worse came after it.
    pub(super) fn ended(self, ended: Result<(), Stop>) -> Result<u32, Stop> {
        let note = self.note.into_inner().unwrap_or_else(PoisonError::into_inner);
        match (ended, note) {
            (Ok(()) | Err(Stop::Skip(_)), Some(note)) => Err(note.into()),
            (Ok(()), None) => Ok(self.cases.into_inner()),
            (Err(stop), _) => Err(stop),
        }
    }

    /// Remembers how a credential was answered that was to be refused.
    pub(crate) fn met(&self, status: u16) {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).insert(status);
    }

    /// How the credentials were answered that were to be refused.
    pub(super) fn refusals(&self) -> Vec<u16> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// Something worth knowing was seen; the trial goes on. The first one counts.
    pub(crate) fn note(&self, seen: Observation) {
        self.note.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(seen);
    }

    /// A verdict of another trial's cases is counted here.
    pub(crate) fn count(&self, cases: u32) {
        self.cases.fetch_add(cases, Ordering::Relaxed);
    }

    /// The requests so far.
    pub(crate) fn cases(&self) -> u32 {
        self.cases.load(Ordering::Relaxed)
    }

    /// A case that the server answers with a success when the valid principal sends it (it was tried), about an object
    /// that may be used up.
    ///
    /// Where nobody is known who may enter, it is one that was not tried: the operation's least, about anything.
    pub(crate) async fn case(&self) -> Result<Case, Stop> {
        if self.context.is_stranger && !self.operation.is_public() {
            return self.context.blind(self.operation);
        }
        self.context.positive(self.operation, Role::Valid).await
    }

    /// The request of [`Trial::case`], without credentials.
    pub(crate) async fn request(&self) -> Result<Request, Stop> {
        self.case().await?.request(self.operation).map_err(Stop::Skip)
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request) -> Result<Exchange, Stop> {
        self.count(1);
        let exchange = self.context.exchange(request).await.map_err(|broken| Stop::broken(&broken))?;
        if exchange.request.method == self.operation.method {
            self.context.note_made(self.operation, &exchange);
        }
        Ok(exchange)
    }

    /// Sends a call of any operation as a principal.
    pub(crate) async fn call(&self, operation: &Operation, case: &Case, role: Role) -> Result<Exchange, Stop> {
        self.count(1);
        self.context.call(operation, case, role).await
    }

    /// The answers to a call of this operation by every way in that the principal has: servers look after keys and tokens
    /// in different places.
    pub(crate) async fn call_every_way(&self, case: &Case, role: Role) -> Result<Vec<Exchange>, Stop> {
        let mut answers = vec![self.call(self.operation, case, role).await?];
        let request = case.request(self.operation).map_err(Stop::Skip)?;
        let mut ways = Vec::new();
        for alternative in self.operation.security.iter().filter(|alternative| !alternative.is_empty()) {
            let names = alternative.keys();
            ways.extend(self.context.with_alternative(self.operation, names, role, request.clone()).await);
        }
        // The first of them was taken by the call.
        for way in ways.into_iter().skip(1) {
            answers.push(self.send(way).await?);
        }
        Ok(answers)
    }

    /// The schemes of one nature that alone open this operation.
    pub(crate) fn schemes(&self, wanted: Nature) -> Vec<&'a SecurityScheme> {
        let all = single_schemes(self.context, self.operation).into_iter();
        all.filter(|scheme| nature(scheme) == wanted).collect()
    }

    /// The valid principal's secret for a scheme: one of its own where the operation ends what it is called with.
    pub(crate) async fn secret(&self, scheme: &SecurityScheme) -> Result<Secret, Stop> {
        self.context.secret_for(self.operation, Role::Valid, scheme).await
    }

    /// What the valid principal reads of the object that `about` names.
    pub(crate) async fn seen(&self, read: &Operation, about: &Case) -> Result<Exchange, Stop> {
        self.call(read, &self.context.reading(read, about), Role::Valid).await
    }

    /// Sends the operation's positive case with `secret` for `scheme`.
    pub(crate) async fn with_secret(&self, scheme: &SecurityScheme, secret: &Secret) -> Result<Exchange, Stop> {
        let request = self.request().await?;
        self.send(apply(scheme, secret, request)).await
    }

    /// Stops unless the exchange was refused as a bad credential must be. `who` says what was sent.
    pub(crate) fn refused(&self, exchange: &Exchange, cases: &[AuthCase], who: &str) -> Result<(), Stop> {
        let status = exchange.answer.status;
        self.met(status);
        let documented = self.documented(cases);
        let wanted = if documented.is_empty() { self.rejections() } else { documented.clone() };
        let expected = format!("{who} is refused with {}", listed(&wanted));
        if status < 400 {
            return Err(Observation::error(format!("{who} got in"), expected, exchange).into());
        }
        if status >= 500 {
            return Err(Observation::error(format!("{who} broke the server"), expected, exchange).into());
        }
        if wanted.contains(&status) {
            return Ok(());
        }
        if self.context.is_stranger && status != 403 {
            // The request may be wrong in other ways too.
            let remedy = Need::Valid.remedy();
            return Err(Stop::Skip(format!("it answered {status}, which may be about something else: {remedy}")));
        }
        let cause = format!("{who} was refused with {status}");
        if documented.is_empty() {
            self.note(Observation::note(cause, expected, exchange));
            return Ok(());
        }
        Err(Observation::error(cause, format!("{expected}, as the document's examples say"), exchange).into())
    }

    /// The statuses that the document's examples name for these refusals (`x-auth-case`).
    pub(crate) fn documented(&self, cases: &[AuthCase]) -> Vec<u16> {
        let mut statuses: Vec<u16> = self.examples(cases).into_iter().map(|(status, _)| status).collect();
        statuses.dedup();
        statuses
    }

    /// The document's examples for these refusals, with their status.
    pub(crate) fn examples(&self, cases: &[AuthCase]) -> Vec<(u16, &'a serde_json::Value)> {
        let mut all = Vec::new();
        for response in &self.operation.responses {
            let bitting_spec::Status::Code(status) = response.status else { continue };
            let examples = response.content.values().flat_map(|media| &media.examples);
            let wanted = examples.filter(|example| example.auth_cases.iter().any(|case| cases.contains(case)));
            all.extend(wanted.map(|example| (status, &example.value)));
        }
        all
    }

    /// The statuses that reject a credential here, where the document's examples name none: 401 (RFC 9110, 15.5.2),
    /// and what the schemes say themselves.
    fn rejections(&self) -> Vec<u16> {
        let schemes = self.operation.security.iter().flat_map(|alternative| alternative.keys());
        let mut statuses: Vec<u16> = schemes
            .filter_map(|name| self.context.document.scheme(name))
            .flat_map(|scheme| scheme.auth.rejected.clone())
            .collect();
        statuses.push(401);
        statuses.sort_unstable();
        statuses.dedup();
        statuses
    }
}

/// The schemes that alone open an operation.
pub(super) fn single_schemes<'a>(context: &Context<'a>, operation: &Operation) -> Vec<&'a SecurityScheme> {
    let alone = operation.security.iter().filter(|alternative| alternative.len() == 1);
    alone.flat_map(|alternative| alternative.keys()).filter_map(|name| context.document.scheme(name)).collect()
}

/// `401`, `401 or 403`, `401, 403 or 404`.
pub(crate) fn listed(statuses: &[u16]) -> String {
    match statuses {
        [] => "a refusal".to_owned(),
        [one] => one.to_string(),
        [many @ .., last] => {
            let many: Vec<String> = many.iter().map(ToString::to_string).collect();
            format!("{} or {last}", many.join(", "))
        }
    }
}
