//! `login.*` and `token.expires-in`: a login tells who is right, and nothing to who is wrong.

use bitting_spec::extension::Acquire;
use bitting_spec::{Document, Operation};
use serde_json::Value;

use crate::check::{Check, CheckInfo, Need, Phase};
use crate::clock;
use crate::credentials::{Login, Role};
use crate::finding::Observation;
use crate::http::Exchange;
use crate::run::{Stop, Trial, claims};
use crate::secret::Secret;

/// How many seconds what a token says may differ from what the answer says.
const SLACK: i64 = 5;

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "login.wrong-password",
            title: "a wrong password is refused",
            rule: "A login with a wrong password is refused with 401 and gives no token; so is one with a password \
                   that begins like the right one, or differs in case alone.",
            source: "OWASP API2:2023; RFC 9110, 15.5.2",
            needs: &[Need::Login],
            phase: Phase::Auth,
        },
        applies: is_login,
        run: |trial| Box::pin(wrong_password(trial)),
    },
    Check {
        info: CheckInfo {
            id: "login.unknown-user",
            title: "a login does not tell who has an account",
            rule: "The answer for a user that does not exist is that for a wrong password.",
            source: "OWASP API2:2023; OWASP ASVS 5.0, 6.3.8; CWE-204",
            needs: &[Need::Login],
            phase: Phase::Auth,
        },
        applies: is_login,
        run: |trial| Box::pin(unknown_user(trial)),
    },
    Check {
        info: CheckInfo {
            id: "login.no-store",
            title: "an answer with a token is not stored by caches",
            rule: "An answer that holds a token carries `Cache-Control: no-store`.",
            source: "RFC 6749, 5.1; RFC 9111, 5.2.2.5",
            needs: &[Need::Login],
            phase: Phase::Auth,
        },
        applies: is_login,
        run: |trial| Box::pin(no_store(trial)),
    },
    Check {
        info: CheckInfo {
            id: "token.expires-in",
            title: "a token lives as long as its answer says",
            rule: "The `exp` of a token agrees with the `expires_in` that came with it.",
            source: "RFC 6749, 5.1; RFC 7519, 4.1.4",
            needs: &[Need::Login],
            phase: Phase::Auth,
        },
        applies: is_login,
        run: |trial| Box::pin(expires_in(trial)),
    },
];

/// The operation that a scheme's tokens come from.
fn is_login(document: &Document, operation: &Operation) -> bool {
    acquire(document, operation).is_some()
}

fn acquire<'a>(document: &'a Document, operation: &Operation) -> Option<&'a Acquire> {
    let mut all = document.security_schemes.iter().filter_map(|scheme| scheme.auth.acquire.as_ref());
    all.find(|acquire| acquire.operation_id == operation.id)
}

/// How much of an answer is repeated, in characters.
const SAID: usize = 120;

async fn log_in(trial: &Trial<'_>, login: &Login) -> Result<Exchange, Stop> {
    let acquire =
        acquire(trial.context.document, trial.operation).ok_or_else(|| Stop::Skip("it is no login".to_owned()))?;
    let case = trial.context.login_case(trial.operation, acquire, login);
    trial.send(case.request(trial.operation).map_err(Stop::Skip)?).await
}

fn own(trial: &Trial<'_>) -> Result<Login, Stop> {
    let login = trial.context.credentials.principal(Role::Valid).and_then(|principal| principal.login.clone());
    login.ok_or_else(|| Stop::Skip(Need::Login.remedy().to_owned()))
}

/// The right name with a password that nobody has.
fn wrong_password_of(login: &Login) -> Login {
    Login { username: login.username.clone(), password: Secret::new("bitting-wrong-password-1") }
}

/// The right name with passwords that are almost right: another end, another case, a letter more.
fn almost(login: &Login) -> Vec<(&'static str, Login)> {
    let right = login.password.expose();
    let other = |letter: char| if letter == 'x' { 'y' } else { 'x' };
    let end: String =
        right.char_indices().map(|(at, letter)| if at >= right.len() / 2 { other(letter) } else { letter }).collect();
    let case: String = right
        .chars()
        .map(
            |letter| {
                if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
            },
        )
        .collect();
    let longer = format!("{right}x");
    let half = right.chars().take(right.chars().count() / 2).collect();
    [
        ("the first half of a password", half),
        ("a password with another end", end),
        ("a password in another case", case),
        ("a password with a letter more", longer),
    ]
    .into_iter()
    .filter(|(_, password)| password != right)
    .map(|(who, password)| (who, Login { username: login.username.clone(), password: Secret::new(password) }))
    .collect()
}

