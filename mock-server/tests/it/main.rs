//! The reference server as its users meet it: statements of the four systems, time travel, faults, defects, control.

#![allow(clippy::unwrap_used, reason = "what a test sets up is there, or the test fails")]

mod bad_input;
mod client;
mod control;
mod defects;
mod directions;
mod documents;
mod faults;
mod formats;
mod front;
mod hostile;
mod http1;
mod journal;
mod keys;
mod limits;
mod lists;
mod oauth;
mod parallel;
mod plain;
mod real;
mod repeats;
#[cfg(feature = "wiremock")]
mod respond;
mod roboticks;
mod single;
mod spellings;
mod stage;
mod steps;
mod tenancy;
mod travel;
mod vendors;
mod wire;
mod world;
