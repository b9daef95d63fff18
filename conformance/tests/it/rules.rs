//! Nothing that the design asks for is lost, and every check says what it is about.

use bitting_conformance::{Phase, checks};

/// The rules of the design by their short codes, each with the checks that keep it.
#[rustfmt::skip]
const RULES: &[(&str, &[&str])] = &[
    ("LA01 no credential", &["credentials.missing"]),
    ("LA02 malformed credentials", &["credentials.malformed", "credentials.scheme-case", "credentials.both", "credentials.detour"]),
    ("LA03 tampered signature", &["token.tampered", "token.key-confusion"]),
    ("LA04 alg none", &["token.alg-none"]),
    ("LA05 expired", &["token.expired", "token.not-yet-valid"]),
    ("LA06 revoked, after logout", &["token.revoked", "logout.others", "logout.access-token", "logout.refresh-token", "tenancy.removed-member"]),
    ("LA07 expired and revoked keys", &["key.works", "key.expired", "key.revoked", "key.prefix"]),
    ("LA08 each alternative", &["security.alternatives", "security.conjunction", "security.unlisted"]),
    ("LA09 public operations", &["public.open"]),
    ("LA10 the 401 itself", &["unauthenticated.body", "unauthenticated.challenge", "credentials.echo"]),
    ("LA11 401 before anything else", &["unauthenticated.first"]),
    ("LA12 token in the query", &["credentials.query", "credentials.undeclared", "credentials.cross-origin"]),
    ("LA13 wrong audience or environment", &["token.wrong-audience", "token.wrong-issuer", "token.environment", "key.environment"]),
    ("LA14 login", &["login.wrong-password", "login.unknown-user", "login.no-store"]),
    ("LA15 expires_in", &["token.expires-in"]),
    ("LA16 refresh renews", &["refresh.renews", "refresh.trades"]),
    ("LA17 refresh refuses", &["refresh.refuses-expired", "refresh.refuses-revoked", "refresh.refuses-unknown", "refresh.rotates", "refresh.reuse", "refresh.refuses-others",
                              "refresh.no-access"]),
    ("LA18 token endpoint", &["oauth.invalid-client", "oauth.invalid-grant", "oauth.no-store", "oauth.scope", "oauth.rotation", "oauth.code-once",
                              "oauth.code-bound", "oauth.pkce", "oauth.state", "oauth.redirect-uri"]),
    ("LS01 scope by operation", &["scope.sufficient", "scope.insufficient", "scope.read-only", "scope.override"]),
    ("LS02 403 for a lack of scope", &["scope.insufficient", "forbidden.body"]),
    ("LS03 no escalation", &["scope.escalation"]),
    ("LT01 foreign read", &["tenancy.foreign-organization", "tenancy.foreign-object"]),
    ("LT02 foreign list", &["tenancy.foreign-list", "tenancy.foreign-filter"]),
    ("LT03 foreign write", &["tenancy.named-in-body", "tenancy.foreign-write", "tenancy.foreign-action"]),
    ("LT04 foreign delete", &["tenancy.foreign-delete"]),
    ("LT05 foreign child under own parent", &["tenancy.foreign-object", "tenancy.foreign-parent", "tenancy.other-parent"]),
    ("LT06 no foreign rows", &["tenancy.foreign-list", "tenancy.foreign-key"]),
    ("LT07 foreign id in a body", &["tenancy.foreign-reference"]),
    ("LT08 existence", &["tenancy.existence"]),
    ("LR01 headers", &["rate-limit.headers"]),
    ("LR02 remaining", &["rate-limit.remaining"]),
    ("LR03 reset", &["rate-limit.reset"]),
    ("LR04 the limit holds", &["rate-limit.exceeded"]),
    ("LR05 the 429 itself", &["rate-limit.exceeded"]),
    ("LR06 Retry-After is true", &["rate-limit.retry-after"]),
    ("LR07 per credential", &["rate-limit.per-credential", "rate-limit.lock-out"]),
    ("LC01 status", &["response.status", "response.problem"]),
    ("LC02 content type", &["response.content-type"]),
    ("LC03 required headers", &["response.headers"]),
    ("LC04 header schema", &["response.headers"]),
    ("LC05 body schema", &["response.schema"]),
    ("LC06 no 5xx", &["response.no-5xx", "response.readable", "http.undecodable-path"]),
    ("LC07 undocumented fields", &["leak.undocumented", "leak.shared-cache", "leak.secret", "leak.write-only", "leak.shown-again", "key.shown-once"]),
    ("LC08 stack traces", &["leak.trace"]),
    ("LC09 HEAD", &["http.head"]),
    ("LI01 positive accepted", &["input.positive-accepted"]),
    ("LI02 negative refused", &["input.negative-refused"]),
    ("LI03 required parameters", &["input.negative-refused"]),
    ("LI04 media type", &["input.media-type"]),
    ("LI05 malformed JSON", &["input.malformed-json"]),
    ("LI06 mass assignment", &["state.read-only", "state.owned-update"]),
    ("LH01 undeclared methods", &["http.method-not-allowed"]),
    ("LH02 Allow", &["http.options"]),
    ("LH03 201 says where", &["http.created-is-named", "http.location"]),
    ("LH04 Location reads back", &["http.location"]),
    ("LH05 204", &["http.no-content"]),
    ("LH06 second DELETE", &["http.repeated-delete"]),
    ("LX01 created is readable", &["state.created-is-readable", "state.created-is-listed", "state.defaults", "state.sequence"]),
    ("LX02 deleted is gone", &["state.others-stay", "state.deleted-is-gone", "state.unknown-is-absent", "state.deleted-is-unlisted"]),
    ("LX03 update persists", &["state.update-persists", "state.others-stay", "state.update-is-listed", "state.replaces", "state.partial-update", "state.action-persists", "state.listed-as-read",
                              "state.times"]),
    ("LX04 failed update", &["state.failed-update", "state.failed-create", "http.idempotency", "http.precondition", "http.etag", "http.not-modified"]),
    ("LX05 page size", &["state.pages", "list.limit"]),
    ("LX06 pages", &["state.pages", "state.stable-list"]),
    ("LX07 filter", &["list.filter", "list.order", "list.default"]),
    ("LX08 total", &["list.total"]),
];

