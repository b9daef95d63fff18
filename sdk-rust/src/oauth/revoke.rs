//! Logging out: the server is told, as far as it listens, and the session is forgotten here in any case (D6).

use bitting_spec::table::Scheme;
use url::Url;

use super::{Discovery, Login, LoginError, OAuthClient};
use crate::origin::Origin;
use crate::secret::Secret;
use crate::store::Profile;
use crate::token::acquire::TokenRequest;
use crate::token::stored::{Record, replace};

/// Where the server of a token endpoint describes itself (RFC 8414, 3).
const METADATA: &str = "/.well-known/oauth-authorization-server";

impl Login {
    /// Ends the session of this login's profile: revokes its token where the server can (RFC 7009), and forgets it. The
    /// answer says whether the server confirmed the revocation.
    ///
    /// # Errors
    /// [`LoginError::Config`] if nobody is logged in; [`LoginError::Store`] if the session cannot be removed. A server
    /// that does not answer is no error.
    pub async fn logout(&self) -> Result<bool, LoginError> {
        let kept = match &self.files {
            Some(files) => files.profile(&self.api.name, &self.profile)?,
            None => None,
        };
        let missing = || {
            let (api, name) = (&self.api.name, &self.profile);
            LoginError::Config(format!("nobody is logged in to {api} under the profile `{name}`"))
        };
        self.end(&kept.ok_or_else(missing)?).await
    }

    /// Ends the session of `profile`, whose token is in this login's store; see [`Self::logout`].
    ///
    /// # Errors
    /// [`LoginError::Store`] if the session cannot be removed.
    pub async fn end(&self, profile: &Profile) -> Result<bool, LoginError> {
        let entry = self.store.load(&profile.key()).await?;
        let revoked = match entry.and_then(|entry| Record::read(&entry.bytes)) {
            // A token is told to its own server only (B4).
            Some(record) if profile.origin == self.servers.origin() => self.revoke(profile, &record).await.is_some(),
            _ => false,
        };
        replace(&*self.store, &profile.key(), None).await?;
        if let Some(files) = &self.files {
            files.forget_profile(&profile.api, &profile.name)?;
        }
        Ok(revoked)
    }

    /// Revokes the refresh token, else the token (RFC 7009, 2.1). `None`: the server did not confirm it.
    async fn revoke(&self, profile: &Profile, record: &Record) -> Option<()> {
        let scheme = self.api.schemes.iter().find(|scheme| scheme.name == profile.scheme)?;
        let url = self.revocation_endpoint(scheme, profile).await?;
        let (hint, token) = record.revocable();
        let fields = [("token", token.clone()), ("token_type_hint", Secret::new(hint))];
        let client = profile.client_id.as_ref().map(|id| {
            let client = OAuthClient::new(id).declared(scheme.auth.client_auth);
            match &record.client_secret {
                Some(secret) => client.secret(secret.clone()),
                None => client,
            }
        });
        let endpoint = self.endpoint(&url);
        let request = TokenRequest { client, ..TokenRequest::form(url, fields) };
        let (incoming, _) = endpoint.exchange(&request, None, None).await.ok()?;
        incoming.status.is_success().then_some(())
    }

    /// Where tokens are revoked: as it was configured, else as the server describes itself. The token goes to no other
    /// origin than the one that issued it (B4).
    async fn revocation_endpoint(&self, scheme: &Scheme, profile: &Profile) -> Option<Url> {
        if let Some(url) = &self.revocation_url {
            return Some(url.clone());
        }
        let (discovery, issued_at) = match self.discovery(scheme).ok()? {
            Some(discovery) => (discovery, None),
            None => {
                let (_, url) = self.token_endpoint(scheme, profile.kind).ok()?;
                (Discovery::new(url.join(METADATA).ok()?), Some(url))
            }
        };
        let described = discovery.metadata(&self.endpoint(discovery.url())).await.ok()?;
        let issued_at = issued_at.unwrap_or(described.token);
        described.revocation.filter(|url| Origin::of(url) == Origin::of(&issued_at))
    }
}
