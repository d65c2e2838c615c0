//! libFuzzer's program for [`websocket`](chittychat_fuzz::websocket).

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chittychat_fuzz::websocket::run(data));