/// Each rule is kept by checks that there are, and no check keeps none.
#[test]
fn every_rule_of_the_design_has_its_checks() {
    let known: Vec<&str> = checks().iter().map(|check| check.id).collect();
    for (rule, ids) in RULES {
        assert!(!ids.is_empty() && ids.iter().all(|id| known.contains(id)), "{rule}: {ids:?}");
    }
    let idle: Vec<&&str> = known.iter().filter(|id| !RULES.iter().any(|(_, ids)| ids.contains(id))).collect();
    assert_eq!(idle, Vec::<&&str>::new());
    assert_eq!(RULES.len(), 18 + 3 + 8 + 7 + 9 + 6 + 6 + 8);
}

/// What `bitting explain` prints: a rule in whole sentences, and a source that can be looked up.
#[test]
fn every_check_explains_itself() {
    let sources = ["RFC ", "OWASP ", "OpenAPI ", "JSON Schema", "CWE-", "draft-", "x-"];
    for check in checks() {
        assert!(
            check.rule.len() > 40 && check.rule.ends_with('.') && !check.rule.contains("  "),
            "{}: {}",
            check.id,
            check.rule
        );
        assert!(sources.iter().any(|source| check.source.contains(source)), "{}: {}", check.id, check.source);
        assert!(check.title.len() < 80 && !check.title.ends_with('.'), "{}: {}", check.id, check.title);
        let form = check.id.split_once('.').is_some_and(|(family, case)| !family.is_empty() && !case.contains('.'));
        assert!(form && check.id == check.id.to_lowercase(), "{}", check.id);
        assert!(check.phase != Phase::Rate || check.family() == "rate-limit", "{}", check.id);
    }
    let mut ids: Vec<&str> = checks().iter().map(|check| check.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), checks().len());
}
