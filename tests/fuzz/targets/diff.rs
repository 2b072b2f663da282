#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::diff_of_two(data));
