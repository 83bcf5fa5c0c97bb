//! Whose request it is: the address at the other end, or the one that a trusted proxy names.
//!
//! In come the peer's address and the request's headers, out comes the client's address. A header is believed only
//! as far as trusted proxies have written it: from its end, back to the first address that is not one of theirs.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;

use crate::config::ForwardedHeader;
use crate::network::Networks;

/// Most hops that are looked at. Longer ways do not exist; a header that claims one is somebody's experiment.
const MOST_HOPS: usize = 16;

/// The address of the client that a request comes from.
///
/// From the end of the header backwards each hop was written by the one behind it. What cannot be read ends the
/// search: nobody before it can be known.
#[must_use]
pub fn address(
    peer: IpAddr,
    headers: &HeaderMap,
    trusted: &Networks,
    header: ForwardedHeader,
) -> IpAddr {
    let mut client = peer.to_canonical();
    if !trusted.contain(client) {
        return client;
    }
    let values = headers.get_all(header.name()).iter().rev();
    let hops = values.flat_map(|value| value.to_str().unwrap_or("?").rsplit(','));
    for hop in hops.take(MOST_HOPS) {
        let named = match header {
            ForwardedHeader::XForwardedFor => node(hop.trim()),
            ForwardedHeader::Forwarded => forwarded_for(hop).and_then(node),
        };
        let Some(named) = named else { break };
        client = named;
        if !trusted.contain(client) {
            break;
        }
    }
    client
}

/// The node of the one `for` of an element of `Forwarded` (RFC 7239, 4).
fn forwarded_for(element: &str) -> Option<&str> {
    let mut nodes = element.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
    });
    let value = nodes.next().filter(|_| nodes.next().is_none())?;
    // Nothing in an address needs an escape, so a value with one is none.
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    Some(quoted.unwrap_or(value))
}

/// An address, with or without a port: `192.0.2.7`, `192.0.2.7:4711`, `2001:db8::7`, `[2001:db8::7]:4711`.
fn node(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|node| node.ip()));
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    address.or_else(bare).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn client(peer: &str, header: ForwardedHeader, values: &[&str]) -> String {
        let trusted = Networks::parse(&["10.0.0.0/8", "fd00::/8"]).unwrap();
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header.name(), value.parse().unwrap());
        }
        address(peer.parse().unwrap(), &headers, &trusted, header).to_string()
    }

    #[test]
    fn a_header_is_believed_as_far_as_trusted_proxies_wrote_it() {
        for (values, expected) in [
            (&["192.0.2.7"][..], "192.0.2.7"),
            (&["203.0.113.9, 192.0.2.7"], "192.0.2.7"),
            (&["203.0.113.9", "192.0.2.7, 10.0.0.2"], "192.0.2.7"),
            (&["192.0.2.7:4711"], "192.0.2.7"),
            (&["[2001:db8::7]:4711"], "2001:db8::7"),
            (&["2001:db8::7"], "2001:db8::7"),
            (&["::ffff:192.0.2.7"], "192.0.2.7"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (&[], PROXY),
            (&[""], PROXY),
            (&["unknown"], PROXY),
            (&["192.0.2.7, rubbish, 10.0.0.2"], "10.0.0.2"),
        ] {
            let found = client(PROXY, ForwardedHeader::XForwardedFor, values);
            assert_eq!(found, expected, "{values:?}");
        }
    }

    #[test]
    fn forwarded_is_read_as_its_standard_says() {
        for (values, expected) in [
            (&["for=192.0.2.7;proto=https;by=10.0.0.1"][..], "192.0.2.7"),
            (&["proto=http; For=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17"),
            (&["for=203.0.113.9, for=192.0.2.7, for=10.0.0.2"], "192.0.2.7"),
            (&["for=_hidden"], PROXY),
            (&["for=192.0.2.7;for=192.0.2.8"], PROXY),
            (&["192.0.2.7"], PROXY),
        ] {
            assert_eq!(client(PROXY, ForwardedHeader::Forwarded, values), expected, "{values:?}");
        }
    }

    #[test]
    fn nobody_else_is_believed() {
        for header in [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded] {
            assert_eq!(client("192.0.2.1", header, &["192.0.2.7"]), "192.0.2.1");
        }
        // The other header than the configured one is what a client wrote.
        let mut headers = HeaderMap::new();
        headers.append("forwarded", "for=192.0.2.7".parse().unwrap());
        let trusted = Networks::parse(&[PROXY]).unwrap();
        let peer = PROXY.parse().unwrap();
        assert_eq!(address(peer, &headers, &trusted, ForwardedHeader::XForwardedFor), peer);
    }

    proptest! {
        #[test]
        fn whatever_stands_before_an_untrusted_hop_changes_nothing(noise in "[ -~]{0,80}") {
            let values = [&*noise, "192.0.2.7"];
            prop_assert_eq!(client(PROXY, ForwardedHeader::XForwardedFor, &values), "192.0.2.7");
            let values = [&*noise, "for=192.0.2.7"];
            prop_assert_eq!(client(PROXY, ForwardedHeader::Forwarded, &values), "192.0.2.7");
        }
    }
}
