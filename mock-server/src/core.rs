//! The server without any network: a request goes in, an answer comes out, and the world may have changed.
//!
//! The order of decisions is fixed and published: route (404, 405), fault before, rate limit of an address (429),
//! authentication (401), rate limit of the caller (429), organization (403), scope (403), validity of the request (422 or
//! 400), the operation itself, our own answer against the document (mended if it breaks it), fault after.

mod beside;
mod faulty;
mod lifecycle;
mod mint;
pub(crate) mod misfit;
pub(crate) mod once;
mod populate;
mod snapshot;
mod spoil;
#[cfg(test)]
mod tests;
mod unread;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bitting_spec::Document;
use bitting_spec::extension::{AuthCase, Tenant};
use chrono::{DateTime, TimeDelta, Utc};
use http::header::DATE;
use http::{HeaderValue, Method};
use serde_json::{Value, json};

pub use lifecycle::{CreateKey, KeyError};
pub use mint::{MintError, MintKey, MintToken, Minted, Tamper};

use crate::StartError;
use crate::authenticate::{Doorkeeper, Principal, Way};
use crate::behaviour::{Behaviour, Desk, fields, grant_error, misasked, renews, schemes_of};
use crate::cache::{Asked, Cache};
use crate::clock::Clock;
use crate::defect::{Flaw, Flaws, UnknownDefect};
use crate::exchange::{Answer, Delivery, Outcome, Request};
use crate::fault::{Effect, Faults, Gates, Stage};
use crate::journal::record::Recording;
use crate::journal::{Journal, Note};
use crate::pages::DOCS;
use crate::plan::{OperationPlan, Plan};
use crate::rate::{self, Limits, Standing};
use crate::route::{Parameters, Routed, decoded};
use crate::scheme::Wire;
use crate::step::{STEPS, Skipped, Step, Tenancy};
use crate::token::Signer;
use crate::validate::{Given, Mender, Parts};
use crate::world::file::Origin;
use crate::world::seed::Ground;
use crate::world::{Permission, Population, World};

/// The server without any network. Shared by every front; all of its methods take `&self`.
pub struct Core {
    pub(crate) plan: Plan,
    pub(crate) seed: u64,
    pub(crate) population: Population,
    pub(crate) signer: Signer,
    pub(crate) flaws: Flaws,
    pub(crate) faults: Faults,
    pub(crate) limits: Limits,
    /// Where the server is, once it has a network.
    pub(crate) origin: OnceLock<String>,
    /// Whether it shows its documentation.
    pub(crate) has_docs: bool,
    /// Whether a refusal says why in a header.
    pub(crate) tells_reasons: bool,
    /// What a caller of another organization is told; `None`: what the document says.
    pub(crate) tenancy: Option<Tenancy>,
    /// Headers and bodies, where they are kept.
    pub(crate) recording: Option<Recording>,
    clock: Clock,
    gates: Gates,
    journal: Journal,
    world: Mutex<World>,
    initial: World,
    snapshots: Mutex<snapshot::Snapshots>,
    repeats: once::Repeats,
    misfits: misfit::Misfits,
    cache: Cache,
    skipped: Skipped,
    /// The last `Date` header and its second.
    date: Mutex<(i64, HeaderValue)>,
}

/// A request on its way.
struct Call<'r> {
    request: &'r Request,
    now: DateTime<Utc>,
    operation: Option<usize>,
    /// The path parameters as they came over the wire.
    path: Parameters<'r>,
    principal: Option<Arc<Principal>>,
    standing: Option<Standing>,
    delivery: Delivery,
    effects: Vec<(Stage, Effect)>,
    /// The state of the data that it is answered from; 0: none yet.
    revision: u64,
    /// Whether a defect lets it pass without a credential.
    is_unchecked: bool,
    /// How far the clock is off by which the operation runs.
    skew: TimeDelta,
}

