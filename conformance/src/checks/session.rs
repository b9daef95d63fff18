//! `token.after-logout` and the refresh tokens of `refresh.*`: what a session's end and a thief do to its tokens.

use bitting_spec::extension::{Refresh, RefreshStyle, Rotation, TokenPointers};
use bitting_spec::{Document, Operation, SecurityScheme};
use serde_json::Value;

use super::oauth_code::App;
use super::takes_token;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::{Nature, Role};
use crate::finding::Observation;
use crate::http::Exchange;
use crate::run::{Stop, Trial, apply, exchanging, is_logout};
use crate::secret::Secret;

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "token.after-logout",
            title: "a token is worth nothing after the logout",
            rule: "A token whose session was ended by a logout is refused from then on, though it has not expired.",
            source: "OWASP ASVS 5.0, 7.4.1; OWASP API2:2023; CWE-613",
            needs: &[Need::Token],
            phase: Phase::Auth,
        },
        applies: |document, operation| is_logout(operation) && takes_token(document, operation),
        run: |trial| Box::pin(after_logout(trial)),
    },
    Check {
        info: CheckInfo {
            id: "refresh.rotation",
            title: "a refresh token that was replaced is refused",
            rule: "Where each use of a refresh token answers a new one, the old one is refused from then on.",
            source: "RFC 9700, 4.14.2; RFC 6749, 10.4; x-auth.refresh.rotation",
            needs: &[Need::Valid],
            phase: Phase::Auth,
        },
        applies: |document, operation| renewal(document, operation).is_some(),
        run: |trial| Box::pin(rotation(trial)),
    },
    Check {
        info: CheckInfo {
            id: "refresh.reuse",
            title: "a refresh token that comes a second time ends its session",
            rule: "When a refresh token that was replaced comes again, one of the two who have it has stolen it: the tokens \
                   that came from it are worth nothing from then on.",
            source: "RFC 9700, 4.14.2",
            needs: &[Need::Valid],
            phase: Phase::Auth,
        },
        applies: |document, operation| renewal(document, operation).is_some(),
        run: |trial| Box::pin(reuse(trial)),
    },
];

/// The scheme whose refresh tokens this operation changes for new ones, where the old one is then void.
fn renewal<'a>(document: &'a Document, operation: &Operation) -> Option<(&'a SecurityScheme, &'a Refresh)> {
    let schemes = document.security_schemes.iter();
    let mut all = schemes.filter_map(|scheme| Some((scheme, scheme.auth.refresh.as_ref()?)));
    all.find(|(scheme, refresh)| {
        let is_here = match refresh.style {
            RefreshStyle::RefreshToken => refresh.operation_id.as_ref() == Some(&operation.id),
            RefreshStyle::Oauth2 => exchanging(document, operation).is_some_and(|here| here.name == scheme.name),
            _ => false,
        };
        is_here && refresh.rotation != Rotation::None
    })
}

/// An access token with the refresh token that came with it.
struct Pair {
    access: Secret,
    refresh: Secret,
}

fn pair(trial: &Trial<'_>, answer: &Value, pointers: &TokenPointers) -> Result<Pair, Stop> {
    let part = |pointer: Option<&String>, name: &str| {
        let text = pointer.and_then(|pointer| answer.pointer(pointer)?.as_str());
        let secret = Secret::new(text.ok_or_else(|| Stop::Skip(format!("the answer has no {name}")))?);
        trial.context.vault.keep(&secret, &name.to_uppercase().replace(' ', "_"), "of a new session");
        Ok::<Secret, Stop>(secret)
    };
    let access = part(Some(&pointers.access_token), "access token")?;
    Ok(Pair { access, refresh: part(pointers.refresh_token.as_ref(), "refresh token")? })
}

/// The tokens of a new session.
async fn begin(trial: &Trial<'_>, (scheme, refresh): (&SecurityScheme, &Refresh)) -> Result<Pair, Stop> {
    let valid = trial.context.credentials.principal(Role::Valid);
    if refresh.style == RefreshStyle::Oauth2 {
        let app = App::of(trial).await?;
        let answer = app.exchange(trial, &app.code(trial).await?).await?.answer;
        return pair(trial, &answer.json().unwrap_or(Value::Null), &TokenPointers::default());
    }
    let login = valid.and_then(|valid| valid.login.as_ref()).zip(scheme.auth.acquire.as_ref());
    let (login, acquire) = login.ok_or_else(|| Stop::Skip(Need::Login.remedy().to_owned()))?;
    pair(trial, &trial.context.log_in(acquire, login).await?.1, &acquire.response)
}

