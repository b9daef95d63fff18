//! `src/lib.rs`: the client that leads to the resources.

use quote::quote;
use syn::parse_quote;

use super::docs::{described, doc};
use super::resources::{AUTH, Named, named};
use super::words::text;
use crate::Surface;

/// The source of the crate's root.
pub(super) fn source(surface: &Surface<'_>) -> String {
    let document = surface.document;
    let title = described(Some(&document.title)).unwrap_or_else(|| surface.name.clone()).replace('\n', " ");
    let head = std::iter::once(format!("The {title}, version {}.", document.version));
    let about = head.chain(described(document.description.as_deref())).collect::<Vec<_>>().join("\n\n");
    let about: String = about.lines().map(|line| format!("//! {line}").trim_end().to_owned() + "\n").collect();
    let items = modules().into_iter().chain(client(surface, &title));
    format!("{about}\n{}", text(items.collect()))
}

/// The modules, what is handed on, and the operation table.
fn modules() -> Vec<syn::Item> {
    let file: syn::File = parse_quote! {
        mod call;
        #[allow(
            clippy::should_implement_trait,
            clippy::too_many_arguments,
            clippy::type_complexity,
            clippy::wrong_self_convention,
            reason = "names, arguments and answers are the document's"
        )]
        pub mod resources;
        pub mod types;

        use std::sync::{Arc, LazyLock};
        pub use bitting::{CallOptions, ClientBuilder, Credential, Error, Success};
        pub use call::*;

        /// The operations, which the runtime makes requests of.
        static API: LazyLock<Arc<bitting::table::Api>> = LazyLock::new(|| {
            Arc::new(serde_json::from_str(include_str!("../api.json")).expect("api.json is written with this file"))
        });
    };
    file.items
}

/// The client: configuration, and a method for each resource.
fn client(surface: &Surface<'_>, title: &str) -> Vec<syn::Item> {
    let named = named(surface);
    let getters = named.iter().map(|resource| {
        let (Named { module, kind, .. }, about) = (resource, resource.about(surface));
        quote! {
            #about
            pub fn #module(&self) -> resources::#kind {
                resources::#kind::new(&self.core)
            }
        }
    });
    // Where the API has a resource of that name, the resource has the method besides its own.
    let auth = (!named.iter().any(|resource| resource.module == AUTH)).then(|| {
        quote! {
            /// What is known of the client's credentials.
            pub fn auth(&self) -> bitting::AuthView<'_> {
                self.core.auth()
            }
        }
    });
    let about = doc(&format!("A client of the {title}. Clones share their connections and tokens."));
    let file: syn::File = parse_quote! {
        #about
        #[derive(Debug, Clone)]
        pub struct Client {
            core: bitting::Client,
        }
        impl Client {
            /// Configures a client: credentials, base URL, time limits.
            pub fn builder() -> ClientBuilder<Self> {
                ClientBuilder::new(Arc::clone(&API))
            }
            /// A client with the credentials and the base URL that the environment gives.
            ///
            /// # Errors
            /// [`Error::Config`] and [`Error::Credentials`] if what it gives cannot be used.
            pub fn from_env() -> Result<Self, Error> {
                Self::builder().build()
            }
            /// The runtime's client: rate limit, authentication, calls by operation id.
            pub fn core(&self) -> &bitting::Client {
                &self.core
            }
            #auth
            #(#getters)*
        }
        impl From<bitting::Client> for Client {
            fn from(core: bitting::Client) -> Self {
                Self { core }
            }
        }
    };
    file.items
}
