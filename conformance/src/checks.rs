//! Every check, one file for each family, all of the same shape: a list of checks, then how each is done.

pub(crate) mod rate_limit;

mod change;
mod credentials;
mod http;
mod input;
mod issue;
mod key;
mod leak;
mod list;
mod login;
mod oauth;
mod public;
mod reference;
mod refresh;
mod response;
mod rotation;
mod scope;
mod security;
mod state;
mod tenancy;
mod token;
mod unauthenticated;

use std::sync::LazyLock;

use bitting_spec::{Document, Operation};

use crate::check::{Check, CheckInfo};
use crate::credentials::{Nature, nature};
use crate::run::Judge;

/// The families in the order of a report.
static FAMILIES: &[&[Check]] = &[
    credentials::CHECKS,
    security::CHECKS,
    public::CHECKS,
    token::CHECKS,
    key::CHECKS,
    unauthenticated::CHECKS,
    tenancy::CHECKS,
    reference::CHECKS,
    scope::CHECKS,
    issue::CHECKS,
    login::CHECKS,
    oauth::CHECKS,
    refresh::CHECKS,
    rotation::CHECKS,
    state::CHECKS,
    change::CHECKS,
    list::CHECKS,
    response::CHECKS,
    leak::CHECKS,
    input::CHECKS,
    http::CHECKS,
    rate_limit::CHECKS,
];

static INFOS: LazyLock<Vec<CheckInfo>> = LazyLock::new(|| all().map(|check| check.info).collect());

/// Every check there is, in the order of a report.
#[must_use]
pub fn checks() -> &'static [CheckInfo] {
    &INFOS
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
