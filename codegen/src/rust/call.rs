//! `src/call.rs`: what every call can do, written once for all operations.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse_quote;

use super::words::text;
use crate::Surface;
use crate::surface::Method;

/// The source of the module.
pub(super) fn source(surface: &Surface<'_>) -> String {
    let methods: Vec<&Method<'_>> = surface.resources.iter().flat_map(|resource| &resource.methods).collect();
    let steps = steps(&methods);
    let paged = methods.iter().any(|method| method.items.is_some()).then(paged);
    let file: syn::File = parse_quote! {
        use std::future::IntoFuture;
        use std::marker::PhantomData;

        use bitting::{BoxFuture, CallOptions, Decode, Error, Request, Success};

        /// A call of the operation that `O` marks; its answer is a `T`. It is made when it is awaited.
        #[derive(Debug)]
        #[must_use = "a call is made when it is awaited"]
        pub struct Call<O, T> {
            request: Request<T>,
            operation: PhantomData<fn() -> O>,
        }
        impl<O, T> Clone for Call<O, T> {
            fn clone(&self) -> Self {
                Self { request: self.request.clone(), operation: PhantomData }
            }
        }
        impl<O, T> Call<O, T> {
            pub(crate) fn new(client: &bitting::Client, operation_id: &'static str) -> Self {
                Self { request: Request::new(client, operation_id), operation: PhantomData }
            }
            /// Sets what holds for this call alone: time limits, retries, headers.
            pub fn with_options(mut self, options: CallOptions) -> Self {
                *self.request.options() = options;
                self
            }
            #steps
        }
        impl<O, T: Decode + Send + 'static> IntoFuture for Call<O, T> {
            type Output = Result<Success<T>, Error>;
            type IntoFuture = BoxFuture<'static, Self::Output>;
            fn into_future(self) -> Self::IntoFuture {
                Box::pin(self.request.send())
            }
        }
        #paged
    };
    format!("//! Calls: what they all have in common.\n\n{}", text(file.items))
}

/// What the methods of this API do with their arguments.
fn steps(methods: &[&Method<'_>]) -> TokenStream {
    let sets = methods.iter().any(|method| !method.required.is_empty() || !method.optional.is_empty());
    let sets = sets.then(|| {
        quote! {
            #[allow(dead_code, reason = "not every API has such parameters")]
            pub(crate) fn set(mut self, name: &str, value: impl serde::Serialize) -> Self {
                self.request.set(name, value);
                self
            }
            #[allow(dead_code, reason = "not every API has such parameters")]
            pub(crate) fn text(mut self, name: &str, value: impl ToString) -> Self {
                self.request.set(name, value.to_string());
                self
            }
        }
    });
    let sends = methods.iter().any(|method| method.body.is_some());
    let sends = sends.then(|| {
        quote! {
            #[allow(dead_code, reason = "not every API has such bodies")]
            pub(crate) fn json(mut self, value: impl serde::Serialize) -> Self {
                self.request.json(&value);
                self
            }
            #[allow(dead_code, reason = "not every API has such bodies")]
            pub(crate) fn raw(mut self, media_type: &str, body: bitting::Body) -> Self {
                self.request.body(media_type, body);
                self
            }
        }
    });
    quote!(#sets #sends)
}

/// What calls for pages can do besides.
fn paged() -> TokenStream {
    quote! {
        /// An operation that answers page by page.
        pub trait Paged {
            /// What stands on the pages.
            type Item: serde::de::DeserializeOwned;
        }
        impl<O: Paged, T: 'static> Call<O, T> {
            /// The pages, fetched one by one.
            pub fn pages(self) -> bitting::Pages<T> {
                self.request.pages()
            }
            /// The items of all pages; each page is fetched when its first item is asked for.
            pub fn items(self) -> impl bitting::Stream<Item = Result<O::Item, Error>> {
                self.request.pages().items()
            }
        }
    }
}
