//! Target `redact`: what it holds is said at [`forgewire_fuzz::redact`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| forgewire_fuzz::redact::hold(data));
