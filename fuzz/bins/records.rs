//! libFuzzer's program for [`records`](chittychat_fuzz::records).

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chittychat_fuzz::records::run(data));
