//! Keys that the API itself makes: where the document has an operation that answers a new key, nobody else is needed for
//! one that is limited, short-lived or taken back.

use std::time::Duration;

use bitting_spec::{Document, Operation, SecurityScheme};
use serde_json::{Value, json};

use super::{Context, Stop, Wrong};
use crate::clock;
use crate::credentials::{Nature, Role, nature};
use crate::generate::Case;
use crate::http::Exchange;
use crate::infer::{answered, named, plain, sent};
use crate::run::{identity, item_operation};
use crate::secret::Secret;

const SECRETS: &[&str] =
    &["secret", "apikey", "secretkey", "plaintextkey", "plainkey", "rawkey", "fullkey", "key", "token"];
const SCOPES: &[&str] = &["scopes", "permissions", "scope", "abilities"];
const LIVES: &[&str] = &["expiresin", "ttl", "expiresinseconds", "ttlseconds", "lifetime"];
const ENDS: &[&str] = &["expiresat", "expiry", "expires", "expirationdate"];
/// The life of a key that is made to end, in seconds.
const SHORT: u64 = 1;

/// An operation that makes keys.
pub(crate) struct Issuer<'a> {
    pub(crate) operation: &'a Operation,
    secret: &'a str,
    scopes: Option<&'a str>,
    /// The member for its life, and whether it is a number of seconds.
    life: Option<(&'a str, bool)>,
    /// Every scope that the document names.
    all: Vec<String>,
}

/// A key that the API made.
pub(crate) struct Issued {
    pub(crate) secret: Secret,
    pub(crate) case: Case,
    pub(crate) exchange: Exchange,
}

/// The operation that makes keys, where the document has one: a protected POST to a collection of keys or tokens that
/// answers a secret.
pub(crate) fn issuer(document: &Document) -> Option<Issuer<'_>> {
    document.operations.iter().find_map(|operation| {
        let last = plain(operation.trimmed_path().rsplit('/').next().unwrap_or_default());
        let is_about_keys = ["keys", "tokens", "credentials", "apikey"].iter().any(|word| last.ends_with(word));
        if operation.method != "POST" || operation.is_public() || !is_about_keys {
            return None;
        }
        let secret = named(&answered(document, operation), SECRETS)?.0;
        let body = sent(document, operation);
        let seconds = named(&body, LIVES).map(|(name, _)| (name, true));
        let all = named(&body, SCOPES).map(|(_, schema)| scopes(document, schema)).unwrap_or_default();
        Some(Issuer {
            operation,
            secret,
            scopes: named(&body, SCOPES).map(|(name, _)| name),
            life: seconds.or_else(|| named(&body, ENDS).map(|(name, _)| (name, false))),
            all,
        })
    })
}

/// The scopes that a member takes: its enumeration, else every scope that an operation asks for.
fn scopes(document: &Document, schema: &Value) -> Vec<String> {
    let listed = schema.get("items").map(|items| document.resolve(items)).and_then(|items| items.get("enum"));
    let mut all: Vec<String> = listed
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|one| one.as_str().map(str::to_owned))
        .collect();
    if all.is_empty() {
        let asked = document.operations.iter().flat_map(|operation| &operation.security).flat_map(|one| one.values());
        all = asked.flatten().cloned().collect();
        all.sort_unstable();
        all.dedup();
    }
    all
}

impl Issuer<'_> {
    /// Whether its keys can have fewer scopes than there are.
    pub(crate) fn limits_scopes(&self) -> bool {
        self.scopes.is_some() && self.all.len() > 1
    }

    /// Whether its keys can have an end.
    pub(crate) fn limits_life(&self) -> bool {
        self.life.is_some()
    }

    /// Every scope that its keys can have.
    pub(crate) fn all_scopes(&self) -> &[String] {
        &self.all
    }

    /// `case` with every scope that there is.
    pub(crate) fn with_every_scope(&self, case: &Case) -> Case {
        self.body(case, None, None)
    }

    /// Whether an answer says that its key has every scope.
    pub(crate) fn has_every_scope(&self, answer: &Value) -> bool {
        let Some(name) = self.scopes else { return false };
        let told = answer.get(name).or_else(|| answer.get("data")?.get(name));
        match told {
            Some(Value::Array(items)) => self.all.iter().all(|scope| items.iter().any(|item| item == scope.as_str())),
            Some(Value::String(text)) => self.all.iter().all(|scope| text.split(' ').any(|word| word == scope)),
            _ => true,
        }
    }

    /// The body of `case` with these scopes (all, if none are named) and this life in seconds.
    fn body(&self, case: &Case, wanted: Option<&[String]>, life: Option<u64>) -> Case {
        let mut case = case.clone();
        let Some((_, Value::Object(members))) = &mut case.body else { return case };
        if let Some(name) = self.scopes {
            let scopes = wanted.unwrap_or(&self.all);
            let is_text = members.get(name).is_some_and(Value::is_string);
            members.insert(name.to_owned(), if is_text { json!(scopes.join(" ")) } else { json!(scopes) });
        }
        match (self.life, life) {
            (Some((name, true)), Some(life)) => drop(members.insert(name.to_owned(), json!(life))),
            (Some((name, false)), Some(life)) => {
                let end = clock::unix().saturating_add(i64::try_from(life).unwrap_or(1)).saturating_add(1);
                members.insert(name.to_owned(), json!(clock::rfc3339(end)));
            }
            (Some((name, _)), None) => drop(members.shift_remove(name)),
            _ => {}
        }
        case
    }
}