/// Changes a refresh token for new tokens.
async fn renew(
    trial: &Trial<'_>,
    (scheme, refresh): (&SecurityScheme, &Refresh),
    token: &Secret,
) -> Result<Exchange, Stop> {
    let valid = trial.context.credentials.principal(Role::Valid);
    let request = match (refresh.style, valid.and_then(|valid| valid.client.as_ref())) {
        (RefreshStyle::Oauth2, Some(client)) => {
            let fields = [("grant_type", "refresh_token".to_owned()), ("refresh_token", token.expose().to_owned())];
            trial.context.token_request(trial.operation, scheme, client, &fields)?
        }
        _ => {
            let pointer = refresh.request.get("refresh_token").map_or("/refresh_token", String::as_str);
            let case = trial.context.filled_case(trial.operation, [(pointer, token.expose())].into_iter());
            case.request(trial.operation).map_err(Stop::Skip)?
        }
    };
    trial.send(request).await
}

/// A session whose refresh token was used, with the answer to its second use and the pair that took its place.
async fn replayed(trial: &Trial<'_>) -> Result<(Exchange, Pair), Stop> {
    let found =
        renewal(trial.context.document, trial.operation).ok_or_else(|| Stop::Skip("it renews nothing".to_owned()))?;
    let first = begin(trial, found).await?;
    let renewed = renew(trial, found, &first.refresh).await?;
    if !renewed.answer.is_success() {
        let cause = format!("a valid refresh token was answered with {}", renewed.answer.status);
        return Err(Observation::error(cause, "new tokens", &renewed).into());
    }
    let second = pair(trial, &renewed.answer.json().unwrap_or(Value::Null), &found.1.response)?;
    if second.refresh == first.refresh {
        return Err(Stop::Skip("the refresh token stays the same, so there is none that was replaced".to_owned()));
    }
    Ok((renew(trial, found, &first.refresh).await?, second))
}

async fn rotation(trial: &Trial<'_>) -> Result<(), Stop> {
    let (again, _) = replayed(trial).await?;
    trial.met(again.answer.status);
    if !(400..500).contains(&again.answer.status) {
        let cause = format!("a refresh token that was replaced was answered with {}", again.answer.status);
        return Err(Observation::error(cause, "a refusal", &again).into());
    }
    Ok(())
}

async fn reuse(trial: &Trial<'_>) -> Result<(), Stop> {
    let found =
        renewal(trial.context.document, trial.operation).ok_or_else(|| Stop::Skip("it renews nothing".to_owned()))?;
    let (again, second) = replayed(trial).await?;
    // Whether it is refused at all is what `refresh.rotation` says.
    if again.answer.is_success() {
        return Ok(());
    }
    let renewed = renew(trial, found, &second.refresh).await?;
    if renewed.answer.is_success() {
        let cause = "a session goes on after its replaced refresh token came a second time";
        return Err(Observation::error(cause, "the newer refresh token is refused", &renewed).into());
    }
    match used(trial, found.0, &second.access).await? {
        Some(exchange) if exchange.answer.is_success() => {
            let cause = "an access token outlives its session, whose refresh token came a second time";
            Err(Observation::note(cause, "the access token is refused", &exchange).into())
        }
        _ => Ok(()),
    }
}

async fn after_logout(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.case().await?;
    for scheme in trial.schemes(Nature::Token) {
        let token = trial.context.session(Role::Valid, scheme).await?;
        let before = used(trial, scheme, &token).await?;
        if !before.is_some_and(|exchange| exchange.answer.is_success()) {
            return Err(Stop::Skip("the token opens nothing that could be tried after the logout".to_owned()));
        }
        let ended = trial.with_secret(scheme, &token).await?;
        if !ended.answer.is_success() {
            return Err(Stop::Skip(format!("the logout was answered with {}", ended.answer.status)));
        }
        let Some(after) = used(trial, scheme, &token).await? else { continue };
        trial.met(after.answer.status);
        if !(400..500).contains(&after.answer.status) {
            let cause = format!("a token was answered with {} after its logout", after.answer.status);
            return Err(Observation::error(cause, "401 after the logout", &after).into());
        }
    }
    Ok(())
}

/// The answer to a read with the token. `None`: nothing that the scheme opens can be read.
async fn used(trial: &Trial<'_>, scheme: &SecurityScheme, token: &Secret) -> Result<Option<Exchange>, Stop> {
    let opens = |operation: &&Operation| {
        operation.method == "GET"
            && operation.security.iter().any(|one| one.len() == 1 && one.contains_key(&scheme.name))
    };
    for operation in trial.context.document.operations.iter().filter(opens) {
        let Ok(case) = trial.context.positive(operation, Role::Valid).await else { continue };
        let request = case.request(operation).map_err(Stop::Skip)?;
        return Ok(Some(trial.send(apply(scheme, token, request)).await?));
    }
    Ok(None)
}
