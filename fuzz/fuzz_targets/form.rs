//! Target `form`: what it holds is said at [`forgewire_fuzz::form`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| forgewire_fuzz::form::hold(data));
