//! Target `screen`: what it holds is said at [`forgewire_fuzz::screen`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| forgewire_fuzz::screen::hold(data));
