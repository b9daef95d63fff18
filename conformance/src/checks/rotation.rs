//! `refresh.*` and `logout.*`: a refresh token is good for one thing, once, and for nothing after the session's end.

use bitting_spec::extension::{Refresh, Rotation};
use bitting_spec::infer::is_logout;
use bitting_spec::{Document, Operation, SecurityScheme};
use serde_json::Value;

use super::refresh::{scopes, works};
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::{Nature, Role, nature};
use crate::finding::Observation;
use crate::http::Exchange;
use crate::run::{Stop, Trial, apply, claims, refresh_case, renewing};
use crate::secret::Secret;

const NEEDS: &[Need] = &[Need::Login];
/// How often a session is begun to see whether it outlives somebody else's logout.
const TRIES: usize = 6;

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "refresh.trades",
            title: "a refresh token gives a new access token that works",
            rule: "A refresh token is answered with an access token that works, of the same subject and with no scope that \
                   the old one lacked.",
            source: "RFC 6749, 6; x-auth.refresh",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: takes_refresh_tokens,
        run: |trial| Box::pin(trades(trial)),
    },
    Check {
        info: CheckInfo {
            id: "refresh.rotates",
            title: "a refresh token is good once",
            rule: "Where refresh tokens rotate, each use answers another one and the old one is refused from then on. Where \
                   the document does not say that they do, an old one that still counts is a note.",
            source: "RFC 9700, 4.14.2; RFC 6749, 10.4; x-auth.refresh.rotation",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: takes_refresh_tokens,
        run: |trial| Box::pin(rotates(trial)),
    },
    Check {
        info: CheckInfo {
            id: "refresh.refuses-others",
            title: "nothing but a refresh token is renewed",
            rule: "An access token, a text that nobody issued, and a refresh token with a changed letter are refused where a \
                   refresh token is expected.",
            source: "RFC 6749, 5.2 and 10.4; RFC 8725, 3.12",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: takes_refresh_tokens,
        run: |trial| Box::pin(refuses_others(trial)),
    },
    Check {
        info: CheckInfo {
            id: "refresh.no-access",
            title: "a refresh token opens nothing",
            rule: "A refresh token is refused where an access token is expected: it is for the token endpoint alone.",
            source: "RFC 6749, 1.5; RFC 8725, 3.12",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: takes_refresh_tokens,
        run: |trial| Box::pin(opens_nothing(trial)),
    },
    Check {
        info: CheckInfo {
            id: "logout.access-token",
            title: "after a logout the access token is refused",
            rule: "An access token is refused after the logout of its session.",
            source: "OWASP ASVS 5.0, 7.4.1; RFC 7009, 2; OWASP API2:2023",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: ends_sessions,
        run: |trial| Box::pin(access_after_logout(trial)),
    },
    Check {
        info: CheckInfo {
            id: "logout.refresh-token",
            title: "after a logout the refresh token is refused",
            rule: "A refresh token is refused after the logout of its session, else whoever holds it logs in again.",
            source: "OWASP ASVS 5.0, 7.4.1; RFC 7009, 2.1",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: |document, operation| ends_sessions(document, operation) && renewer(document).is_some(),
        run: |trial| Box::pin(refresh_after_logout(trial)),
    },
    Check {
        info: CheckInfo {
            id: "logout.others",
            title: "a logout ends nobody else's session",
            rule: "The token of another user works after the logout as it did before.",
            source: "OWASP ASVS 5.0, 7.4.1; RFC 7009, 2",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: ends_sessions,
        run: |trial| Box::pin(others_after_logout(trial)),
    },
];

fn takes_refresh_tokens(document: &Document, operation: &Operation) -> bool {
    renewing(document, operation).is_some_and(|(scheme, _)| scheme.auth.acquire.is_some())
}

fn ends_sessions(document: &Document, operation: &Operation) -> bool {
    is_logout(operation) && session_scheme(document, operation).is_some()
}

/// The scheme whose session the operation ends.
fn session_scheme<'a>(document: &'a Document, operation: &Operation) -> Option<&'a SecurityScheme> {
    let alone = operation.security.iter().filter(|one| one.len() == 1).flat_map(|one| one.keys());
    let mut schemes = alone.filter_map(|name| document.scheme(name));
    schemes.find(|scheme| nature(scheme) == Nature::Token && scheme.auth.acquire.is_some())
}

/// The operation that takes refresh tokens.
fn renewer(document: &Document) -> Option<(&Operation, &SecurityScheme, &Refresh)> {
    document.operations.iter().find_map(|operation| {
        let (scheme, refresh) = renewing(document, operation)?;
        Some((operation, scheme, refresh))
    })
}

fn found<'a>(trial: &Trial<'a>) -> Result<(&'a SecurityScheme, &'a Refresh), Stop> {
    renewing(trial.context.document, trial.operation).ok_or_else(|| Stop::Skip("it takes no refresh tokens".to_owned()))
}

/// Calls the operation that takes refresh tokens with this one.
async fn renew(trial: &Trial<'_>, operation: &Operation, refresh: &Refresh, token: &Secret) -> Result<Exchange, Stop> {
    // Another login may end this session, so none is made for the request.
    let case = trial.context.reached(operation, Role::Valid).await?;
    let case = refresh_case(&case, refresh, token);
    let request = case.request(operation).map_err(Stop::Skip)?;
    let request = trial.context.authorized(operation, Role::Valid, request).await?;
    trial.send(request).await
}

/// The tokens that a refresh answered.
fn answered(trial: &Trial<'_>, refresh: &Refresh, exchange: &Exchange) -> Result<(Secret, Option<Secret>), Stop> {
    let body = exchange.answer.json().filter(|_| exchange.answer.is_success()).unwrap_or(Value::Null);
    let read = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(Secret::new);
    let access = read(&refresh.response.access_token);
    let next = refresh.response.refresh_token.as_deref().and_then(read);
    for token in [&access, &next].into_iter().flatten() {
        trial.context.vault.keep(token, "TOKEN", "a token that the refresh answered");
    }
    let none = || Stop::from(Observation::error("a refresh token was not renewed", "a new access token", exchange));
    Ok((access.ok_or_else(none)?, next))
}

async fn trades(trial: &Trial<'_>) -> Result<(), Stop> {
    let (scheme, refresh) = found(trial)?;
    trial.case().await?;
    // Whoever may do less shows best whether a refresh gives more.
    for role in [Role::ReadOnly, Role::Valid] {
        let pair = trial.context.new_pair(role, scheme).await;
        let (old, token) = match (pair, role) {
            (Ok(pair), _) => pair,
            (Err(stop), Role::Valid) => return Err(stop),
            (Err(_), _) => continue,
        };
        let exchange = renew(trial, trial.operation, refresh, &token).await?;
        let (new, _) = answered(trial, refresh, &exchange)?;
        if let (Some(before), Some(after)) = (claims(old.expose()), claims(new.expose())) {
            let subject = scheme.auth.claims.get("subject").map_or("/sub", String::as_str);
            let wrong = |cause: &str, expected: &str| Stop::from(Observation::error(cause, expected, &exchange));
            if before.pointer(subject) != after.pointer(subject) {
                return Err(wrong("the new token is somebody else's", "a token of the same subject"));
            }
            if scopes(scheme, &after).iter().any(|scope| !scopes(scheme, &before).contains(scope)) {
                return Err(wrong("the new token has scopes that the old one lacked", "no more scopes than before"));
            }
        }
        if role == Role::Valid {
            works(trial, scheme, &new).await?;
        }
    }
    Ok(())
}

async fn rotates(trial: &Trial<'_>) -> Result<(), Stop> {
    let (scheme, refresh) = found(trial)?;
    trial.case().await?;
    let (_, token) = trial.context.new_pair(Role::Valid, scheme).await?;
    let exchange = renew(trial, trial.operation, refresh, &token).await?;
    let (_, next) = answered(trial, refresh, &exchange)?;
    let replaced = next.as_ref().is_some_and(|next| *next != token);
    let states = refresh.rotation == Rotation::Rotating;
    if refresh.rotation == Rotation::None || !replaced && !states {
        return Ok(());
    }
    if !replaced {
        let cause = "the refresh token was not replaced";
        return Err(Observation::error(cause, "another refresh token", &exchange).into());
    }
    // The new one first: whoever sees an old one again may well end the whole session.
    if let Some(next) = next {
        let exchange = renew(trial, trial.operation, refresh, &next).await?;
        answered(trial, refresh, &exchange)?;
    }
    let again = renew(trial, trial.operation, refresh, &token).await?;
    if again.answer.is_success() {
        let make = if states { Observation::error } else { Observation::note };
        return Err(make("a refresh token was accepted twice", "an old refresh token is refused", &again).into());
    }
    Ok(())
}

async fn refuses_others(trial: &Trial<'_>) -> Result<(), Stop> {
    let (scheme, refresh) = found(trial)?;
    let (access, token) = trial.context.new_pair(Role::Valid, scheme).await?;
    let middle = token.expose().chars().count() / 2;
    let change = |(at, letter): (usize, char)| match letter {
        'A' if at == middle => 'B',
        _ if at == middle => 'A',
        other => other,
    };
    let changed = Secret::new(token.expose().chars().enumerate().map(change).collect::<String>());
    trial.context.vault.keep(&changed, "FORGED_TOKEN", "a refresh token with a changed letter");
    let nobodys = Secret::new("not-a-credential");
    for (who, other) in
        [("an access token", access), ("a text that nobody issued", nobodys), ("a changed refresh token", changed)]
    {
        let exchange = renew(trial, trial.operation, refresh, &other).await?;
        let status = exchange.answer.status;
        if !(400..500).contains(&status) {
            let cause = format!("{who} in the place of a refresh token was answered with {status}");
            return Err(Observation::error(cause, format!("{who} is refused with 401"), &exchange).into());
        }
    }
    Ok(())
}

async fn opens_nothing(trial: &Trial<'_>) -> Result<(), Stop> {
    let (scheme, _) = found(trial)?;
    let (_, token) = trial.context.new_pair(Role::Valid, scheme).await?;
    let exchange = open(trial, scheme, (Role::Valid, &token)).await?;
    if exchange.answer.is_success() {
        let cause = "a refresh token was accepted as an access token";
        return Err(Observation::error(cause, "a refresh token opens nothing", &exchange).into());
    }
    Ok(())
}

/// Asks for something that the scheme opens to this principal, with this token.
async fn open(trial: &Trial<'_>, scheme: &SecurityScheme, (role, token): (Role, &Secret)) -> Result<Exchange, Stop> {
    let opens = |operation: &&Operation| {
        operation.method == "GET"
            && operation.security.iter().any(|one| one.len() == 1 && one.contains_key(&scheme.name))
    };
    for operation in trial.context.document.operations.iter().filter(opens) {
        let Ok(case) = trial.context.positive(operation, role).await else { continue };
        let request = case.request(operation).map_err(Stop::Skip)?;
        return trial.send(apply(scheme, token, request)).await;
    }
    Err(Stop::Skip(format!("nothing that {} opens could be read", scheme.name)))
}

/// Logs in, uses the token, and logs out: both tokens of the session that is over.
async fn logged_out<'a>(trial: &Trial<'a>) -> Result<(&'a SecurityScheme, Secret, Option<Secret>), Stop> {
    let scheme = session_scheme(trial.context.document, trial.operation)
        .ok_or_else(|| Stop::Skip("it ends no session".to_owned()))?;
    let (access, refresh) = match trial.context.new_pair(Role::Valid, scheme).await {
        Ok((access, refresh)) => (access, Some(refresh)),
        Err(_) => (trial.context.session(Role::Valid, scheme).await?, None),
    };
    let before = open(trial, scheme, (Role::Valid, &access)).await?;
    if !before.answer.is_success() {
        return Err(Stop::Skip(format!("the token of a login was answered with {}", before.answer.status)));
    }
    let mut case = trial.case().await?;
    // Some logouts want the refresh token as well.
    if let (Some(token), Some((_, Value::Object(members)))) = (&refresh, &mut case.body) {
        let names: Vec<String> = members.keys().cloned().collect();
        for name in names.into_iter().filter(|name| crate::infer::plain(name).contains("token")) {
            members.insert(name, Value::from(token.expose()));
        }
    }
    let request = case.request(trial.operation).map_err(Stop::Skip)?;
    let exchange = trial.send(apply(scheme, &access, request)).await?;
    if !exchange.answer.is_success() {
        return Err(Stop::Skip(format!("the logout was answered with {}", exchange.answer.status)));
    }
    Ok((scheme, access, refresh))
}

async fn access_after_logout(trial: &Trial<'_>) -> Result<(), Stop> {
    let (scheme, access, _) = logged_out(trial).await?;
    let exchange = open(trial, scheme, (Role::Valid, &access)).await?;
    if exchange.answer.is_success() {
        let cause = format!("an access token was answered with {} after its logout", exchange.answer.status);
        return Err(Observation::error(cause, "the token is refused with 401", &exchange).into());
    }
    Ok(())
}

async fn others_after_logout(trial: &Trial<'_>) -> Result<(), Stop> {
    let context = trial.context;
    let scheme =
        session_scheme(context.document, trial.operation).ok_or_else(|| Stop::Skip("it ends no session".to_owned()))?;
    let user = |role: Role| Some(&context.credentials.principal(role)?.login.as_ref()?.username);
    let is_other = |role: &Role| user(*role).is_some() && user(*role) != user(Role::Valid);
    let role = [Role::OtherOrganization, Role::ReadOnly].into_iter().find(is_other);
    let role = role.ok_or_else(|| Stop::Skip("nobody else can log in: give another principal a `login`".to_owned()))?;
    let (mut ended, mut stop) = (Vec::new(), None);
    // Another login of the same user may end the session once, by chance; a logout ends it each time. Where it ends all of
    // them, those of other checks do so too.
    for _ in 0..TRIES {
        let theirs = context.session(role, scheme).await?;
        let before = open(trial, scheme, (role, &theirs)).await?;
        if !before.answer.is_success() {
            stop = Some(Stop::Skip(format!("the token of a login was answered with {}", before.answer.status)));
            continue;
        }
        if let Err(failed) = logged_out(trial).await {
            stop = Some(failed);
            continue;
        }
        let after = open(trial, scheme, (role, &theirs)).await?;
        if after.answer.status != 401 {
            return Ok(());
        }
        ended.push(after);
        if ended.len() == 2 {
            break;
        }
    }
    let Some(exchange) = ended.pop().filter(|_| !ended.is_empty()) else { return stop.map_or(Ok(()), Err) };
    let cause = format!("the token of another user was answered with {} after a logout", exchange.answer.status);
    Err(Observation::error(cause, "everybody else's session goes on", &exchange).into())
}

async fn refresh_after_logout(trial: &Trial<'_>) -> Result<(), Stop> {
    let (_, _, refresh) = logged_out(trial).await?;
    let token = refresh.ok_or_else(|| Stop::Skip("the login answered no refresh token".to_owned()))?;
    let Some((operation, _, rule)) = renewer(trial.context.document) else { return Ok(()) };
    let exchange = renew(trial, operation, rule, &token).await?;
    if exchange.answer.is_success() {
        let cause = format!("a refresh token was answered with {} after its logout", exchange.answer.status);
        return Err(Observation::error(cause, "the token is refused with 401", &exchange).into());
    }
    Ok(())
}
