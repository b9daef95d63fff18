//! `key.*`: a key counts only whole, in its life, and where it belongs.

use bitting_spec::extension::AuthCase;
use bitting_spec::{Document, Operation, SecurityScheme};

use super::takes_key;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Nature;
use crate::run::{Stop, Trial, Wrong};
use crate::secret::Secret;

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "key.expired",
            title: "an expired key is refused",
            rule: "A key is refused when its life has ended.",
            source: "OWASP API2:2023",
            needs: &[Need::ExpiredKey],
            phase: Phase::Auth,
        },
        applies: takes_key,
        run: |trial| Box::pin(wrong(trial, |_| Some(Wrong::Expired), AuthCase::Expired, "an expired key")),
    },
    Check {
        info: CheckInfo {
            id: "key.revoked",
            title: "a revoked key is refused at once",
            rule: "A key that was taken back is refused from then on, even where it was used just before.",
            source: "OWASP API2:2023",
            needs: &[Need::RevokedKey],
            phase: Phase::Auth,
        },
        applies: takes_key,
        run: |trial| Box::pin(wrong(trial, |_| Some(Wrong::Revoked), AuthCase::Revoked, "a revoked key")),
    },
    Check {
        info: CheckInfo {
            id: "key.environment",
            title: "a key of another environment is refused",
            rule: "A key belongs to one environment, and another refuses it.",
            source: "x-auth.environments; OWASP API2:2023",
            needs: &[Need::OtherEnvironment],
            phase: Phase::Auth,
        },
        applies: has_environments,
        run: |trial| Box::pin(wrong(trial, elsewhere, AuthCase::WrongEnvironment, "a key of another environment")),
    },
    Check {
        info: CheckInfo {
            id: "key.prefix",
            title: "a key is compared to its end",
            rule: "A key that begins like a valid one and ends otherwise, sooner or later is refused, and so is one in another \
                   case.",
            source: "OWASP API2:2023; CWE-187",
            needs: &[Need::Key],
            phase: Phase::Auth,
        },
        applies: takes_key,
        run: |trial| Box::pin(prefix(trial)),
    },
];

fn has_environments(document: &Document, operation: &Operation) -> bool {
    let schemes = operation.security.iter().flat_map(|one| one.keys()).filter_map(|name| document.scheme(name));
    takes_key(document, operation) && schemes.into_iter().any(|scheme| elsewhere(scheme).is_some())
}

/// The environment that is not the first one.
pub(super) fn elsewhere(scheme: &SecurityScheme) -> Option<Wrong> {
    let other = scheme.auth.environments.iter().find(|(_, server)| server.is_none());
    let other = other.or_else(|| scheme.auth.environments.iter().nth(1))?;
    Some(Wrong::OtherEnvironment(other.0.clone()))
}

async fn wrong(
    trial: &Trial<'_>,
    kind: fn(&SecurityScheme) -> Option<Wrong>,
    case: AuthCase,
    who: &str,
) -> Result<(), Stop> {
    trial.case().await?;
    for scheme in trial.schemes(Nature::Key) {
        let Some(wrong) = kind(scheme) else { continue };
        // What the API itself makes and takes back has to end too, beside what somebody gave.
        let given = trial.context.wrong(&wrong, scheme).await;
        let own = trial.context.issued_wrong(&wrong, scheme).await;
        let secrets: Vec<Secret> = match (given, own) {
            (Err(stop), Err(_)) => return Err(stop),
            (given, own) => given.into_iter().chain(own).collect(),
        };
        for secret in secrets {
            let exchange = trial.with_secret(scheme, &secret).await?;
            trial.refused(&exchange, &[case], who)?;
        }
    }
    Ok(())
}

async fn prefix(trial: &Trial<'_>) -> Result<(), Stop> {
    for scheme in trial.schemes(Nature::Key) {
        let Ok(key) = trial.secret(scheme).await else { continue };
        let other_case = key.expose().chars().map(|letter| match letter {
            'a'..='z' => letter.to_ascii_uppercase(),
            other => other.to_ascii_lowercase(),
        });
        for (who, changed) in [
            ("a key with its last letters changed", with_other_end(key.expose())),
            ("a key in another case", other_case.collect()),
            ("a key with a letter more", format!("{}x", key.expose())),
            ("a key without its last letter", without_end(key.expose())),
        ] {
            if changed == key.expose() {
                continue;
            }
            let changed = Secret::new(changed);
            trial.context.vault.keep(
                &changed,
                "CHANGED_KEY",
                &format!("{who}, made of a valid one for {}", scheme.name),
            );
            let exchange = trial.with_secret(scheme, &changed).await?;
            trial.refused(&exchange, &[AuthCase::Unknown, AuthCase::Malformed], who)?;
        }
    }
    Ok(())
}

fn without_end(key: &str) -> String {
    let end = key.char_indices().next_back().map_or(0, |(at, _)| at);
    key[..end].to_owned()
}

/// The key with up to six of its last letters exchanged for others of their kind.
fn with_other_end(key: &str) -> String {
    let kept = key.chars().count().saturating_sub(6);
    let exchange = |(at, letter): (usize, char)| match letter {
        other if at < kept => other,
        '0'..='8' | 'a'..='y' | 'A'..='Y' => char::from_u32(u32::from(letter) + 1).unwrap_or('a'),
        '9' => '0',
        'z' => 'a',
        'Z' => 'A',
        _ => 'x',
    };
    key.chars().enumerate().map(exchange).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_changes() {
        assert_eq!(with_other_end("rbtk_test_abc9zZ"), "rbtk_test_bcd0aA");
    }
}
