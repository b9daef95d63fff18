//! `WWW-Authenticate` and `Set-Cookie` (A13, A22).

#![no_main]

use bitting::inside::parsers::{challenge, cookie};

libfuzzer_sys::fuzz_target!(|value: &[u8]| {
    let _ = (challenge(value), cookie(value));
});
