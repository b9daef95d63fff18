//! Answers of a token endpoint (A9, A15).

#![no_main]

use bitting::inside::parsers::token;

libfuzzer_sys::fuzz_target!(|input: (u16, &[u8])| {
    let _ = token(200 + input.0 % 400, input.1);
});
