//! What will be checked where, what will not, and why: known before the first request.

use std::collections::BTreeMap;

use bitting_spec::{Document, Operation, SecurityScheme};

use crate::check::{Check, Need};
use crate::checks;
use crate::credentials::{Credentials, Nature, Principal, Role, is_basic, nature};
use crate::options::{Level, Options};
use crate::run::{client_flow, password_flow};

/// One check on one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The check's id.
    pub check: &'static str,
    /// The operation's id.
    pub operation: String,
    /// Why it cannot be done, and what to give. `None`: it will be done.
    pub skip: Option<String>,
}

/// Every check on every operation where there is something to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// In the order of the checks, then of the document.
    pub planned: Vec<Planned>,
    /// Ids of the checks that were asked for and have nothing to check in this document.
    pub without_subject: Vec<&'static str>,
}

impl Plan {
    /// How many will be done.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.planned.iter().filter(|planned| planned.skip.is_none()).count()
    }

    /// What cannot be done: each reason with the checks that it stops.
    #[must_use]
    pub fn missing(&self) -> BTreeMap<&str, Vec<&'static str>> {
        let mut reasons: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
        for planned in &self.planned {
            let Some(reason) = &planned.skip else { continue };
            let checks = reasons.entry(reason).or_default();
            if !checks.contains(&planned.check) {
                checks.push(planned.check);
            }
        }
        reasons
    }
}

/// Plans a run: no request is sent, and no secret is looked at beyond whether it is there.
#[must_use]
pub fn plan(document: &Document, credentials: &Credentials, options: &Options) -> Plan {
    plan_of(&crate::infer::inferred(document, credentials), credentials, options)
}

/// The plan for a document in which nothing is left to infer.
pub(crate) fn plan_of(document: &Document, credentials: &Credentials, options: &Options) -> Plan {
    let mut planned = Vec::new();
    let mut without_subject = Vec::new();
    for check in checks::all().filter(|check| options.selects(check.info.id)) {
        let before = planned.len();
        for operation in &document.operations {
            if options.covers(&operation.id) && (check.applies)(document, operation) {
                let skip = off(options, check.info.id, &operation.id)
                    .or_else(|| unmet(document, credentials, check, operation));
                planned.push(Planned { check: check.info.id, operation: operation.id.clone(), skip });
            }
        }
        if planned.len() == before {
            without_subject.push(check.info.id);
        }
    }
    Plan { planned, without_subject }
}

/// Why a check is switched off on an operation, if it is.
fn off(options: &Options, check: &str, operation: &str) -> Option<String> {
    let rule = options.rule(check, operation).filter(|rule| rule.level == Level::Off)?;
    let place = rule.operation.as_ref().map(|id| format!("[operations.{id}] ")).unwrap_or_default();
    Some(format!("it is switched off: {place}rules, `{}`", rule.checks))
}

/// The first need of a check that the credentials do not meet.
fn unmet(document: &Document, credentials: &Credentials, check: &Check, operation: &Operation) -> Option<String> {
    let unmet = |need: &&Need| !(is_free(**need, operation) || meets(document, credentials, **need));
    let need = check.info.needs.iter().find(unmet)?;
    Some(format!("it needs {need}: {}", need.remedy()))
}

/// What anybody may call needs no credential.
fn is_free(need: Need, operation: &Operation) -> bool {
    need == Need::Valid && operation.is_public()
}

fn meets(document: &Document, credentials: &Credentials, need: Need) -> bool {
    let provided = credentials.provisioner().is_some();
    let has = |role: Role, wanted: Option<Nature>| {
        credentials.principal(role).is_some_and(|principal| holds(document, principal, wanted))
    };
    match need {
        Need::Valid => has_valid(document, credentials),
        Need::Key => has(Role::Valid, Some(Nature::Key)),
        Need::Token => has(Role::Valid, Some(Nature::Token)),
        Need::Login => credentials.principal(Role::Valid).is_some_and(|principal| principal.login.is_some()),
        Need::Client => credentials.principal(Role::Valid).is_some_and(|principal| principal.client.is_some()),
        Need::OtherOrganization => has(Role::OtherOrganization, None),
        Need::ReadOnly => provided || has(Role::ReadOnly, None) || issues(document, |one| one.limits_scopes()),
        // Time makes the one, and a logout the other, of a token that the valid principal gets.
        Need::ExpiredToken => {
            provided || has(Role::Expired, Some(Nature::Token)) || gets_token(document, credentials, |_| true)
        }
        Need::RevokedToken => {
            let ends = |scheme: &SecurityScheme| crate::run::logout(document, scheme).is_some();
            provided || has(Role::Revoked, Some(Nature::Token)) || gets_token(document, credentials, ends)
        }
        Need::ExpiredKey => {
            provided || has(Role::Expired, Some(Nature::Key)) || issues(document, |one| one.limits_life())
        }
        Need::RevokedKey => provided || has(Role::Revoked, Some(Nature::Key)) || issues(document, |_| true),
        Need::OtherEnvironment => provided || has(Role::OtherEnvironment, None),
        Need::ForgedToken | Need::Membership | Need::Code | Need::RateLimits => provided,
    }
}

/// Whether the API itself makes such keys.
fn issues(document: &Document, does: fn(&crate::run::Issuer<'_>) -> bool) -> bool {
    crate::run::issuer(document).is_some_and(|issuer| does(&issuer))
}

/// Whether the valid principal gets tokens of such a scheme, by a login or as a client.
fn gets_token(document: &Document, credentials: &Credentials, of: impl Fn(&SecurityScheme) -> bool) -> bool {
    let Some(valid) = credentials.principal(Role::Valid) else { return false };
    let asking = Principal { secrets: std::collections::BTreeMap::new(), ..valid.clone() };
    let mut schemes = document.security_schemes.iter().filter(|scheme| nature(scheme) == Nature::Token && of(scheme));
    schemes.any(|scheme| holds_one(&asking, scheme))
}

/// Whether a principal has a secret of that nature, or can get one by a login.
fn holds(document: &Document, principal: &Principal, wanted: Option<Nature>) -> bool {
    let wanted = |scheme: &SecurityScheme| wanted.is_none_or(|wanted| nature(scheme) == wanted);
    document.security_schemes.iter().any(|scheme| wanted(scheme) && holds_one(principal, scheme))
}

/// The same for one scheme.
fn holds_one(principal: &Principal, scheme: &SecurityScheme) -> bool {
    let logs_in = principal.login.is_some() && takes_login(scheme);
    let is_granted = principal.client.is_some() && client_flow(scheme).is_some();
    logs_in || is_granted || principal.secret(scheme).is_some()
}

/// Whether a name and a password open a scheme: in themselves, by an operation, or by the password grant.
pub(crate) fn takes_login(scheme: &SecurityScheme) -> bool {
    is_basic(scheme) || scheme.auth.acquire.is_some() || password_flow(scheme).is_some()
}

/// Whether somebody who works is known, so that a refusal of others proves something.
pub(crate) fn has_valid(document: &Document, credentials: &Credentials) -> bool {
    credentials.principal(Role::Valid).is_some_and(|principal| holds(document, principal, None))
}
