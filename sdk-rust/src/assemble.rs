//! From the operation table, the credentials and the base URL to everything that calls need: done once, at build time.

mod servers;
mod sessions;

use std::collections::HashMap;
use std::sync::Arc;

use bitting_spec::extension::RateLimit;
use bitting_spec::table::{Api, Operation, Requirement, Scheme};
use http::{HeaderValue, Method};

use crate::attach::{Placement, basic};
use crate::client::Background;
use crate::clock::Clock;
use crate::credentials::{Credential, Held, environment};
use crate::error::Error;
use crate::limit::Dialect;
use crate::plan::{Choice, Grip, Plan, Use, accept, pieces};
use crate::retry::is_idempotent;
use crate::token::TokenCache;

pub(crate) use servers::Servers;
use sessions::source;

/// What the plans are made from.
pub(crate) struct Parts<'a> {
    pub(crate) api: &'a Api,
    pub(crate) held: &'a [Held],
    pub(crate) servers: &'a Servers,
    pub(crate) clock: &'a Arc<dyn Clock>,
    pub(crate) background: Option<&'a Background>,
    pub(crate) user_agent: &'a HeaderValue,
}

/// The plans of all operations, and how many lanes they use.
pub(crate) struct Assembly {
    pub(crate) plans: Vec<Plan>,
    pub(crate) lanes: usize,
}

/// Makes the plans.
pub(crate) fn assemble(parts: &Parts<'_>) -> Result<Assembly, Error> {
    let mut grips = Grips { parts, made: HashMap::new() };
    let mut lanes: HashMap<(Option<usize>, Option<&str>), usize> = HashMap::new();
    let mut plans = Vec::with_capacity(parts.api.operations.len());
    for (index, operation) in parts.api.operations.iter().enumerate() {
        let (base, trusted) = parts.servers.of(operation)?;
        let choice = match choose(parts, &operation.security) {
            _ if operation.security.is_empty() => Choice::Public,
            _ if !trusted => Choice::Withheld(base.clone()),
            Some(chosen) if chosen.is_empty() => Choice::Public,
            Some(chosen) => Choice::Schemes(grips.of(chosen)?),
            None => Choice::Missing(missing(parts.api, operation)),
        };
        let credential = match &choice {
            Choice::Schemes(uses) => uses.first().map(|used| used.held),
            _ => None,
        };
        let rate_limit = operation.rate_limit.as_ref().or(parts.api.rate_limit.as_ref());
        let class = rate_limit.and_then(|limit| limit.class.as_deref());
        let next = lanes.len();
        let lane = *lanes.entry((credential, class)).or_insert(next);
        plans.push(plan(parts.api, index, operation, base, choice, rate_limit, lane)?);
    }
    Ok(Assembly { plans, lanes: lanes.len() })
}

fn plan(
    api: &Api,
    index: usize,
    operation: &Operation,
    base: String,
    choice: Choice,
    rate_limit: Option<&RateLimit>,
    lane: usize,
) -> Result<Plan, Error> {
    let method = Method::from_bytes(operation.method.as_bytes());
    let method = method.map_err(|_| {
        Error::Config(format!("{}: operation `{}` has no valid method: `{}`", api.name, operation.id, operation.method))
    })?;
    Ok(Plan {
        operation: index,
        id: operation.id.as_str().into(),
        idempotent: is_idempotent(&method, operation.idempotent),
        method,
        template: operation.path.as_str().into(),
        pieces: pieces(operation),
        base,
        accept: accept(&operation.accept),
        choice,
        dialect: Dialect::new(rate_limit),
        lane,
    })
}

/// The alternative that is used, as pairs of scheme and credential: of those whose every scheme has a credential, the
/// one with the user's most preferred credential, then the document's first (B1). `None`: no alternative is satisfied.
fn choose(parts: &Parts<'_>, security: &[Requirement]) -> Option<Vec<(usize, usize)>> {
    let satisfied = security
        .iter()
        .filter_map(|requirement| requirement.keys().map(|name| find(parts, name)).collect::<Option<Vec<_>>>());
    // An empty alternative, which asks for nothing, comes last: a credential that is held is sent.
    satisfied.min_by_key(|chosen| chosen.iter().map(|(_, held)| *held).max().unwrap_or(usize::MAX))
}

/// The scheme of this name and the most preferred credential that serves it.
fn find(parts: &Parts<'_>, name: &str) -> Option<(usize, usize)> {
    let (index, scheme) = parts.api.schemes.iter().enumerate().find(|(_, scheme)| scheme.name == name)?;
    Placement::of(&scheme.kind)?;
    let held = parts.held.iter().position(|held| held.serves(scheme, parts.api))?;
    Some((index, held))
}

/// Says which credentials an operation could be called with, and where they could come from.
fn missing(api: &Api, operation: &Operation) -> String {
    let describe = |name: &String| {
        let scheme = api.schemes.iter().find(|scheme| scheme.name == *name);
        let names = scheme.map(|scheme| environment::suggestions(api, scheme)).unwrap_or_default();
        if names.is_empty() { format!("`{name}`") } else { format!("`{name}` (set {})", names.join(" or ")) }
    };
    let alternatives: Vec<String> = operation
        .security
        .iter()
        .map(|requirement| requirement.keys().map(describe).collect::<Vec<_>>().join(" together with "))
        .collect();
    format!(
        "operation `{}` needs a credential for {}; set the variable or give the credential to the client",
        operation.id,
        alternatives.join(", or ")
    )
}

/// Credentials made ready for requests, once per scheme and credential, so that all operations share a session (A1).
struct Grips<'a> {
    parts: &'a Parts<'a>,
    made: HashMap<(usize, usize), Grip>,
}

impl Grips<'_> {
    fn of(&mut self, chosen: Vec<(usize, usize)>) -> Result<Vec<Use>, Error> {
        let uses = chosen.into_iter().map(|(scheme, held)| {
            let grip = match self.made.get(&(scheme, held)) {
                Some(grip) => grip.clone(),
                None => {
                    let grip = grip(self.parts, &self.parts.api.schemes[scheme], &self.parts.held[held])?;
                    self.made.insert((scheme, held), grip.clone());
                    grip
                }
            };
            Ok(Use { scheme, held, grip })
        });
        uses.collect()
    }
}

/// Makes one credential ready for one scheme.
fn grip(parts: &Parts<'_>, scheme: &Scheme, held: &Held) -> Result<Grip, Error> {
    let Some(placement) = Placement::of(&scheme.kind) else {
        return Err(Error::Config(format!("security scheme `{}` is of a kind that is not supported", scheme.name)));
    };
    let fixed = |secret| {
        let attachment = placement.attach(&secret);
        let what = || Error::Credentials(format!("the credential from {} cannot stand in a header", held.source));
        Ok(Grip::Fixed(attachment.ok_or_else(what)?, secret))
    };
    match &held.credential {
        Credential::ApiKey(secret) | Credential::Token(secret) => fixed(secret.clone()),
        Credential::Login { username, password } if placement == Placement::Basic => fixed(basic(username, password)),
        credential => {
            let source = Box::new(source(parts, scheme, credential)?);
            let background = parts.background.cloned();
            let cache = TokenCache::new(scheme.name.clone(), placement, source, Arc::clone(parts.clock), background);
            Ok(Grip::Session(Arc::new(cache)))
        }
    }
}
