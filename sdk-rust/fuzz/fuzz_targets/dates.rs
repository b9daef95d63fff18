//! Numbers and dates, beside other readers of the same (C2, C3).

#![no_main]

use bitting::inside::parsers::{agrees, agrees_near_a_date};

libfuzzer_sys::fuzz_target!(|input: (u32, u8, u8, &[u8])| {
    let (moment, at, byte, text) = input;
    assert!(agrees(text), "a text");
    assert!(agrees_near_a_date(moment, at, byte), "nearly a date");
});
