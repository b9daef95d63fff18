//! `token.*`: a token counts only while it is whole, in its time, for this server, and not taken back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bitting_spec::SecurityScheme;
use bitting_spec::extension::AuthCase;
use serde_json::{Value, json};

use super::key::elsewhere;
use super::takes_token;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::{Nature, Role, nature};
use crate::provision::Tamper;
use crate::run::{Stop, Trial, Wrong};
use crate::secret::Secret;

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "token.tampered",
            title: "a token that was changed is refused",
            rule: "A token whose claims or signature were changed is refused: its signature must be checked.",
            source: "RFC 7519, 7.2; RFC 7515, 5.2; OWASP API2:2023",
            needs: &[Need::Token],
            phase: Phase::Auth,
        },
        applies: takes_token,
        run: |trial| Box::pin(tampered(trial)),
    },
    Check {
        info: CheckInfo {
            id: "token.alg-none",
            title: "a token that says it needs no signature is refused",
            rule: "A token with the algorithm `none`, in any spelling, is refused.",
            source: "RFC 8725, 2.1 and 3.1",
            needs: &[Need::Token],
            phase: Phase::Auth,
        },
        applies: takes_token,
        run: |trial| Box::pin(alg_none(trial)),
    },
    Check {
        info: CheckInfo {
            id: "token.expired",
            title: "an expired token is refused",
            rule: "A token is refused on and after its expiration time (`exp`).",
            source: "RFC 7519, 4.1.4; RFC 6750, 3.1",
            needs: &[Need::ExpiredToken],
            phase: Phase::Auth,
        },
        applies: takes_token,
        run: |trial| Box::pin(wrong(trial, Wrong::Expired, AuthCase::Expired, "an expired token")),
    },
    Check {
        info: CheckInfo {
            id: "token.revoked",
            title: "a revoked token is refused at once",
            rule: "A token that was taken back is refused from then on, even where it was used just before.",
            source: "RFC 7009, 2; RFC 6750, 3.1",
            needs: &[Need::RevokedToken],
            phase: Phase::Auth,
        },
        applies: takes_token,
        run: |trial| Box::pin(wrong(trial, Wrong::Revoked, AuthCase::Revoked, "a revoked token")),
    },
    Check {
        info: CheckInfo {
            id: "token.not-yet-valid",
            title: "a token is refused before its time",
            rule: "A token is refused before the time that its `nbf` names.",
            source: "RFC 7519, 4.1.5",
            needs: &[Need::ForgedToken],
            phase: Phase::Auth,
        },
        applies: takes_token,
        run: |trial| Box::pin(forged(trial, Tamper::NotYetValid, "a token before its time")),
    },
    Check {
        info: CheckInfo {
            id: "token.environment",
            title: "a token of another environment is refused",
            rule: "A token belongs to one environment, and another refuses it.",
            source: "x-auth.environments; RFC 8725, 3.9; OWASP API2:2023",
            needs: &[Need::ForgedToken],
            phase: Phase::Auth,
        },
        applies: |document, operation| {
            let mut schemes =
                operation.security.iter().flat_map(|one| one.keys()).filter_map(|name| document.scheme(name));
            takes_token(document, operation)
                && schemes.any(|scheme| nature(scheme) == Nature::Token && elsewhere(scheme).is_some())
        },
        run: |trial| Box::pin(environment(trial)),
    },
    Check {
        info: CheckInfo {
            id: "token.wrong-audience",
            title: "a token for somebody else is refused",
            rule: "A token whose `aud` does not name this server is refused.",
            source: "RFC 7519, 4.1.3; RFC 8725, 3.9",
            needs: &[Need::ForgedToken],
            phase: Phase::Auth,
        },
        applies: takes_token,
        run: |trial| Box::pin(forged(trial, Tamper::WrongAudience, "a token for another audience")),
    },
    Check {
        info: CheckInfo {
            id: "token.wrong-issuer",
            title: "a token of somebody else is refused",
            rule: "A token whose `iss` is not one that the server trusts is refused.",
            source: "RFC 7519, 4.1.1; RFC 8725, 3.8",
            needs: &[Need::ForgedToken],
            phase: Phase::Auth,
        },
        applies: takes_token,
        run: |trial| Box::pin(forged(trial, Tamper::WrongIssuer, "a token of another issuer")),
    },
];

