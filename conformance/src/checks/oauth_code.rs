//! `oauth.code-*` and `oauth.pkce`: an authorization code serves once, and only who it was made for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bitting_spec::{Document, Operation, SecurityScheme};
use sha2::{Digest, Sha256};

use super::oauth::{issued, refused};
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::{OAuthClient, Role};
use crate::http::Exchange;
use crate::provision::{CodeOrder, ProvisionError};
use crate::run::{Stop, Trial, exchanging};
use crate::secret::Secret;

const NEEDS: &[Need] = &[Need::Client, Need::Code];

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "oauth.code-once",
            title: "an authorization code works once",
            rule: "A code that was exchanged for a token is refused with `invalid_grant` when it comes again: one of the two \
                   who have it has stolen it.",
            source: "RFC 6749, 4.1.2 and 10.5; RFC 9700, 2.1.1",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: takes_codes,
        run: |trial| Box::pin(once(trial)),
    },
    Check {
        info: CheckInfo {
            id: "oauth.code-bound",
            title: "an authorization code is bound to its client and its redirect URI",
            rule: "A code that comes from another client, or with another redirect URI than it was asked for with, is \
                   refused with `invalid_grant`.",
            source: "RFC 6749, 4.1.3 and 10.6; RFC 9700, 4.5",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: takes_codes,
        run: |trial| Box::pin(bound(trial)),
    },
    Check {
        info: CheckInfo {
            id: "oauth.pkce",
            title: "a code is worth nothing without its verifier",
            rule: "A code that was asked for with a code challenge is refused with `invalid_grant` when the verifier is \
                   another one or missing.",
            source: "RFC 7636, 4.6; RFC 9700, 2.1.1",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: takes_codes,
        run: |trial| Box::pin(pkce(trial)),
    },
];

/// A code verifier (RFC 7636, 4.1). The codes that it protects are worth nothing outside of a test.
const VERIFIER: &str = "bitting-code-verifier-0123456789-0123456789abc";

fn takes_codes(document: &Document, operation: &Operation) -> bool {
    exchanging(document, operation).is_some()
}

/// The client of the valid principal, and everything that one of its codes is bound to.
pub(super) struct App<'a> {
    scheme: &'a SecurityScheme,
    client: OAuthClient,
    redirect_uri: String,
    user: String,
}

impl<'a> App<'a> {
    pub(super) async fn of(trial: &Trial<'a>) -> Result<Self, Stop> {
        let skip = |reason: &str| Stop::Skip(reason.to_owned());
        let scheme = exchanging(trial.context.document, trial.operation);
        let valid = trial.context.credentials.principal(Role::Valid).ok_or_else(|| skip(Need::Valid.remedy()))?;
        let client = valid.client.clone().ok_or_else(|| skip(Need::Client.remedy()))?;
        let login = valid.login.as_ref().ok_or_else(|| skip(Need::Login.remedy()))?;
        let given = valid.parameters.get("redirect_uri").cloned();
        let redirect_uri = match given {
            Some(given) => given,
            None => registered(trial, &client).await?,
        };
        let scheme = scheme.ok_or_else(|| skip("it takes no authorization codes"))?;
        Ok(Self { scheme, client, redirect_uri, user: login.username.clone() })
    }