impl Core {
    pub(crate) fn new(
        document: Document,
        seed: u64,
        (population, origin): (Population, Origin),
        clock: Clock,
        has_docs: bool,
    ) -> Result<Self, StartError> {
        let (plan, initial) = Plan::beside(document, |document, collections| {
            population.check()?;
            Ground { document, collections, population: &population, seed }.world()
        })?;
        let initial = initial.map_err(|misfit| origin.error(misfit))?;
        let mut core = Self {
            signer: Signer::new(seed),
            flaws: Flaws::default(),
            faults: Faults::new(seed),
            limits: Limits::default(),
            gates: Gates::default(),
            journal: Journal::default(),
            world: Mutex::new(initial),
            initial: World::default(),
            snapshots: Mutex::default(),
            repeats: once::Repeats::default(),
            misfits: misfit::Misfits::default(),
            cache: Cache::default(),
            skipped: Skipped::default(),
            date: Mutex::new((i64::MIN, HeaderValue::from_static(""))),
            origin: OnceLock::new(),
            // What the document has there comes first.
            has_docs: has_docs && plan.routes.find(&Method::GET, DOCS) == Routed::NotFound,
            tells_reasons: false,
            tenancy: None,
            recording: None,
            plan,
            seed,
            population,
            clock,
        };
        core.seed_keys().map_err(|misfit| origin.error(misfit))?;
        let initial = core.world().clone();
        core.initial = initial;
        Ok(core)
    }

    /// Answers a request. It is pure but for the world: no network, no waiting.
    pub fn handle(&self, request: &Request) -> Outcome {
        let mut call = Call {
            request,
            now: self.clock.now(),
            operation: None,
            path: Vec::new(),
            principal: None,
            standing: None,
            delivery: Delivery::default(),
            effects: Vec::new(),
            revision: 0,
            is_unchecked: false,
            skew: TimeDelta::zero(),
        };
        let mut answer = self.decide(&mut call).unwrap_or_else(|refusal| *refusal);
        let plan = call.operation.map(|index| &self.plan.operations[index]);
        if let Some(standing) = &call.standing {
            let names = plan.and_then(|plan| plan.standing.as_ref());
            standing.write(names, &mut answer.headers, &self.flaws);
        }
        if let Some(plan) = plan {
            answer = self.checked(plan, answer);
            self.keep(&call, plan, &mut answer);
            answer = self.after(&mut call, plan, answer);
            self.spoil(&call, plan, &mut answer);
        }
        answer.headers.insert(DATE, self.date(call.now));
        self.tell_why(&mut answer);
        let sequence = self.record(&call, &answer);
        let mut outcome = answer.outcome(call.delivery);
        call.effects.iter().for_each(|(_, effect)| spoil::disfigure(effect, &mut outcome));
        if let (Some(recording), Some(sequence)) = (&self.recording, sequence) {
            recording.keep(sequence, request, &outcome, &self.plan.secrets);
        }
        outcome
    }

