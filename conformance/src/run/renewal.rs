//! Refresh tokens at work: each is used once, so that each call of the operation that takes them gets a new one.

use bitting_spec::extension::{Refresh, RefreshStyle};
use bitting_spec::{Document, Operation, SecurityScheme};
use serde_json::Value;

use super::keyring::put;
use super::{Context, Stop};
use crate::credentials::Role;
use crate::generate::Case;
use crate::secret::Secret;

/// The scheme whose refresh tokens this operation takes in its body.
pub(crate) fn renewing<'a>(document: &'a Document, operation: &Operation) -> Option<(&'a SecurityScheme, &'a Refresh)> {
    let schemes = document.security_schemes.iter().filter_map(|scheme| Some((scheme, scheme.auth.refresh.as_ref()?)));
    schemes.into_iter().find(|(_, refresh)| {
        refresh.style == RefreshStyle::RefreshToken && refresh.operation_id.as_ref() == Some(&operation.id)
    })
}

/// The case with `token` where the refresh token stands.
pub(crate) fn refresh_case(case: &Case, refresh: &Refresh, token: &Secret) -> Case {
    let mut case = case.clone();
    if let (Some((_, body)), Some(pointer)) = (&mut case.body, refresh.request.get("refresh_token")) {
        put(body, pointer, Value::from(token.expose()));
    }
    case
}

impl Context<'_> {
    /// The case with the refresh token of a new login.
    pub(super) async fn renewal_case(
        &self,
        case: &Case,
        scheme: &SecurityScheme,
        refresh: &Refresh,
        role: Role,
    ) -> Result<Case, Stop> {
        let (_, token) = self.new_pair(role, scheme).await?;
        Ok(refresh_case(case, refresh, &token))
    }

    /// The access token and the refresh token of a new login.
    pub(crate) async fn new_pair(&self, role: Role, scheme: &SecurityScheme) -> Result<(Secret, Secret), Stop> {
        let answer = self.fresh_login(role, scheme).await?;
        let response = scheme.auth.acquire.as_ref().map(|acquire| &acquire.response);
        let read = |pointer: Option<&String>| Some(Secret::new(answer.pointer(pointer?)?.as_str()?));
        let access = read(response.map(|response| &response.access_token));
        let refresh = read(response.and_then(|response| response.refresh_token.as_ref()));
        access.zip(refresh).ok_or_else(|| Stop::Skip("the login answered no refresh token".to_owned()))
    }
}
