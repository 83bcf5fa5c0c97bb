//! Target `event`: what it holds is said at [`forgewire_fuzz::event`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| forgewire_fuzz::event::hold(data));