    /// A new code, for which the user has consented to every scope.
    pub(super) async fn code(&self, trial: &Trial<'_>) -> Result<Secret, Stop> {
        let order = CodeOrder {
            client_id: self.client.id.clone(),
            redirect_uri: self.redirect_uri.clone(),
            user: self.user.clone(),
            scopes: super::scope::scopes_of(trial.context.document, &self.scheme.name).into_iter().collect(),
            code_challenge: Some(URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))),
        };
        let provisioner = trial.context.credentials.provisioner();
        let provisioner = provisioner.ok_or_else(|| Stop::Skip(Need::Code.remedy().to_owned()))?;
        let failed = |error: ProvisionError| Stop::Skip(format!("no authorization code could be made: {error}"));
        let minted = provisioner.mint_code(order).await.map_err(failed)?;
        trial.context.vault.keep(&minted.secret, "CODE", "a new authorization code");
        Ok(minted.secret)
    }

    /// Exchanges a code for a token.
    pub(super) async fn exchange(&self, trial: &Trial<'_>, code: &Secret) -> Result<Exchange, Stop> {
        self.exchange_as(trial, code, (&self.client, &self.redirect_uri), Some(VERIFIER)).await
    }

    async fn exchange_as(
        &self,
        trial: &Trial<'_>,
        code: &Secret,
        (client, redirect_uri): (&OAuthClient, &str),
        verifier: Option<&str>,
    ) -> Result<Exchange, Stop> {
        let mut fields = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.expose().to_owned()),
            ("redirect_uri", redirect_uri.to_owned()),
        ];
        fields.extend(verifier.map(|verifier| ("code_verifier", verifier.to_owned())));
        let exchange = trial.send(trial.context.token_request(trial.operation, self.scheme, client, &fields)?).await?;
        issued(trial, &exchange);
        Ok(exchange)
    }

    /// Stops unless a right exchange works: else a refusal of a wrong one would prove nothing.
    async fn works(&self, trial: &Trial<'_>, code: &Secret) -> Result<(), Stop> {
        let exchange = self.exchange(trial, code).await?;
        if exchange.answer.is_success() {
            return Ok(());
        }
        let (status, said) = (exchange.answer.status, trial.context.vault.excerpt(&exchange.answer, 120));
        Err(Stop::Skip(format!("a new code was answered with {status}: {said}")))
    }
}

/// The first redirect URI that the provisioner's world has for the client.
async fn registered(trial: &Trial<'_>, client: &OAuthClient) -> Result<String, Stop> {
    let unknown = || Stop::Skip(format!("nobody says where {} sends users back to", client.id));
    let provisioner = trial.context.credentials.provisioner().ok_or_else(unknown)?;
    let world = provisioner.world().await.map_err(|_| unknown())?;
    let known = world.clients.into_iter().find(|known| known.client_id == client.id).ok_or_else(unknown)?;
    known.redirect_uris.into_iter().next().ok_or_else(unknown)
}

async fn once(trial: &Trial<'_>) -> Result<(), Stop> {
    let app = App::of(trial).await?;
    let code = app.code(trial).await?;
    app.works(trial, &code).await?;
    let again = app.exchange(trial, &code).await?;
    refused(trial, &again, "an authorization code that was used before", &[400], "invalid_grant")
}

async fn bound(trial: &Trial<'_>) -> Result<(), Stop> {
    let app = App::of(trial).await?;
    app.works(trial, &app.code(trial).await?).await?;
    let elsewhere = format!("{}/bitting", app.redirect_uri.trim_end_matches('/'));
    let code = app.code(trial).await?;
    let exchange = app.exchange_as(trial, &code, (&app.client, &elsewhere), Some(VERIFIER)).await?;
    refused(trial, &exchange, "a code with another redirect URI", &[400], "invalid_grant")?;
    let other = trial.context.credentials.principal(Role::OtherOrganization);
    let Some(other) = other.and_then(|principal| principal.client.as_ref()) else { return Ok(()) };
    let code = app.code(trial).await?;
    let exchange = app.exchange_as(trial, &code, (other, &app.redirect_uri), Some(VERIFIER)).await?;
    refused(trial, &exchange, "a code of another client", &[400], "invalid_grant")
}

async fn pkce(trial: &Trial<'_>) -> Result<(), Stop> {
    let app = App::of(trial).await?;
    app.works(trial, &app.code(trial).await?).await?;
    let wrong = VERIFIER.replace("verifier", "nonsense");
    for (who, verifier) in
        [("a code with another verifier", Some(wrong.as_str())), ("a code without its verifier", None)]
    {
        let code = app.code(trial).await?;
        let exchange = app.exchange_as(trial, &code, (&app.client, &app.redirect_uri), verifier).await?;
        refused(trial, &exchange, who, &[400], "invalid_grant")?;
    }
    Ok(())
}
