//! Profiles: which login a user keeps for an API, without its token (ROBOTICKS-8).
//!
//! A profile is read when a client is built and nothing else lets it in (B9). It says which security scheme the session
//! is for and how it is renewed; the token itself is in a [`TokenStore`](super::TokenStore), under [`Profile::key`].

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{FileStore, Sealed, StoreError, StoreKey, disk};

/// A login that is kept. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Profile {
    /// Its name: letters, digits, `-`, `_` and `.`, at most 64. `default` where nobody says otherwise.
    pub name: String,
    /// The API, in kebab case.
    pub api: String,
    /// The security scheme that the session satisfies.
    pub scheme: String,
    /// How the user logged in.
    pub kind: LoginKind,
    /// The base URL, if the login was not at the document's own server. Later calls go there too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The origin that the token is for. It is sent to no other (B4).
    pub origin: String,
    /// The OAuth client that logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// How a user logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LoginKind {
    /// A name and a password, at the document's login operation or by the password flow (RFC 6749, 4.3).
    Password,
    /// A browser (RFC 6749, 4.1).
    Browser,
    /// Another device (RFC 8628).
    Device,
}

impl Profile {
    /// The name of the profile that counts where nobody names one.
    pub const DEFAULT: &'static str = "default";

    /// Where the session's token stands in a store.
    #[must_use]
    pub fn key(&self) -> StoreKey {
        StoreKey::new(&self.api, &self.name, &[&self.scheme, &self.origin])
    }

    /// Refuses a name that cannot be part of a file's name.
    ///
    /// # Errors
    /// What a name consists of.
    pub fn check_name(name: &str) -> Result<(), StoreError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if (1..=64).contains(&name.len()) && !name.starts_with('.') && name.chars().all(plain) {
            return Ok(());
        }
        let remedy = "use letters, digits, `-`, `_` and `.`, at most 64, and begin with none of the dots";
        Err(StoreError::new(format!("the profile `{}`", name.escape_debug()), "cannot be called so", remedy))
    }
}

impl FileStore {
    /// The profile of this name, if there is one.
    ///
    /// # Errors
    /// When the name is none, or the file is no profile, or not this user's own.
    pub fn profile(&self, api: &str, name: &str) -> Result<Option<Profile>, StoreError> {
        let path = self.profile_path(api, name)?;
        let Some(bytes) = disk::read(&path)? else { return Ok(None) };
        let profile = serde_json::from_slice(bytes.expose());
        profile.map(Some).map_err(|error| {
            let problem = format!("cannot be read: {error}");
            StoreError::new(format!("the profile {}", path.display()), problem, "move it away, then log in again")
        })
    }

    /// Keeps a profile, in the place of one of the same name.
    ///
    /// # Errors
    /// When its name is none, or the file cannot be written.
    pub fn keep_profile(&self, profile: &Profile) -> Result<(), StoreError> {
        let path = self.profile_path(&profile.api, &profile.name)?;
        let text = serde_json::to_vec_pretty(profile).unwrap_or_default();
        disk::make_folder(self.folder())?;
        disk::write(&path, &Sealed::new(text))
    }

    /// Forgets a profile. One that is not there is forgotten already.
    ///
    /// # Errors
    /// When its name is none, or the file cannot be removed.
    pub fn forget_profile(&self, api: &str, name: &str) -> Result<(), StoreError> {
        disk::remove(&self.profile_path(api, name)?)
    }

    fn profile_path(&self, api: &str, name: &str) -> Result<PathBuf, StoreError> {
        Profile::check_name(name)?;
        Profile::check_name(api)?;
        Ok(self.folder().join(format!("{api}.{name}.profile")))
    }
}