/// A name that nobody has, of the form of the right one.
fn nobody(login: &Login) -> Login {
    let username = match login.username.split_once('@') {
        Some((_, host)) => format!("bitting-nobody@{host}"),
        None => format!("{}-bitting-nobody", login.username),
    };
    Login { username, password: Secret::new("bitting-wrong-password-1") }
}

async fn wrong_password(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.case().await?;
    let login = own(trial)?;
    let exchange = log_in(trial, &wrong_password_of(&login)).await?;
    for (who, almost) in almost(&login) {
        trial.context.vault.keep(&almost.password, "CHANGED_PASSWORD", &format!("{who}, made of the right one"));
        let close = log_in(trial, &almost).await?;
        if close.answer.is_success() {
            let cause = format!("{who} was answered with {}", close.answer.status);
            return Err(Observation::error(cause, "a wrong password is refused with 401", &close).into());
        }
    }
    let status = exchange.answer.status;
    if !(400..500).contains(&status) {
        let cause = format!("a wrong password was answered with {status}");
        return Err(Observation::error(cause, "a wrong password is refused with 401", &exchange).into());
    }
    if status != 401 && trial.operation.response(status).is_none() {
        let cause = format!("a wrong password was refused with {status}");
        trial.note(Observation::note(cause, "a wrong password is refused with 401", &exchange));
    }
    Ok(())
}

async fn unknown_user(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.case().await?;
    let login = own(trial)?;
    let wrong = log_in(trial, &wrong_password_of(&login)).await?;
    let unknown = log_in(trial, &nobody(&login)).await?;
    let same_status = wrong.answer.status == unknown.answer.status;
    if same_status && alike(&wrong, &unknown) {
        return Ok(());
    }
    let cause = "the answer for an unknown user is not that for a wrong password";
    let vault = &trial.context.vault;
    let saying = format!(
        "unknown user: {} {}; wrong password: {} {}",
        unknown.answer.status,
        vault.excerpt(&unknown.answer, SAID),
        wrong.answer.status,
        vault.excerpt(&wrong.answer, SAID)
    );
    Err(Observation::error(cause, "the same status and body for both", &unknown).saying(saying).into())
}

/// Whether two bodies say the same. Members that differ from call to call, such as a request id, do not count: texts
/// of digits and hyphens.
fn alike(left: &Exchange, right: &Exchange) -> bool {
    match (left.answer.json(), right.answer.json()) {
        (Some(left), Some(right)) => without_ids(&left) == without_ids(&right),
        _ => left.answer.body == right.answer.body,
    }
}

fn without_ids(value: &Value) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), without_ids(value))).collect(),
        Value::Array(items) => items.iter().map(without_ids).collect(),
        Value::String(text) if text.chars().any(|letter| letter.is_ascii_digit()) && !text.contains(' ') => Value::Null,
        other => other.clone(),
    }
}

async fn no_store(trial: &Trial<'_>) -> Result<(), Stop> {
    let exchange = trial.send(trial.request().await?).await?;
    let control = exchange.answer.header("cache-control").unwrap_or_default().to_ascii_lowercase();
    if exchange.answer.is_success() && !control.contains("no-store") {
        let cause = "the answer with the token has no `Cache-Control: no-store`";
        return Err(Observation::note(cause, "Cache-Control: no-store", &exchange).into());
    }
    Ok(())
}

async fn expires_in(trial: &Trial<'_>) -> Result<(), Stop> {
    let exchange = trial.send(trial.request().await?).await?;
    let acquire =
        acquire(trial.context.document, trial.operation).ok_or_else(|| Stop::Skip("it is no login".to_owned()))?;
    let body = exchange.answer.json().unwrap_or(Value::Null);
    let stated = acquire.response.expires_in.as_ref().and_then(|pointer| body.pointer(pointer)?.as_i64());
    let stated = stated.ok_or_else(|| Stop::Skip("the login does not say how long its token lives".to_owned()))?;
    let token = body.pointer(&acquire.response.access_token).and_then(Value::as_str).unwrap_or_default();
    let claims =
        claims(token).ok_or_else(|| Stop::Skip("the token is no JWT, so it does not tell its end".to_owned()))?;
    let number = |name: &str| claims.get(name).and_then(Value::as_i64);
    let end = number("exp").ok_or_else(|| Stop::Skip("the token has no `exp`".to_owned()))?;
    let life = end - number("iat").unwrap_or_else(clock::unix);
    if (life - stated).abs() > SLACK {
        let cause = "`expires_in` is not the life of the token";
        let saying = format!("expires_in is {stated}, and the token lives {life} seconds");
        return Err(Observation::error(cause, "`exp` and `expires_in` agree", &exchange).saying(saying).into());
    }
    Ok(())
}
