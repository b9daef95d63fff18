//! Every check, one file for each family, all of the same shape: a list of checks, then how each is done.

pub(crate) mod rate_limit;

mod absent;
mod change;
mod conditional;
mod confusion;
mod consent;
mod credentials;
mod default;
mod elsewhere;
mod filter;
mod foreign;
mod http;
mod input;
mod issue;
mod key;
mod leak;
mod list;
mod listed;
mod login;
mod membership;
mod neighbor;
mod oauth;
mod oauth_code;
mod omitted;
mod origin;
mod owned;
mod public;
mod reference;
mod refresh;
mod repeat;
mod response;
mod rotation;
mod same;
mod scope;
mod security;
mod sequence;
mod session;
mod shown_once;
mod state;
mod tenancy;
mod times;
mod token;
mod unauthenticated;
mod undecodable;

use std::sync::LazyLock;

use bitting_spec::{Document, Operation};

use crate::check::{Check, CheckInfo};
use crate::credentials::{Nature, nature};
use crate::run::Judge;

/// The families in the order of a report.
static FAMILIES: &[&[Check]] = &[
    credentials::CHECKS,
    origin::CHECKS,
    security::CHECKS,
    public::CHECKS,
    token::CHECKS,
    confusion::CHECKS,
    key::CHECKS,
    unauthenticated::CHECKS,
    tenancy::CHECKS,
    elsewhere::CHECKS,
    reference::CHECKS,
    membership::CHECKS,
    scope::CHECKS,
    issue::CHECKS,
    login::CHECKS,
    oauth::CHECKS,
    oauth_code::CHECKS,
    consent::CHECKS,
    refresh::CHECKS,
    session::CHECKS,
    rotation::CHECKS,
    state::CHECKS,
    absent::CHECKS,
    change::CHECKS,
    neighbor::CHECKS,
    owned::CHECKS,
    listed::CHECKS,
    times::CHECKS,
    default::CHECKS,
    filter::CHECKS,
    list::CHECKS,
    omitted::CHECKS,
    sequence::CHECKS,
    response::CHECKS,
    leak::CHECKS,
    shown_once::CHECKS,
    input::CHECKS,
    http::CHECKS,
    conditional::CHECKS,
    repeat::CHECKS,
    undecodable::CHECKS,
    rate_limit::CHECKS,
];

static INFOS: LazyLock<Vec<CheckInfo>> = LazyLock::new(|| all().map(|check| check.info).collect());

/// Every check there is, in the order of a report.
#[must_use]
pub fn checks() -> &'static [CheckInfo] {
    &INFOS
}

/// Ids in few words: a family of which all are there stands as `family.*`.
#[must_use]
pub fn shortened(ids: &[&str]) -> Vec<String> {
    let mut short: Vec<String> = Vec::new();
    for id in ids {
        let family = id.split('.').next().unwrap_or(id);
        let mut others = checks().iter().filter(|check| check.family() == family);
        let is_whole = others.clone().count() > 1 && others.all(|check| ids.contains(&check.id));
        let name = if is_whole { format!("{family}.*") } else { (*id).to_owned() };
        if !short.contains(&name) {
            short.push(name);
        }
    }
    short
}

/// Every check with how it is done.
pub(crate) fn all() -> impl Iterator<Item = &'static Check> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The judges of the answers to generated requests.
pub(crate) fn judges() -> impl Iterator<Item = &'static Judge> {
    response::JUDGES.iter().chain(input::JUDGES).chain(http::JUDGES).chain(leak::JUDGES)
}

/// Operations that need a credential.
fn is_protected(_: &Document, operation: &Operation) -> bool {
    !operation.is_public()
}

/// Operations that a key alone opens.
fn takes_key(document: &Document, operation: &Operation) -> bool {
    takes(document, operation, Nature::Key)
}

/// Operations that a token alone opens.
fn takes_token(document: &Document, operation: &Operation) -> bool {
    takes(document, operation, Nature::Token)
}

fn takes(document: &Document, operation: &Operation, wanted: Nature) -> bool {
    let alone = operation.security.iter().filter(|alternative| alternative.len() == 1);
    let mut schemes = alone.flat_map(|alternative| alternative.keys()).filter_map(|name| document.scheme(name));
    !operation.is_public() && schemes.any(|scheme| nature(scheme) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_family_is_one_name() {
        let leak: Vec<&str> = checks().iter().map(|check| check.id).filter(|id| id.starts_with("leak.")).collect();
        assert_eq!(shortened(&leak), ["leak.*"]);
        assert_eq!(shortened(&["leak.trace", "public.open"]), ["leak.trace", "public.open"]);
    }
}
