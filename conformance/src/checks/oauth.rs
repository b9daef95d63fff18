//! `oauth.*`: the token endpoint of OAuth 2.0, for clients that speak for themselves.

use std::collections::BTreeSet;

use bitting_spec::{Document, Operation, SecurityScheme};
use serde_json::Value;

use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::{OAuthClient, Role};
use crate::finding::Observation;
use crate::http::Exchange;
use crate::run::{Stop, Trial, claims, granting};
use crate::secret::Secret;

const NEEDS: &[Need] = &[Need::Client];

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "oauth.invalid-client",
            title: "a client with a wrong secret gets no token",
            rule: "A client that cannot prove who it is is refused with 401, or 400, and the error `invalid_client`.",
            source: "RFC 6749, 5.2; OWASP API2:2023",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: is_token_endpoint,
        run: |trial| Box::pin(invalid_client(trial)),
    },
    Check {
        info: CheckInfo {
            id: "oauth.invalid-grant",
            title: "a code that nobody was given is refused",
            rule: "An authorization code that was never issued is refused with 400, and the error says why.",
            source: "RFC 6749, 5.2; RFC 6749, 4.1.3",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: is_token_endpoint,
        run: |trial| Box::pin(invalid_grant(trial)),
    },
    Check {
        info: CheckInfo {
            id: "oauth.scope",
            title: "a token has no scope that was not asked for",
            rule: "A client that asks for some of the scopes is granted these and no other; a scope that there is not is \
                   refused with `invalid_scope`, or left out.",
            source: "RFC 6749, 3.3 and 5.1; OWASP API5:2023",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: |document, operation| granting(document, operation).is_some_and(|(_, scopes)| !scopes.is_empty()),
        run: |trial| Box::pin(scope(trial)),
    },
    Check {
        info: CheckInfo {
            id: "oauth.no-store",
            title: "an answer with a token is not stored by caches",
            rule: "The answer of the token endpoint says `Cache-Control: no-store`.",
            source: "RFC 6749, 5.1",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: is_token_endpoint,
        run: |trial| Box::pin(no_store(trial)),
    },
];

fn is_token_endpoint(document: &Document, operation: &Operation) -> bool {
    granting(document, operation).is_some()
}

/// The scheme, its scopes, and the client of the valid principal.
fn own<'a>(trial: &'a Trial<'_>) -> Result<(&'a SecurityScheme, Vec<String>, OAuthClient), Stop> {
    let (scheme, scopes) = granting(trial.context.document, trial.operation)
        .ok_or_else(|| Stop::Skip("it is no token endpoint".to_owned()))?;
    let client = trial.context.credentials.principal(Role::Valid).and_then(|principal| principal.client.clone());
    Ok((scheme, scopes, client.ok_or_else(|| Stop::Skip(Need::Client.remedy().to_owned()))?))
}

async fn ask(trial: &Trial<'_>, client: &OAuthClient, scopes: &[String]) -> Result<Exchange, Stop> {
    let (scheme, ..) = own(trial)?;
    let request = trial.context.grant_request(trial.operation, scheme, client, scopes)?;
    trial.send(request).await
}

/// The token that was issued, and the members of the answer beside it.
pub(super) fn issued(trial: &Trial<'_>, exchange: &Exchange) -> Option<Value> {
    let body = exchange.answer.json().filter(|_| exchange.answer.is_success())?;
    let token = body["access_token"].as_str()?;
    trial.context.vault.keep(&Secret::new(token), "GRANTED_TOKEN", "a token of the token endpoint");
    Some(body)
}

async fn invalid_client(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.case().await?;
    let (_, scopes, client) = own(trial)?;
    let wrong = Secret::new("bitting-wrong-secret-1");
    for (who, client) in [
        ("a client with a wrong secret", OAuthClient { secret: wrong.clone(), ..client }),
        ("a client that nobody knows", OAuthClient { id: "bitting-no-such-client".to_owned(), secret: wrong }),
    ] {
        let exchange = ask(trial, &client, &scopes).await?;
        refused(trial, &exchange, who, &[401, 400], "invalid_client")?;
    }
    Ok(())
}

/// Stops unless the request was refused as RFC 6749, 5.2, has it.
pub(super) fn refused(
    trial: &Trial<'_>,
    exchange: &Exchange,
    who: &str,
    statuses: &[u16],
    code: &str,
) -> Result<(), Stop> {
    let status = exchange.answer.status;
    trial.met(status);
    let expected = format!("{} with the error `{code}`", crate::run::listed(statuses));
    if !(400..500).contains(&status) {
        return Err(Observation::error(format!("{who} was answered with {status}"), expected, exchange).into());
    }
    let body = exchange.answer.json().unwrap_or(Value::Null);
    if !statuses.contains(&status) {
        trial.note(Observation::note(format!("{who} was refused with {status}"), expected, exchange));
    } else if body["error"] != code {
        trial.note(Observation::note(format!("the refusal of {who} is not `{code}`"), expected, exchange));
    }
    Ok(())
}

async fn invalid_grant(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut case = trial.case().await?;
    if let Some((_, Value::Object(form))) = &mut case.body {
        form.shift_remove("scope");
        for (name, value) in [
            ("grant_type", "authorization_code"),
            ("code", "bitting-no-such-code"),
            ("redirect_uri", "https://app.example.com/callback"),
        ] {
            form.insert(name.to_owned(), Value::from(value));
        }
    }
    let exchange = trial.send(case.request(trial.operation).map_err(Stop::Skip)?).await?;
    // A server without that grant says so, which is as good; RFC 6749, 5.2, has all these with 400.
    let codes = ["invalid_grant", "unsupported_grant_type", "unauthorized_client", "invalid_request"];
    let code = exchange.answer.json().and_then(|body| body["error"].as_str().map(str::to_owned)).unwrap_or_default();
    let code = if codes.contains(&code.as_str()) { code } else { "invalid_grant".to_owned() };
    refused(trial, &exchange, "a code that nobody was given", &[400], &code)
}

async fn scope(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.case().await?;
    let (scheme, scopes, client) = own(trial)?;
    for scope in &scopes {
        let asked = std::slice::from_ref(scope);
        let exchange = ask(trial, &client, asked).await?;
        let Some(body) = issued(trial, &exchange) else { continue };
        let more: Vec<String> = granted(scheme, &body).into_iter().filter(|granted| granted != scope).collect();
        if !more.is_empty() {
            let cause = "a client was granted scopes that it did not ask for";
            let saying = format!("asked for {scope}, granted {} too", more.join(" "));
            return Err(Observation::error(cause, "the scopes that were asked for", &exchange).saying(saying).into());
        }
    }
    let nonsense = ["bitting:no-such-scope".to_owned()];
    let exchange = ask(trial, &client, &nonsense).await?;
    let body = issued(trial, &exchange).unwrap_or(Value::Null);
    if granted(scheme, &body).contains(&nonsense[0]) {
        let cause = "a scope that there is not was granted";
        return Err(Observation::error(cause, "400 with the error `invalid_scope`", &exchange).into());
    }
    Ok(())
}

/// The scopes that the answer and the token itself, if it is a JWT, say.
fn granted(scheme: &SecurityScheme, body: &Value) -> BTreeSet<String> {
    let words = |value: &Value| match value {
        Value::String(text) => text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        Value::Array(items) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    };
    let pointer = scheme.auth.claims.get("scopes").map_or("/scope", String::as_str);
    let inside = body["access_token"].as_str().and_then(claims).and_then(|claims| claims.pointer(pointer).map(words));
    words(&body["scope"]).into_iter().chain(inside.unwrap_or_default()).collect()
}

async fn no_store(trial: &Trial<'_>) -> Result<(), Stop> {
    let exchange = trial.send(trial.request().await?).await?;
    issued(trial, &exchange);
    let control = exchange.answer.header("cache-control").unwrap_or_default().to_ascii_lowercase();
    if exchange.answer.is_success() && !control.contains("no-store") {
        let cause = "the answer with the token has no `Cache-Control: no-store`";
        return Err(Observation::note(cause, "Cache-Control: no-store", &exchange).into());
    }
    Ok(())
}
