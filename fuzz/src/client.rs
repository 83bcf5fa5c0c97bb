//! Whose request it is, by what a header says.

use std::net::IpAddr;

use forgewire::config::ForwardedHeader;
use forgewire::ingress::client::address;
use forgewire::network::Networks;
use hyper::HeaderMap;
use hyper::header::HeaderValue;

/// Holds that nobody is believed but who is trusted, and that nothing before an untrusted hop counts.
///
/// # Panics
///
/// Where it does not hold.
pub fn hold(header: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(header) else { return };
    let trusted = Networks::parse(&["10.0.0.0/8", "fd00::/8"]).expect("networks");
    let [proxy, stranger] = [[10, 0, 0, 1], [192, 0, 2, 7]].map(IpAddr::from);
    for (kind, hop) in [
        (ForwardedHeader::XForwardedFor, HeaderValue::from_static("192.0.2.7")),
        (ForwardedHeader::Forwarded, HeaderValue::from_static("for=192.0.2.7")),
    ] {
        let mut headers = HeaderMap::new();
        headers.append(kind.name(), value.clone());
        assert_eq!(address(stranger, &headers, &trusted, kind), stranger);
        let found = address(proxy, &headers, &trusted, kind);
        assert_eq!(found, found.to_canonical());
        headers.append(kind.name(), hop);
        assert_eq!(address(proxy, &headers, &trusted, kind), stranger);
    }
}
