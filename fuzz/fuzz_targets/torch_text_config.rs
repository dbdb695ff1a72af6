#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| codif_fuzz::torch_text_config(data));
