//! Tests of the client against servers on loopback: one binary, one module per concern.

mod api;
mod attach;
mod configuration;
mod limits;
mod pages;
mod reference;
mod resends;
mod stage;
mod tokens;
mod vectors;
