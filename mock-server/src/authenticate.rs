//! Who is asking: security requirements as OR of ANDs (OpenAPI 3.1, 4.8.30), with every credential judged for what it
//! is: unknown, expired, revoked, of another environment.
//!
//! Stricter than the OR alone: where an operation needs a credential, an invalid one beside a valid one is refused.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bitting_spec::extension::AuthCase;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use crate::behaviour::scopes_of;
use crate::defect::{Flaw, Flaws};
use crate::scheme::{Presented, Scheme, Wire};
use crate::token::{ISSUER, Laxness, Signer, TokenFault, claim};
use crate::world::{ApiKey, Permission, User, World, password_hash};

/// How long a revocation is overlooked by defect M11, in seconds.
const CACHED: i64 = 60;

/// Whoever a credential speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    /// The id of the credential: of a key, or a token's `jti`.
    pub(crate) credential: String,
    pub(crate) is_key: bool,
    /// The user's email, or the OAuth client's id.
    pub(crate) user: String,
    pub(crate) organization: String,
    pub(crate) permission: Permission,
    /// The session that a token comes from.
    pub(crate) session: Option<String>,
    /// What the credential is limited to; `None`: whatever its user may do.
    pub(crate) scopes: Option<BTreeSet<String>>,
    /// Whoever a defect let in: at home everywhere.
    pub(crate) is_anyone: bool,
}

impl Principal {
    /// Somebody whom a defect lets in without knowing who it is.
    fn anyone(world: &World) -> Self {
        let user = world.accounts.users.values().next();
        Self {
            credential: "none".to_owned(),
            is_key: false,
            user: user.map(|user| user.email.clone()).unwrap_or_default(),
            organization: user.map(|user| user.organization.clone()).unwrap_or_default(),
            permission: Permission::Member,
            session: None,
            scopes: None,
            is_anyone: true,
        }
    }

    /// Whoever speaks with a key that `user` made.
    fn of(key: &ApiKey, user: &User) -> Self {
        Self {
            credential: key.id.clone(),
            is_key: true,
            user: user.email.clone(),
            organization: key.organization.clone(),
            permission: user.permission,
            session: None,
            scopes: key.scopes.clone(),
            is_anyone: false,
        }
    }

    /// Whether it is what [`Principal::of`] makes of this key and user.
    fn is_of(&self, key: &ApiKey, user: &User) -> bool {
        let Self { credential, is_key, user: email, organization, permission, session, scopes, is_anyone } = self;
        (*is_key, *is_anyone, session, *permission) == (true, false, &None, user.permission)
            && (credential, email, organization, scopes) == (&key.id, &user.email, &key.organization, &key.scopes)
    }

    /// Whether it has the scope.
    fn has(&self, scope: &str, flaws: &Flaws) -> bool {
        let Some(scopes) = &self.scopes else { return true };
        let is_implied = || flaws.has(Flaw::M31) && scopes.contains(&scope.replace("write", "read"));
        scopes.contains(scope) || is_implied()
    }
}

/// One alternative of a requirement that is satisfied: who satisfies each scheme, and the scopes that it asks for.
#[derive(Debug, Clone)]
pub(crate) struct Way<'s> {
    schemes: Vec<(Arc<Principal>, &'s [String])>,
}

impl Way<'_> {
    /// Whoever speaks; nobody where no credential is needed.
    pub(crate) fn principal(&self) -> Option<&Arc<Principal>> {
        self.schemes.first().map(|(principal, _)| principal)
    }

    /// The way in that a defect leaves open.
    pub(crate) fn unchecked(world: &World) -> Self {
        Self { schemes: vec![(Arc::new(Principal::anyone(world)), &[])] }
    }

    /// Whether it has every scope that it needs.
    pub(crate) fn is_wide_enough(&self, flaws: &Flaws) -> bool {
        self.schemes.iter().all(|(principal, scopes)| scopes.iter().all(|scope| principal.has(scope, flaws)))
    }

    /// The scopes that it lacks.
    pub(crate) fn missing_scopes(&self, flaws: &Flaws) -> Vec<String> {
        let lacking = self.schemes.iter().flat_map(|(principal, scopes)| {
            scopes.iter().filter(|scope| !principal.has(scope, flaws)).cloned().collect::<Vec<_>>()
        });
        lacking.collect()
    }
}

/// Why nobody is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Denied {
    pub(crate) case: AuthCase,
    /// Whether a header was such that nothing could be read from it.
    pub(crate) is_broken: bool,
}

/// An operation's requirement: alternatives of schemes (by their index) with scopes.
pub(crate) type Security = Vec<Vec<(usize, Vec<String>)>>;

