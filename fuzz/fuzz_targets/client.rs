//! Target `client`: what it holds is said at [`forgewire_fuzz::client`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| forgewire_fuzz::client::hold(data));
