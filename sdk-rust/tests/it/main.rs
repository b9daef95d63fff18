//! Tests of the client against servers on loopback: one binary, one module per concern.

mod api;
mod attach;
mod authority;
mod bad_input;
mod configuration;
mod discovery;
mod limits;
mod oauth;
mod pages;
mod redirects;
mod reference;
mod renewals;
mod resends;
mod scopes;
mod stage;
mod statements;
mod store;
mod tokens;
mod vectors;
mod waiting;
mod writes;
