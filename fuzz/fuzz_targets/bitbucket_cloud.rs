//! Target `bitbucket_cloud`: what it holds is said at [`forgewire_fuzz::delivery`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| forgewire_fuzz::delivery::hold_of(
    "bitbucket-cloud",
    data
));