async fn wrong(trial: &Trial<'_>, wrong: Wrong, case: AuthCase, who: &str) -> Result<(), Stop> {
    trial.case().await?;
    for scheme in trial.schemes(Nature::Token) {
        let secret = trial.context.wrong(&wrong, scheme).await?;
        let exchange = trial.with_secret(scheme, &secret).await?;
        trial.refused(&exchange, &[case], who)?;
    }
    Ok(())
}

async fn forged(trial: &Trial<'_>, tamper: Tamper, who: &str) -> Result<(), Stop> {
    wrong(trial, Wrong::Forged(tamper), AuthCase::Unknown, who).await
}

async fn environment(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.case().await?;
    for scheme in trial.schemes(Nature::Token) {
        let Some(wrong) = elsewhere(scheme) else { continue };
        let secret = trial.context.wrong(&wrong, scheme).await?;
        let exchange = trial.with_secret(scheme, &secret).await?;
        trial.refused(&exchange, &[AuthCase::WrongEnvironment], "a token of another environment")?;
    }
    Ok(())
}

async fn tampered(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.case().await?;
    for scheme in trial.schemes(Nature::Token) {
        let token = trial.context.session(Role::Valid, scheme).await;
        let token = match token {
            Ok(token) => token,
            Err(_) => trial.secret(scheme).await?,
        };
        for (who, changed) in changes(token.expose()) {
            send(trial, scheme, who, changed).await?;
        }
    }
    Ok(())
}

async fn alg_none(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.case().await?;
    for scheme in trial.schemes(Nature::Token) {
        let token = trial.secret(scheme).await?;
        let parts: Vec<&str> = token.expose().split('.').collect();
        let [_, payload, _] = parts.as_slice() else {
            return Err(Stop::Skip("the token is no JWT, so it names no algorithm".to_owned()));
        };
        for name in ["none", "None", "NONE"] {
            let header = URL_SAFE_NO_PAD.encode(json!({"alg": name, "typ": "JWT"}).to_string());
            send(trial, scheme, "a token of the algorithm `none`", format!("{header}.{payload}.")).await?;
        }
    }
    Ok(())
}

async fn send(trial: &Trial<'_>, scheme: &SecurityScheme, who: &str, token: String) -> Result<(), Stop> {
    let token = Secret::new(token);
    trial.context.vault.keep(&token, "FORGED_TOKEN", &format!("{who}, made of a valid one for {}", scheme.name));
    let exchange = trial.with_secret(scheme, &token).await?;
    trial.refused(&exchange, &[AuthCase::Unknown, AuthCase::Malformed], who)
}

/// Tokens like `token` with one part changed.
fn changes(token: &str) -> Vec<(&'static str, String)> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else {
        return vec![("a token with one letter changed", altered(token))];
    };
    let mut all = vec![("a token with a changed signature", format!("{header}.{payload}.{}", altered(signature)))];
    let claims = URL_SAFE_NO_PAD.decode(payload).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    if let Some(Value::Object(mut claims)) = claims {
        // Nobody could tell this claim apart by its meaning: only the signature can.
        claims.insert("bitting".to_owned(), Value::from(1));
        let payload = URL_SAFE_NO_PAD.encode(Value::Object(claims).to_string());
        all.push(("a token with changed claims", format!("{header}.{payload}.{signature}")));
        all.push(("a token without its signature", format!("{header}.{payload}.")));
    }
    all
}

/// The text with a letter in its middle exchanged. The last letter of base64 may carry bits that do not count.
fn altered(text: &str) -> String {
    let middle = text.len() / 2;
    let change = |(at, letter): (usize, char)| match letter {
        'A' if at == middle => 'B',
        _ if at == middle => 'A',
        other => other,
    };
    text.chars().enumerate().map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_another_token() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"sub":"ada"}"#);
        let token = format!("eyJhbGciOiJIUzI1NiJ9.{payload}.c2lnbmF0dXJl");
        let changes = changes(&token);
        assert_eq!(changes.len(), 3);
        assert!(changes.iter().all(|(_, changed)| *changed != token));
        assert_eq!(super::changes("opaque").len(), 1);
    }
}