/// Judges credentials.
pub(crate) struct Doorkeeper<'a> {
    pub(crate) schemes: &'a [Scheme],
    pub(crate) world: &'a Mutex<World>,
    pub(crate) signer: &'a Signer,
    pub(crate) flaws: &'a Flaws,
    pub(crate) audience: &'a str,
    pub(crate) now: DateTime<Utc>,
}

type Verdict = Result<Arc<Principal>, AuthCase>;
/// A scheme, what the request presents for it, and who that is.
type Judged<'r> = (usize, Presented<'r>, Verdict);
/// Judges one kind of credential.
type Judge<D> = fn(&D, &Scheme, &str) -> Verdict;

impl Doorkeeper<'_> {
    /// Every alternative that the request satisfies, or why there is none.
    pub(crate) fn admit<'s>(
        &self,
        security: &'s Security,
        wire: &Wire<'_>,
        is_refresh: bool,
    ) -> Result<Vec<Way<'s>>, Denied> {
        if security.is_empty() {
            return Ok(vec![Way { schemes: Vec::new() }]);
        }
        let mut judged: Vec<Judged<'_>> = Vec::with_capacity(4);
        for (scheme, _) in security.iter().flatten() {
            if !judged.iter().any(|(known, ..)| known == scheme) {
                let presented = self.presented(&self.schemes[*scheme], wire);
                let verdict = self.judge(&self.schemes[*scheme], &presented, is_refresh);
                judged.push((*scheme, presented, verdict));
            }
        }
        let is_optional = security.iter().any(Vec::is_empty);
        if !is_optional && !self.flaws.has(Flaw::M19) {
            self.refuse_any_invalid(&judged)?;
        }
        let ways: Vec<Way<'_>> = security.iter().filter_map(|schemes| self.way(schemes, &judged)).collect();
        let is_demanding = self.flaws.has(Flaw::M17) && security.len() > 1;
        if ways.is_empty() || is_demanding && judged.iter().any(|(.., verdict)| verdict.is_err()) {
            return self.denied(security, &judged);
        }
        Ok(ways)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn presented<'r>(&self, scheme: &Scheme, wire: &Wire<'r>) -> Presented<'r> {
        use crate::scheme::Place;
        let presented = wire.at(&scheme.place);
        match &scheme.place {
            Place::Header(name, _) if presented == Presented::Nothing => {
                let in_query = self.flaws.has(Flaw::M14).then(|| wire.parameter(name));
                let as_bearer = || match self.flaws.has(Flaw::M16) {
                    true => wire.at(&Place::Authorization("bearer".to_owned())),
                    false => Presented::Nothing,
                };
                in_query.filter(|found| *found != Presented::Nothing).unwrap_or_else(as_bearer)
            }
            Place::Authorization(_) if presented == Presented::Nothing && self.flaws.has(Flaw::M14) => {
                wire.parameter("access_token")
            }
            _ => presented,
        }
    }

    /// Each place that holds something must hold something valid.
    fn refuse_any_invalid(&self, judged: &[Judged<'_>]) -> Result<(), Denied> {
        for (scheme, presented, verdict) in judged {
            let place = &self.schemes[*scheme].place_name;
            let same = || judged.iter().filter(|(other, ..)| self.schemes[*other].place_name == *place);
            if *presented != Presented::Nothing && verdict.is_err() && same().all(|(.., verdict)| verdict.is_err()) {
                let cases = same().filter_map(|(.., verdict)| verdict.as_ref().err().copied());
                let case = cases.max_by_key(|case| weight(*case)).unwrap_or(AuthCase::Unknown);
                let is_valid_elsewhere = judged.iter().any(|(.., verdict)| verdict.is_ok());
                if is_valid_elsewhere {
                    return Err(Denied { case, is_broken: *presented == Presented::Broken });
                }
            }
        }
        Ok(())
    }

    fn way<'s>(&self, schemes: &'s [(usize, Vec<String>)], judged: &[Judged<'_>]) -> Option<Way<'s>> {
        let verdict = |scheme: usize| judged.iter().find(|(known, ..)| *known == scheme).map(|(.., verdict)| verdict);
        let accepted = schemes.iter().filter_map(|(scheme, scopes)| {
            let principal = verdict(*scheme)?.as_ref().ok()?;
            Some((Arc::clone(principal), scopes.as_slice()))
        });
        let accepted: Vec<_> = accepted.collect();
        let is_enough = accepted.len() == schemes.len() || self.flaws.has(Flaw::M18) && !accepted.is_empty();
        is_enough.then_some(Way { schemes: accepted })
    }

    fn denied<'s>(&self, security: &'s Security, judged: &[Judged<'_>]) -> Result<Vec<Way<'s>>, Denied> {
        let cases = judged.iter().filter_map(|(.., verdict)| verdict.as_ref().err().copied());
        let case = cases.max_by_key(|case| weight(*case)).unwrap_or(AuthCase::Missing);
        if case == AuthCase::Missing && self.flaws.has(Flaw::M01) {
            let scopes = security.first().and_then(|schemes| schemes.first()).map(|(_, scopes)| scopes.as_slice());
            return Ok(vec![Way {
                schemes: vec![(Arc::new(Principal::anyone(&self.world())), scopes.unwrap_or_default())],
            }]);
        }
        Err(Denied { case, is_broken: judged.iter().any(|(_, presented, _)| *presented == Presented::Broken) })
    }

    fn judge(&self, scheme: &Scheme, presented: &Presented<'_>, is_refresh: bool) -> Verdict {
        let text = match presented {
            Presented::Nothing => return Err(AuthCase::Missing),
            Presented::Malformed | Presented::Broken => return Err(AuthCase::Malformed),
            Presented::Text(text) => text,
        };
        let verdict = self.credential(scheme, text);
        let is_bearer = matches!(&scheme.place, crate::scheme::Place::Authorization(name) if name == "bearer");
        let is_let_in = is_bearer && (self.flaws.has(Flaw::M02) || is_refresh && self.flaws.has(Flaw::M50));
        if verdict.is_err() && is_let_in { Ok(Arc::new(Principal::anyone(&self.world()))) } else { verdict }
    }

    /// The scheme's kinds of credential, one after the other; the reason that says most is given.
    fn credential(&self, scheme: &Scheme, text: &str) -> Verdict {
        let mut reason = AuthCase::Malformed;
        let kinds: [(bool, Judge<Self>); 3] = [
            (scheme.takes_keys, Self::key),
            (scheme.takes_tokens, Self::token),
            (scheme.takes_passwords, Self::password),
        ];
        for (_, judge) in kinds.into_iter().filter(|(is_taken, _)| *is_taken) {
            match judge(self, scheme, text) {
                Ok(principal) => return Ok(principal),
                Err(case) if weight(case) > weight(reason) => reason = case,
                Err(_) => {}
            }
        }
        Err(reason)
    }

    fn key(&self, scheme: &Scheme, secret: &str) -> Verdict {
        if !secret.starts_with(scheme.prefix()) {
            return Err(AuthCase::Malformed);
        }
        let mut world = self.world();
        let World { keys, accounts, .. } = &mut *world;
        let by_beginning = || keys.find_by_shown(secret).filter(|_| self.flaws.has(Flaw::M13));
        let place = keys.find(secret).or_else(by_beginning).ok_or(AuthCase::Unknown)?;
        let (key, speaker) = keys.at(place).ok_or(AuthCase::Unknown)?;
        if key.family != scheme.family {
            return Err(AuthCase::Unknown);
        }
        if key.revoked_at.is_some_and(|at| self.is_revoked(at)) {
            return Err(AuthCase::Revoked);
        }
        if key.expires_at.is_some_and(|end| end <= self.now) && !self.flaws.has(Flaw::M03) {
            return Err(AuthCase::Expired);
        }
        if key.environment != scheme.environment && !self.flaws.has(Flaw::M12) {
            return Err(AuthCase::WrongEnvironment);
        }
        // A key speaks for the user who made it (ROBOTICKS-7), in the organization that it was made for.
        let user = accounts.users.get(&key.user).ok_or(AuthCase::Unknown)?;
        if !user.is_member && !self.flaws.has(Flaw::M40) {
            return Err(AuthCase::Forbidden);
        }
        // It is the same as the last time, save where key or user have changed.
        if speaker.as_ref().is_none_or(|speaker| !speaker.is_of(key, user)) {
            *speaker = None;
        }
        Ok(Arc::clone(speaker.get_or_insert_with(|| Arc::new(Principal::of(key, user)))))
    }

    fn is_revoked(&self, at: DateTime<Utc>) -> bool {
        let is_cached = self.flaws.has(Flaw::M11) && self.now < at + TimeDelta::seconds(CACHED);
        !self.flaws.has(Flaw::M10) && !is_cached
    }

    fn token(&self, scheme: &Scheme, token: &str) -> Verdict {
        let laxness = Laxness {
            no_signature: self.flaws.has(Flaw::M05),
            alg_none: self.flaws.has(Flaw::M06),
            key_confusion: self.flaws.has(Flaw::M07),
        };
        let claims = self.signer.verify(token, &scheme.algorithms, laxness).map_err(|fault| match fault {
            TokenFault::Malformed => AuthCase::Malformed,
            TokenFault::Algorithm | TokenFault::Signature => AuthCase::Unknown,
        })?;
        let text = |pointer: &str| claim(&claims, pointer).and_then(Value::as_str);
        let number = |name: &str| claims.get(name).and_then(Value::as_i64);
        let now = self.now.timestamp();
        let is_ours = (text("/iss") == Some(ISSUER) || self.flaws.has(Flaw::M09))
            && (text("/aud") == Some(self.audience) || self.flaws.has(Flaw::M08))
            && text("/use") == Some(&scheme.name);
        if !is_ours || number("nbf").is_some_and(|from| from > now) && !self.flaws.has(Flaw::M04) {
            return Err(AuthCase::Unknown);
        }
        let world = self.world();
        let id = text("/jti").unwrap_or_default();
        let session = text("/sid").unwrap_or_default();
        if [id, session].iter().any(|id| world.revoked.get(*id).is_some_and(|at| self.is_revoked(*at))) {
            return Err(AuthCase::Revoked);
        }
        if number("exp").is_none_or(|end| end <= now) && !self.flaws.has(Flaw::M03) {
            return Err(AuthCase::Expired);
        }
        if text("/env").map(str::to_owned) != scheme.environment && !self.flaws.has(Flaw::M12) {
            return Err(AuthCase::WrongEnvironment);
        }
        self.bearer(&world, scheme, &claims, id)
    }

    fn password(&self, _: &Scheme, text: &str) -> Verdict {
        let decoded = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let (email, password) = decoded.as_deref().and_then(|text| text.split_once(':')).ok_or(AuthCase::Malformed)?;
        let world = self.world();
        let user = check_password(&world, email, password).ok_or(AuthCase::Unknown)?;
        Ok(Arc::new(Principal {
            credential: format!("password {email}"),
            is_key: false,
            user: email.to_owned(),
            organization: user.0,
            permission: user.1,
            session: None,
            scopes: None,
            is_anyone: false,
        }))
    }

    /// A token speaks for its subject, in the organization that it names, which must be the subject's own.
    fn bearer(&self, world: &World, scheme: &Scheme, claims: &Map<String, Value>, id: &str) -> Verdict {
        let text = |pointer: &str| claim(claims, pointer).and_then(Value::as_str);
        let subject = text(scheme.claim("subject", "/sub")).ok_or(AuthCase::Unknown)?;
        let user = world.accounts.users.get(subject);
        if user.is_some_and(|user| !user.is_member) && !self.flaws.has(Flaw::M40) {
            return Err(AuthCase::Forbidden);
        }
        let user = user.map(|user| (user.organization.as_str(), user.permission));
        let client = || world.clients.get(subject).map(|client| (client.organization.as_str(), Permission::Member));
        let (organization, permission) = user.or_else(client).ok_or(AuthCase::Unknown)?;
        if text(scheme.claim("organization", "/org")) != Some(organization) {
            return Err(AuthCase::WrongOrganization);
        }
        Ok(Arc::new(Principal {
            credential: id.to_owned(),
            is_key: false,
            user: subject.to_owned(),
            organization: organization.to_owned(),
            permission,
            session: text("/sid").map(str::to_owned),
            scopes: scopes_of(scheme, claims).map(|scopes| scopes.into_iter().collect()),
            is_anyone: false,
        }))
    }
}

/// The organization and permission of a user, if the password is right. An unknown user takes as long as a wrong
/// password.
pub(crate) fn check_password(world: &World, email: &str, password: &str) -> Option<(String, Permission)> {
    let given = password_hash(email, password);
    let user = world.accounts.users.get(email);
    let stored = user.map_or([0; 32], |user| user.password);
    let is_right = bool::from(given.ct_eq(&stored));
    user.filter(|_| is_right).map(|user| (user.organization.clone(), user.permission))
}

/// How much a reason says: the one about the credential that came nearest to being right wins.
fn weight(case: AuthCase) -> u8 {
    match case {
        AuthCase::Missing => 0,
        AuthCase::Malformed => 1,
        AuthCase::Unknown => 2,
        AuthCase::WrongEnvironment => 3,
        AuthCase::WrongOrganization => 4,
        AuthCase::Expired => 5,
        AuthCase::Revoked => 6,
        AuthCase::InsufficientScope | AuthCase::Forbidden => 7,
    }
}
