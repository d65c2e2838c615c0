//! libFuzzer's program for [`messages`](chittychat_fuzz::messages).

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chittychat_fuzz::messages::run(data));
