#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| codif_fuzz::empty_labels(data));
