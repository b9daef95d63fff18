//! OAuth 2.0 as a client speaks it, and logging in: by password, in a browser, on another device (D1 to D6). Where a
//! document says `openIdConnect`, the server itself says where it is asked for what.
//!
//! A [`Login`] turns what a user does once into a session that is kept: a [`Profile`](crate::store::Profile) that says
//! which, and a token in a [`TokenStore`](crate::store::TokenStore) that clients in any language use and renew
//! (ROBOTICKS-8).
//!
//! ```no_run
//! # async fn example(api: std::sync::Arc<bitting::table::Api>) -> Result<(), Box<dyn std::error::Error>> {
//! use bitting::oauth::{Login, OAuthClient};
//!
//! let login = Login::builder(std::sync::Arc::clone(&api)).profile("work").build()?;
//! let client = OAuthClient::new("my-app");
//! login.browser(client, &["data:read".to_owned()], |url| println!("open {url}")).await?;
//! let client = bitting::Client::builder(api).profile("work").build()?;
//! # Ok(())
//! # }
//! ```

mod authorization;
mod client;
mod device;
mod discovery;
mod error;
mod login;
mod loopback;
mod pkce;
mod revoke;

pub use authorization::Authorization;
pub use client::OAuthClient;
pub use device::DevicePrompt;
pub use error::{LoginError, OAuthError};
pub use login::{Login, LoginBuilder, Way};

pub(crate) use discovery::Discovery;
pub(crate) use login::is_offered;