    /// The stages up to the operation itself; a refusal ends them.
    fn decide<'c>(&'c self, call: &mut Call<'c>) -> Result<Answer, Box<Answer>> {
        let plan = self.route(call)?;
        self.before(call, plan)?;
        self.rate_limit(call, plan)?;
        let ways = self.authenticate(call, plan)?;
        call.principal = ways.first().and_then(Way::principal).cloned();
        if call.principal.is_some() {
            self.before(call, plan)?;
            self.rate_limit(call, plan)?;
        }
        self.organization(call, plan)?;
        self.scopes(call, plan, &ways)?;
        if let Some(answer) = self.kept(call, plan) {
            return Ok(answer);
        }
        let parts = Parts {
            path: &call.path,
            query: call.request.query(),
            headers: &call.request.headers,
            body: &call.request.body,
        };
        let given = plan.inputs.read(&parts).or_else(|invalid| {
            if self.skipped.has(Step::Validation) {
                return Ok(Given::unchecked(&call.request.body));
            }
            if let Some(answer) = self.unsupported_grant(plan, call.request) {
                return Err(Box::new(answer));
            }
            if let Behaviour::Authorize { scheme } = plan.behaviour
                && let Some(answer) = misasked(self, &self.plan.schemes[scheme], call.request.query())
            {
                return Err(Box::new(answer));
            }
            let status = if invalid.is_media_type && plan.answers.has(415) { 415 } else { plan.invalid };
            let words = format!("The request is not valid: {}", invalid.detail);
            let answer = plan.refusals.answer(status, None, Some(&words)).because("invalid");
            Err(Box::new(answer.saying(invalid.detail)))
        })?;
        self.once(call, plan, &given)
    }

    /// What an answer that may be kept is kept for.
    fn asked<'c>(&self, call: &'c Call<'_>, plan: &OperationPlan) -> Option<Asked<'c>> {
        let is_kept = plan.is_kept && call.request.body.is_empty() && self.flaws.is_empty() && self.skipped.is_empty();
        let organization = || call.principal.as_ref().map_or("", |principal| principal.organization.as_str());
        is_kept.then(|| Asked {
            revision: call.revision,
            operation: call.operation.unwrap_or_default(),
            target: &call.request.target,
            organization: organization(),
        })
    }

    fn kept(&self, call: &mut Call<'_>, plan: &OperationPlan) -> Option<Answer> {
        if plan.is_kept {
            call.revision = self.world().data.revision();
        }
        self.cache.get(self.asked(call, plan)?)
    }

    /// Keeps a success that was made and found to be right.
    fn keep(&self, call: &Call<'_>, plan: &OperationPlan, answer: &mut Answer) {
        let is_new = call.revision > 0 && !answer.is_checked;
        let is_made = is_new && answer.status == plan.success.status && answer.reason.is_none();
        if let Some(asked) = is_made.then(|| self.asked(call, plan)).flatten() {
            // Whoever changed something in the meantime made another state of it.
            if self.world().data.revision() != asked.revision {
                return;
            }
            self.cache.keep(asked, answer);
        }
    }

    /// A token endpoint says that it does not know a grant, not that a form is not valid (RFC 6749, 5.2).
    fn unsupported_grant(&self, plan: &OperationPlan, request: &Request) -> Option<Answer> {
        let form = matches!(plan.behaviour, Behaviour::Token { .. }).then(|| fields(&request.body))?;
        let asked = form.get("grant_type").and_then(Value::as_str)?;
        let Behaviour::Token { scheme } = &plan.behaviour else { return None };
        let scheme = &self.plan.schemes[*scheme];
        let is_known = match asked {
            "client_credentials" | "authorization_code" => true,
            "refresh_token" => renews(scheme),
            "password" => scheme.has_password_grant,
            _ => false,
        };
        (!is_known).then(|| grant_error(self, 400, "unsupported_grant_type"))
    }

    fn perform(&self, call: &Call<'_>, plan: &OperationPlan, given: &Given) -> Answer {
        let principal = call.principal.as_deref();
        let now = call.now.checked_add_signed(call.skew).unwrap_or(call.now);
        let path: Vec<_> =
            call.path.iter().map(|(name, text)| ((*name).to_owned(), decoded(text).into_owned())).collect();
        Desk { core: self, plan, request: call.request, principal, path: &path, given, now }.perform()
    }

    /// 404 for a path that the document does not have, 405 for a method.
    fn route<'c>(&'c self, call: &mut Call<'c>) -> Result<&'c OperationPlan, Box<Answer>> {
        let (method, path) = (&call.request.method, call.request.path());
        let mut routed = self.plan.routes.find(method, path);
        if routed == Routed::NotFound && self.flaws.has(Flaw::M39) {
            routed = self.plan.routes.find(method, path.strip_suffix('/').unwrap_or(path));
            call.is_unchecked = true;
        }
        match routed {
            Routed::Found { operation, parameters } => {
                call.path = parameters;
                call.operation = Some(operation);
                Ok(&self.plan.operations[operation])
            }
            Routed::WrongMethod { allowed } => {
                let allowed: Vec<&str> = allowed.iter().map(Method::as_str).collect();
                let answer = match *method == Method::OPTIONS {
                    true => Answer::empty(204),
                    false => Answer::json(405, json!({"detail": "Method Not Allowed"})).because("method"),
                };
                Err(Box::new(answer.with("allow", &allowed.join(", "))))
            }
            Routed::NotFound => Err(Box::new(self.beside(call))),
        }
    }

    fn authenticate<'c>(&'c self, call: &Call<'_>, plan: &'c OperationPlan) -> Result<Vec<Way<'c>>, Box<Answer>> {
        let doorkeeper = Doorkeeper {
            schemes: &self.plan.schemes,
            world: &self.world,
            signer: &self.signer,
            flaws: &self.flaws,
            audience: &self.plan.audience,
            now: call.now,
        };
        let wire = Wire {
            headers: &call.request.headers,
            query: call.request.query(),
            exact_spelling: self.flaws.has(Flaw::M15),
        };
        let is_skipped = call.is_unchecked
            || self.skipped.has(Step::Credential)
            || self.flaws.has(Flaw::M33) && call.request.method == Method::HEAD;
        let is_public = plan.security.is_empty();
        let is_demanding = is_public && self.flaws.has(Flaw::M20);
        let security = if is_demanding { &self.plan.any_credential } else { &plan.security };
        if is_skipped && !is_public {
            return Ok(vec![Way::unchecked(&self.world())]);
        }
        let is_refresh = matches!(plan.behaviour, Behaviour::Refresh { .. });
        doorkeeper.admit(security, &wire, is_refresh).map_err(|denied| {
            if denied.is_broken && self.flaws.has(Flaw::M22) {
                return Box::new(Answer::json(500, json!({"detail": "Internal Server Error"})).because("malformed"));
            }
            Box::new(self.unauthenticated(call, plan, denied.case))
        })
    }

    fn unauthenticated(&self, call: &Call<'_>, plan: &OperationPlan, case: AuthCase) -> Answer {
        let mut schemes = schemes_of(&self.plan.schemes, plan);
        if schemes.is_empty() {
            schemes = self.plan.schemes.iter().collect();
        }
        let mut answer = plan.refusals.credential(case, &schemes);
        if self.flaws.has(Flaw::M75) {
            self.limits.punish_everybody();
        }
        if self.flaws.has(Flaw::M21) {
            answer.headers.remove("www-authenticate");
        }
        if self.flaws.has(Flaw::M88) {
            let sent = ["authorization", "x-api-key"].iter().find_map(|name| call.request.headers.get(*name));
            let text = sent.and_then(|value| value.to_str().ok()).unwrap_or_default();
            answer.set("x-rejected-credential", text);
            if let Some(words) = answer.body.as_mut().and_then(|body| body.as_object_mut()?.values_mut().next()) {
                *words = Value::from(format!("{}: {text}", words.as_str().unwrap_or_default()));
            }
        }
        answer
    }

    fn rate_limit(&self, call: &mut Call<'_>, plan: &OperationPlan) -> Result<(), Box<Answer>> {
        if self.skipped.has(Step::RateLimit) {
            return Ok(());
        }
        let declared = plan.rate_limit.as_ref();
        let standing = self.limits.take(declared, call.principal.as_deref(), call.now.timestamp(), &self.flaws);
        call.standing = standing.or(call.standing);
        let Some(wait) = standing.and_then(|standing| standing.wait) else { return Ok(()) };
        let exceeded = declared.and_then(|limit| limit.exceeded.as_ref());
        let status = exceeded.and_then(|exceeded| exceeded.status.first().copied()).unwrap_or(429);
        let mut answer = plan.refusals.answer(status, None, None).because("rate-limit");
        rate::write_wait(&mut answer, declared, wait, &self.flaws);
        Err(Box::new(answer))
    }

    /// 403 where the path names another organization than the caller's, or 404 where those are hidden; whether it exists
    /// is not told.
    fn organization(&self, call: &Call<'_>, plan: &OperationPlan) -> Result<(), Box<Answer>> {
        if self.skipped.has(Step::Organization) {
            return Ok(());
        }
        // ARTOS-7: whoever is of none has none to see (a token binds the operation to its own).
        let is_homeless = |principal: &Arc<Principal>| principal.organization.is_empty() && !principal.is_anyone;
        if plan.operation.tenant == Some(Tenant::Token) && call.principal.as_ref().is_some_and(is_homeless) {
            let answer = plan.refusals.answer(403, Some(AuthCase::WrongOrganization), None);
            return Err(Box::new(answer.because("no-organization")));
        }
        let named = plan.tenant.as_ref();
        let value = named.and_then(|name| call.path.iter().find(|(known, _)| known == name)).map(|(_, value)| value);
        let (Some(principal), Some(organization)) = (&call.principal, value) else { return Ok(()) };
        let organization = decoded(organization);
        let exists = || self.world().accounts.organizations.contains_key(organization.as_ref());
        let is_read = matches!(call.request.method, Method::GET | Method::HEAD);
        if principal.organization == organization || principal.is_anyone && exists() {
            return Ok(());
        }
        if self.flaws.has(Flaw::M34) && is_read && exists() {
            return Ok(());
        }
        let is_hidden = match self.flaws.has(Flaw::M38) {
            true => !exists(),
            false => self.tenancy.map_or(plan.hides, |tenancy| tenancy == Tenancy::Hide),
        };
        let answer = match is_hidden {
            true => plan.refusals.answer(404, None, None),
            false => plan.refusals.answer(403, Some(AuthCase::WrongOrganization), None),
        };
        Err(Box::new(answer.because("wrong-organization")))
    }

    /// 403 where no way in has every scope, or the user may only read.
    fn scopes(&self, call: &mut Call<'_>, plan: &OperationPlan, ways: &[Way<'_>]) -> Result<(), Box<Answer>> {
        let is_read = matches!(call.request.method, Method::GET | Method::HEAD);
        let is_off = self.skipped.has(Step::Scope);
        let is_skipped = is_off || self.flaws.has(Flaw::M30) || self.flaws.has(Flaw::M32) && !is_read;
        let wide_enough = ways.iter().position(|way| way.is_wide_enough(&self.flaws));
        let Some(chosen) = wide_enough.or(is_skipped.then_some(0)) else {
            let schemes = schemes_of(&self.plan.schemes, plan);
            let missing = ways.first().map(|way| way.missing_scopes(&self.flaws)).unwrap_or_default();
            return Err(Box::new(plan.refusals.scope(&missing, &schemes)));
        };
        call.principal = ways.get(chosen).and_then(Way::principal).cloned();
        let may_only_read = call.principal.as_ref().is_some_and(|one| one.permission == Permission::ReadOnly);
        let is_about_data = !matches!(plan.behaviour, Behaviour::Refresh { .. } | Behaviour::Logout);
        if may_only_read && !is_read && is_about_data && !is_off {
            return Err(Box::new(plan.refusals.answer(403, Some(AuthCase::Forbidden), None).because("forbidden")));
        }
        Ok(())
    }

    /// Our own answer. If it breaks the document it is mended; where nothing fits it goes out as it is, and is told among
    /// the misfits. What a fault asked for may break it.
    fn checked(&self, plan: &OperationPlan, mut answer: Answer) -> Answer {
        if answer.reason == Some("fault") || self.skipped.has(Step::SelfCheck) {
            return answer;
        }
        // A refusal may be what a defect has broken.
        if answer.status >= 400 && !self.flaws.is_empty() {
            return answer;
        }
        if answer.status == plan.success.status {
            for (name, value) in &plan.success.headers {
                let is_flawed = self.flaws.has(Flaw::M59) && *name == http::header::CACHE_CONTROL;
                if !answer.headers.contains_key(name) && !is_flawed {
                    answer.headers.insert(name.clone(), value.clone());
                }
            }
        }
        plan.answers.hide(&self.plan.document, &mut answer);
        let Some(fault) = plan.answers.fault(&answer) else {
            return answer;
        };
        let id = answer.id.clone();
        let mender = Mender { document: &self.plan.document, seed: self.seed, id: id.as_deref() };
        if let Some(body) = plan.answers.mended(&answer, &mender) {
            let mended = Answer { body: Some(body), ..answer.clone() };
            if plan.answers.fault(&mended).is_none() {
                self.misfits.note(&plan.operation.id, answer.status, &fault, true);
                return mended;
            }
        }
        self.misfits.note(&plan.operation.id, answer.status, &fault, false);
        // What a refusal says matters more than the body that the document gives it and nobody can make.
        if answer.status >= 400 {
            return Answer { body: None, raw: None, media: String::new(), ..answer };
        }
        answer.because("self-check").saying(fault)
    }

    /// Writes why it was refused into headers, where the server is to tell.
    fn tell_why(&self, answer: &mut Answer) {
        if let Some(reason) = answer.reason.filter(|_| self.tells_reasons) {
            answer.set("x-bitting-reason", reason);
            if let Some(detail) = answer.detail.clone() {
                answer.set("x-bitting-detail", &detail);
            }
        }
    }

    /// The time as a header; it is written once a second.
    fn date(&self, now: DateTime<Utc>) -> HeaderValue {
        let mut known = self.date.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 != now.timestamp() {
            let text = crate::clock::http_date(now);
            *known = (now.timestamp(), HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("")));
        }
        known.1.clone()
    }

    /// Notes a call in the journal and gives its number there.
    fn record(&self, call: &Call<'_>, answer: &Answer) -> Option<u64> {
        // The files of the documentation are no calls of the API.
        if self.has_docs && call.operation.is_none() && call.request.path().starts_with(DOCS) {
            return None;
        }
        let is_spoilt = call.effects.iter().any(|(_, effect)| effect.spoils());
        let detail = answer.detail.as_deref().map(|detail| self.plan.secrets.hidden(detail));
        let note = Note {
            at: call.now,
            method: call.request.method.as_str(),
            target: &self.plan.secrets.masked(&call.request.target),
            operation: call.operation.map(|index| self.plan.operations[index].operation.id.as_str()),
            status: answer.status,
            reason: answer.reason.or(is_spoilt.then_some("fault")),
            detail: detail.as_deref(),
            credential: call.principal.as_ref().map(|principal| principal.credential.as_str()),
            user: call.principal.as_ref().map(|principal| principal.user.as_str()),
        };
        Some(self.journal.note(&note))
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The latest requests.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The gates that hold answers.
    #[must_use]
    pub fn gates(&self) -> &Gates {
        &self.gates
    }

    /// Leaves just these steps of every decision out; none by default.
    pub fn skip(&self, steps: &[Step]) {
        self.skipped.set(steps);
    }

    /// The steps that are left out.
    #[must_use]
    pub fn skipped(&self) -> Vec<Step> {
        STEPS.into_iter().filter(|step| self.skipped.has(*step)).collect()
    }

    /// Switches a defect on or off.
    ///
    /// # Errors
    /// [`UnknownDefect`] if there is none of this id.
    pub fn set_defect(&self, id: &str, on: bool) -> Result<(), UnknownDefect> {
        self.flaws.set(crate::defect::find(id)?.flaw, on);
        Ok(())
    }

    /// The ids of the defects that are switched on.
    #[must_use]
    pub fn active_defects(&self) -> Vec<&'static str> {
        self.flaws.ids()
    }
}
