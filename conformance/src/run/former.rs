//! Credentials of somebody who was a member: made and used, then the user was taken out of the organization.

use std::collections::BTreeMap;

use bitting_spec::SecurityScheme;

use super::keyring::unprovided;
use super::{Context, Stop};
use crate::credentials::{Nature, Role, nature};
use crate::provision::{KeyOrder, ProvisionError, Provisioner, TokenOrder};
use crate::secret::Secret;

/// The former member and the credentials, by security scheme; or why there is none.
pub(super) type Former = Result<(String, BTreeMap<String, Secret>), String>;

impl Context<'_> {
    /// A credential for `scheme` of somebody who was taken out of the organization. It is made once for the whole run,
    /// since nobody can be taken out twice.
    pub(crate) async fn former_member(&self, scheme: &SecurityScheme) -> Result<Secret, Stop> {
        let known = self.keyring.former.get_or_init(|| async { self.take_out().await.map_err(Stop::reason) });
        let (_, secrets) = known.await.as_ref().map_err(|reason| Stop::Skip(reason.clone()))?;
        let secret = secrets.get(&scheme.name);
        secret.cloned().ok_or_else(|| Stop::Skip(format!("nobody can make such a credential for {}", scheme.name)))
    }

    /// Takes the former member back.
    pub(super) async fn restore_member(&self) {
        let former = self.keyring.former.get().and_then(|former| former.as_ref().ok());
        if let (Some((user, _)), Some(provisioner)) = (former, self.credentials.provisioner()) {
            // A provisioner that cannot do this resets its server between runs.
            drop(provisioner.restore_member(user).await);
        }
    }

    async fn take_out(&self) -> Result<(String, BTreeMap<String, Secret>), Stop> {
        let provisioner = self.credentials.provisioner();
        let provisioner = provisioner.ok_or_else(|| Stop::Skip("nobody can take a user out".to_owned()))?;
        let user = self.spare_user(provisioner).await?;
        let mut secrets = BTreeMap::new();
        for scheme in &self.document.security_schemes {
            match minted(provisioner, scheme, &user).await {
                Ok(Some(secret)) => {
                    self.vault.keep(
                        &secret,
                        "FORMER_CREDENTIAL",
                        &format!("a credential for {} of {user}", scheme.name),
                    );
                    self.use_once(scheme, &secret).await;
                    secrets.insert(scheme.name.clone(), secret);
                }
                Ok(None) | Err(ProvisionError::Unsupported) => {}
                Err(error) => return Err(unprovided(&error)),
            }
        }
        provisioner.remove_member(&user).await.map_err(|error| Stop::Skip(format!("nobody was taken out: {error}")))?;
        Ok((user, secrets))
    }

    /// A user of the valid principal's organization who is nobody that the suite speaks as.
    async fn spare_user(&self, provisioner: &dyn Provisioner) -> Result<String, Stop> {
        let world = provisioner.world().await.map_err(|error| unprovided(&error))?;
        let organization = self.credentials.principal(Role::Valid).and_then(|valid| valid.organization.clone());
        let in_use = |email: &str| {
            let mut logins = self.credentials.principals().filter_map(|(_, principal)| principal.login.as_ref());
            logins.any(|login| login.username == email)
        };
        let mut users = world.users.into_iter().filter(|user| Some(&user.organization) == organization.as_ref());
        users.find(|user| !in_use(&user.email)).map(|user| user.email).ok_or_else(|| {
            Stop::Skip(
                "the organization has nobody to spare: give it a second user in the provisioner's `world`".to_owned(),
            )
        })
    }
}

/// A credential of a user. `None`: the scheme takes none that can be made.
async fn minted(
    provisioner: &dyn Provisioner,
    scheme: &SecurityScheme,
    user: &str,
) -> Result<Option<Secret>, ProvisionError> {
    let (user, name) = (user.to_owned(), Some(scheme.name.clone()));
    let minted = match nature(scheme) {
        Nature::Key => provisioner.mint_key(KeyOrder { user, scheme: name, ..KeyOrder::default() }).await?,
        Nature::Token => provisioner.mint_token(TokenOrder { user, scheme: name, ..TokenOrder::default() }).await?,
        Nature::Other => return Ok(None),
    };
    Ok(Some(minted.secret))
}
