#![no_main]

#[path = "../entries.rs"]
#[allow(dead_code)] // It is one of several.
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::report_of_files(data));
