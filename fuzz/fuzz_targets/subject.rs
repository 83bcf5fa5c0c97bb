//! Target `subject`: what it holds is said at [`forgewire_fuzz::subject`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| forgewire_fuzz::subject::hold(data));
