//! `oauth.state` and `oauth.redirect-uri`: the authorization endpoint sends users back to the app, and nowhere else.

use bitting_spec::table::Location;
use bitting_spec::{Document, Operation};

use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::http::{Exchange, Request};
use crate::run::{Stop, Trial, asking};

const NEEDS: &[Need] = &[Need::Client];

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "oauth.state",
            title: "the state of an authorization request comes back",
            rule: "Where the authorization endpoint sends the user back to the app, with a code or with an error, the \
                   `state` of the request is there, as it was: by it the app tells its own requests from forged ones.",
            source: "RFC 6749, 4.1.2, 4.1.2.1 and 10.12",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: is_authorization,
        run: |trial| Box::pin(state(trial)),
    },
    Check {
        info: CheckInfo {
            id: "oauth.redirect-uri",
            title: "a user is sent to no redirect URI that the app has not registered",
            rule: "A request with a redirect URI that is not one of the app's, or only begins like one, is answered without a \
                   redirect to it.",
            source: "RFC 6749, 4.1.2.1 and 10.15; RFC 9700, 2.1 and 4.11",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: is_authorization,
        run: |trial| Box::pin(redirect_uri(trial)),
    },
];

/// The mark that has to come back.
const STATE: &str = "bitting-state-7f3a91c2";
/// A scope that no server has, so that the answer is an error and asks nobody for consent.
const NO_SCOPE: &str = "bitting:no-such-scope";

fn is_authorization(document: &Document, operation: &Operation) -> bool {
    asking(document, operation).is_some()
}

/// The positive request, with these parameters in the place of its own.
async fn asked(trial: &Trial<'_>, parameters: &[(&str, &str)]) -> Result<Exchange, Stop> {
    let mut case = trial.case().await?;
    case.arguments.retain(|argument| {
        argument.location != Location::Query || !parameters.iter().any(|(name, _)| *name == argument.name)
    });
    let request: Request = case.request(trial.operation).map_err(Stop::Skip)?;
    trial.send(parameters.iter().fold(request, |request, (name, value)| request.query(name, value))).await
}

/// Where a redirect leads.
fn target(exchange: &Exchange) -> Option<String> {
    exchange.answer.header("location").filter(|_| (300..400).contains(&exchange.answer.status))
}

async fn state(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut tried = false;
    for (name, value) in [("scope", NO_SCOPE), ("response_type", "bitting")] {
        let exchange = asked(trial, &[("state", STATE), (name, value)]).await?;
        let Some(target) = target(&exchange) else { continue };
        let Ok(target) = url::Url::parse(&target) else { continue };
        // A redirect to a page of the server's own says nothing to the app.
        let parts = [target.query(), target.fragment()].into_iter().flatten();
        let pairs: Vec<(String, String)> =
            parts.flat_map(|part| form_urlencoded::parse(part.as_bytes()).into_owned()).collect();
        let says = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        if says("error").or_else(|| says("code")).is_none() {
            continue;
        }
        tried = true;
        if says("state") != Some(STATE) {
            let cause = "the user is sent back without the `state` of the request";
            return Err(Observation::error(cause, format!("`state={STATE}` in the redirect"), &exchange).into());
        }
    }
    if tried { Ok(()) } else { Err(Stop::Skip("the server sent nobody back to the app".to_owned())) }
}

async fn redirect_uri(trial: &Trial<'_>) -> Result<(), Stop> {
    let own = trial.context.credentials.principal(Role::Valid);
    let own = own.and_then(|valid| valid.parameters.get("redirect_uri")).cloned().unwrap_or_default();
    let longer = format!("{own}.bitting.invalid/");
    let evil = ["https://bitting.invalid/callback", longer.as_str()];
    for uri in evil.into_iter().filter(|uri| url::Url::parse(uri).is_ok()) {
        for more in [None, Some(("scope", NO_SCOPE)), Some(("response_type", "bitting"))] {
            let parameters: Vec<(&str, &str)> = std::iter::once(("redirect_uri", uri)).chain(more).collect();
            let exchange = asked(trial, &parameters).await?;
            trial.met(exchange.answer.status);
            if target(&exchange).is_some_and(|target| target.starts_with(uri)) {
                let cause = "a user is sent to a redirect URI that the app has not registered";
                return Err(Observation::error(cause, "no redirect to it", &exchange).into());
            }
        }
    }
    Ok(())
}
