//! libFuzzer's program for [`http2`](chittychat_fuzz::http2).

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chittychat_fuzz::http2::run(data));
