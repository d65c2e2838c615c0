//! libFuzzer's program for [`settings`](chittychat_fuzz::settings).

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chittychat_fuzz::settings::run(data));
