//! libFuzzer's program for [`journal`](chittychat_fuzz::journal).

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chittychat_fuzz::journal::run(data));