impl Context<'_> {
    /// A key with these scopes (all, if none are named) and this life in seconds, made by the API for `role`.
    pub(crate) async fn issue(&self, role: Role, scopes: Option<&[String]>, life: Option<u64>) -> Result<Issued, Stop> {
        let issuer = issuer(self.document).ok_or_else(|| Stop::Skip("the API makes no keys".to_owned()))?;
        let base = Box::pin(self.positive(issuer.operation, role)).await?;
        let case = issuer.body(&base, scopes, life);
        let exchange = self.call(issuer.operation, &case, role).await?;
        let answer = exchange.answer.json().filter(|_| exchange.answer.is_success()).unwrap_or(Value::Null);
        let secret = member(&answer, issuer.secret).ok_or_else(|| {
            Stop::Skip(format!("{} made no key: it answered {}", issuer.operation.id, exchange.answer.status))
        })?;
        let secret = Secret::new(secret);
        self.vault.keep(&secret, "MADE_KEY", "a key that the API made");
        Ok(Issued { secret, case, exchange })
    }

    /// A credential for `scheme` that must not work any more, made by the API and used while it did.
    pub(super) async fn issue_wrong(&self, wrong: &Wrong, scheme: &SecurityScheme) -> Result<Secret, Stop> {
        let nobody = || Stop::Skip(format!("nobody gave or can make such a credential for {}", scheme.name));
        match (wrong, nature(scheme)) {
            (Wrong::Expired, Nature::Token) => return self.outlived(scheme).await,
            (Wrong::Revoked, Nature::Token) => return self.logged_out(scheme).await,
            _ => {}
        }
        let issuer = issuer(self.document).filter(|_| nature(scheme) == Nature::Key).ok_or_else(nobody)?;
        match wrong {
            Wrong::Expired if issuer.limits_life() => {
                let issued = self.issue_working(scheme, Some(SHORT)).await?;
                let patience = Duration::from_millis(SHORT * 1_000 + 1_500);
                if !self.pass_time(patience, patience).await {
                    return Err(Stop::Skip("nobody could let the life of a key pass".to_owned()));
                }
                Ok(issued.secret)
            }
            Wrong::Revoked => {
                let issued = self.issue_working(scheme, None).await?;
                self.revoke(&issuer, &issued).await?;
                Ok(issued.secret)
            }
            _ => Err(nobody()),
        }
    }

    /// A key that was seen to work: the refusal of another says nothing about its end.
    async fn issue_working(&self, scheme: &SecurityScheme, life: Option<u64>) -> Result<Issued, Stop> {
        let issued = self.issue(Role::Valid, None, life).await?;
        let works = self.use_once(scheme, &issued.secret).await;
        works.then_some(issued).ok_or_else(|| Stop::Skip("a key that the API makes opens nothing at all".to_owned()))
    }

    /// Takes a key back by the API's own operation.
    async fn revoke(&self, issuer: &Issuer<'_>, issued: &Issued) -> Result<(), Stop> {
        let nobody = || Stop::Skip("the API takes no key back".to_owned());
        let (remover, name) = item_operation(self, issuer.operation, "DELETE").ok_or_else(nobody)?;
        let id = identity(&issued.exchange.answer, name).ok_or_else(nobody)?;
        let mut case = Case { body: None, ..issued.case.clone() };
        case.set(name, bitting_spec::table::Location::Path, id);
        let exchange = self.call(remover, &case, Role::Valid).await?;
        if exchange.answer.is_success() { Ok(()) } else { Err(nobody()) }
    }
}

/// The text of a member, at the top of an answer or in its `data`.
fn member(answer: &Value, name: &str) -> Option<String> {
    let inside = answer.get(name).or_else(|| answer.get("data")?.get(name));
    inside.and_then(Value::as_str).map(str::to_owned)
}
