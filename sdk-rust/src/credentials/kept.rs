//! The login that a user keeps: found in the user's folder when nothing else lets a client in (B9, ROBOTICKS-8).

use std::sync::Arc;

use bitting_spec::table::Api;

use super::environment::Read;
use super::{Credential, CredentialSource, Held};
use crate::error::Error;
use crate::store::{FileStore, Profile, StoreError, TokenStore, folder};

/// The login under a profile that somebody named.
///
/// # Errors
/// When there is none.
pub(crate) fn named(api: &Api, name: &str, read: &Read) -> Result<Held, Error> {
    let missing = || {
        let what = format!("there is no login for {} under the profile `{name}`", api.name);
        Error::Credentials(format!("{what}; log in with `bitting login DOCUMENT --profile {name}`"))
    };
    find(api, name, read)?.ok_or_else(missing)
}

/// The login that counts where nothing else is given.
pub(crate) fn default(api: &Api, read: &Read) -> Result<Option<Held>, Error> {
    find(api, Profile::DEFAULT, read)
}

fn find(api: &Api, name: &str, read: &Read) -> Result<Option<Held>, Error> {
    let Some(folder) = folder(read) else { return Ok(None) };
    let fail = |error: StoreError| Error::Credentials(error.to_string());
    let Some(profile) = FileStore::new(folder).profile(&api.name, name).map_err(fail)? else { return Ok(None) };
    let held = Held::new(Credential::Profile(profile), CredentialSource::Profile(name.to_owned()), None)?;
    held.ensure_useful(api)?;
    Ok(Some(held))
}

/// The store that the tokens of kept logins are in.
///
/// # Errors
/// When the environment names no place for it.
pub(crate) fn store(read: &Read) -> Result<Arc<dyn TokenStore>, Error> {
    let what = "a kept login needs a store: set HOME or BITTING_CONFIG_DIR, or give the client one";
    let folder = folder(read).ok_or_else(|| Error::Config(what.to_owned()))?;
    Ok(Arc::new(FileStore::new(folder)))
}

impl Held {
    /// The login that this is, if it is one.
    pub(crate) fn profile(&self) -> Option<&Profile> {
        match &self.credential {
            Credential::Profile(profile) => Some(profile),
            _ => None,
        }
    }

    /// Whether its token may go to `origin` (B4). Only that of a kept login is bound to one before it is sent.
    pub(crate) fn is_for(&self, origin: &str) -> bool {
        self.profile().is_none_or(|profile| profile.origin == origin)
    }
}

/// Says that a login was kept for another server.
pub(crate) fn elsewhere(profile: &Profile, origin: &str) -> String {
    let Profile { name, origin: own, .. } = profile;
    format!("the profile `{name}` is for {own} and is not used at {origin}; log in there with `bitting login --url`")
}
