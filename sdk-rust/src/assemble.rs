//! From the operation table, the credentials and the base URL to everything that calls need: done once, at build time.

mod servers;
mod sessions;

use std::collections::HashMap;
use std::sync::Arc;

use bitting_spec::extension::RateLimit;
use bitting_spec::table::{Api, Operation, Requirement, Scheme, SchemeKind};
use http::{HeaderValue, Method};
use url::Url;

use crate::attach::{Placement, basic};
use crate::client::Background;
use crate::clock::Clock;
use crate::credentials::{Credential, Held, environment};
use crate::error::Error;
use crate::limit::Dialect;
use crate::oauth::is_offered;
use crate::origin::Origin;
use crate::plan::{Alternative, Choice, Grip, Plan, Use, accept, pieces};
use crate::retry::is_idempotent;
use crate::store::{StoreKey, TokenStore};
use crate::token::acquire::HttpSource;
use crate::token::provided::ProvidedSource;
use crate::token::stored::StoredSource;
use crate::token::{Circuit, TokenCache, TokenSource};
use crate::transport::Transport;

pub(crate) use servers::Servers;
pub(crate) use sessions::{source, user_flow};

/// What the plans are made from.
pub(crate) struct Parts<'a> {
    pub(crate) api: &'a Api,
    pub(crate) held: &'a [Held],
    pub(crate) servers: &'a Servers,
    pub(crate) clock: &'a Arc<dyn Clock>,
    pub(crate) background: Option<&'a Background>,
    pub(crate) user_agent: &'a HeaderValue,
    /// Where tokens outlive the client, and the name of the profile that they are kept under.
    pub(crate) store: Option<(&'a Arc<dyn TokenStore>, &'a str)>,
    /// What requests go out on; those for tokens on connections of their own.
    pub(crate) transport: &'a Transport,
}

/// The plans of all operations, and how many lanes they use.
pub(crate) struct Assembly {
    pub(crate) plans: Vec<Plan>,
    pub(crate) lanes: usize,
}

/// Makes the plans.
pub(crate) fn assemble(parts: &Parts<'_>) -> Result<Assembly, Error> {
    let mut grips = Grips { parts, made: HashMap::new() };
    let mut lanes = Lanes::default();
    let mut plans = Vec::with_capacity(parts.api.operations.len());
    for (index, operation) in parts.api.operations.iter().enumerate() {
        let (base, trusted) = parts.servers.of(operation)?;
        let rate_limit = operation.rate_limit.as_ref().or(parts.api.rate_limit.as_ref());
        let class = rate_limit.and_then(|limit| limit.class.as_deref());
        let origin = Url::parse(&base).ok().and_then(|url| Origin::of(&url)).map(|origin| origin.to_string());
        let mut lane = |credential| lanes.of((origin.clone(), credential, class));
        let alternatives = alternatives(parts, &operation.security);
        let choice = match alternatives.first() {
            _ if operation.security.is_empty() => Choice::Public,
            _ if !trusted => Choice::Withheld(base.clone()),
            Some(chosen) if chosen.is_empty() => Choice::Public,
            Some(_) => {
                let made = alternatives.into_iter().map(|chosen| {
                    let uses = grips.of(chosen)?;
                    let lane = lane(uses.first().map(|used| used.held));
                    Ok(Alternative { uses, lane })
                });
                Choice::Schemes(made.collect::<Result<_, Error>>()?)
            }
            None => Choice::Missing(missing(parts.api, operation)),
        };
        plans.push(plan(parts.api, index, operation, base, choice, rate_limit, lane(None))?);
    }
    Ok(Assembly { plans, lanes: lanes.0.len() })
}

/// What shares a gate and a budget: an origin, a credential and a class of rate limits (C6, C9).
type LaneKey<'a> = (Option<String>, Option<usize>, Option<&'a str>);

/// The lanes by what shares them.
#[derive(Default)]
struct Lanes<'a>(HashMap<LaneKey<'a>, usize>);

impl<'a> Lanes<'a> {
    fn of(&mut self, key: LaneKey<'a>) -> usize {
        let next = self.0.len();
        *self.0.entry(key).or_insert(next)
    }
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
        circuit: Circuit::default(),
    })
}

/// One alternative: a scheme, a credential and the scopes that the operation asks for, for each of its schemes.
type Chosen<'a> = Vec<(usize, usize, &'a [String])>;

/// The alternatives that can be used, the preferred one first: of those whose every scheme has a credential, the one with
/// the user's most preferred credential, then the document's first (B1). The others count only where the first one may
/// turn out to lack a scope (B3).
fn alternatives<'a>(parts: &Parts<'_>, security: &'a [Requirement]) -> Vec<Chosen<'a>> {
    let satisfied = security.iter().filter_map(|requirement| {
        let found = requirement.iter().map(|(name, scopes)| {
            let (scheme, held) = find(parts, name)?;
            Some((scheme, held, scopes.as_slice()))
        });
        found.collect::<Option<Chosen<'a>>>()
    });
    let mut satisfied: Vec<Chosen<'a>> = satisfied.collect();
    // An empty alternative, which asks for nothing, comes last: a credential that is held is sent.
    satisfied.sort_by_key(|chosen| chosen.iter().map(|(_, held, _)| *held).max().unwrap_or(usize::MAX));
    let may_lack = |(_, _, scopes): &(usize, usize, &[String])| !scopes.is_empty();
    if !satisfied.first().is_some_and(|first| first.iter().any(may_lack)) {
        satisfied.truncate(1);
    }
    satisfied
}

