//! Headers and bodies that say how long to wait (C1 to C3), dates included.

#![no_main]

libfuzzer_sys::fuzz_target!(|value: &[u8]| assert!(bitting::inside::parsers::rate_limit(value)));