/// The scheme of this name and the most preferred credential that serves it, one for it alone first.
fn find(parts: &Parts<'_>, name: &str) -> Option<(usize, usize)> {
    let (index, scheme) = parts.api.schemes.iter().enumerate().find(|(_, scheme)| scheme.name == name)?;
    if scheme.kind != SchemeKind::MutualTls {
        Placement::of(&scheme.kind)?;
    }
    let serving = || parts.held.iter().enumerate().filter(|(_, held)| held.serves(scheme, parts.api));
    // What was given for this scheme goes before what fits it too.
    let held = serving().find(|(_, held)| held.scheme.is_some()).or_else(|| serving().next())?.0;
    Some((index, held))
}

/// Says which credentials an operation could be called with, and where they could come from.
fn missing(api: &Api, operation: &Operation) -> String {
    let scheme = |name: &String| api.schemes.iter().find(|scheme| scheme.name == *name);
    let describe = |name: &String| match scheme(name) {
        Some(scheme) => format!("`{name}`{}", remedy(api, scheme)),
        None => format!("`{name}`"),
    };
    let alternatives: Vec<String> = operation
        .security
        .iter()
        .map(|requirement| requirement.keys().map(describe).collect::<Vec<_>>().join(" together with "))
        .collect();
    let mut named = operation.security.iter().flat_map(Requirement::keys).filter_map(scheme);
    let login = if named.any(is_offered) { ", or log in with `bitting login`" } else { "" };
    format!(
        "operation `{}` needs a credential for {}; set the variable or give the credential to the client{login}",
        operation.id,
        alternatives.join(", or ")
    )
}

/// What would satisfy a scheme, in brackets.
fn remedy(api: &Api, scheme: &Scheme) -> String {
    match &scheme.kind {
        SchemeKind::MutualTls => " (give the client a certificate: `client_certificate`)".to_owned(),
        SchemeKind::Http { scheme: kind, .. } if Placement::of(&scheme.kind).is_none() => {
            format!(" (of the HTTP scheme `{kind}`, which this client does not speak: give its header with the call)")
        }
        _ => {
            let names = environment::suggestions(api, scheme);
            if names.is_empty() { String::new() } else { format!(" (set {})", names.join(" or ")) }
        }
    }
}

/// Credentials made ready for requests, once per scheme and credential, so that all operations share a session (A1).
struct Grips<'a> {
    parts: &'a Parts<'a>,
    made: HashMap<(usize, usize), Grip>,
}

impl Grips<'_> {
    fn of(&mut self, chosen: Chosen<'_>) -> Result<Vec<Use>, Error> {
        let uses = chosen.into_iter().map(|(scheme, held, scopes)| {
            let grip = match self.made.get(&(scheme, held)) {
                Some(grip) => grip.clone(),
                None => {
                    let grip = grip(self.parts, &self.parts.api.schemes[scheme], &self.parts.held[held])?;
                    self.made.insert((scheme, held), grip.clone());
                    grip
                }
            };
            Ok(Use { scheme, held, scopes: scopes.to_vec(), grip })
        });
        uses.collect()
    }
}

/// Makes one credential ready for one scheme.
fn grip(parts: &Parts<'_>, scheme: &Scheme, held: &Held) -> Result<Grip, Error> {
    if let Credential::Certificate(_) = &held.credential {
        return Ok(Grip::Connection);
    }
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
            let source: Box<dyn TokenSource> = match credential {
                Credential::Provider(provider) => {
                    Box::new(ProvidedSource { provider: provider.clone(), clock: Arc::clone(parts.clock) })
                }
                credential => shared(parts, scheme, credential, &placement, source(parts, scheme, credential)?),
            };
            let background = parts.background.cloned();
            let cache = TokenCache::new(scheme.name.clone(), placement, source, Arc::clone(parts.clock), background);
            Ok(Grip::Session(Arc::new(cache.requesting(credential.scopes()))))
        }
    }
}

/// `source`, shared with other clients where there is a store.
fn shared(
    parts: &Parts<'_>,
    scheme: &Scheme,
    credential: &Credential,
    placement: &Placement,
    source: HttpSource,
) -> Box<dyn TokenSource> {
    let Some((store, profile)) = parts.store else { return Box::new(source) };
    let key = match credential {
        Credential::Profile(profile) => profile.key(),
        credential => {
            let origin = parts.servers.origin();
            let mut of = vec![scheme.name.as_str(), origin.as_str()];
            of.extend(credential.identity());
            StoreKey::new(&parts.api.name, profile, &of)
        }
    };
    Box::new(StoredSource::new(source, placement.clone(), Arc::clone(store), key))
}
