//! Networks of clients: which addresses an operator means.
//!
//! In come addresses and networks as text (`192.0.2.7`, `10.0.0.0/8`, `fd00::/8`), out comes [`Networks`], which
//! says of an address whether it is in one of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

/// What a network must look like; reads on after its key.
pub const NETWORK_RULE: &str = "must be an address or a network, such as 192.0.2.7 or 10.0.0.0/8";

/// Where a program on the same machine reaches what listens here.
#[must_use]
pub fn from_here(mut listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => listen.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => listen.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    listen
}

/// Any number of networks; without any, no address is in it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Reads each as an address or a network.
    ///
    /// # Errors
    ///
    /// [`NETWORK_RULE`] if one is neither, or has bits set beyond its prefix.
    pub fn parse(texts: &[impl AsRef<str>]) -> Result<Self, &'static str> {
        texts.iter().map(|text| network(text.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// Whether `address` is in one of them. An IPv4 address counts as such also in the form of an IPv6 one.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn network(text: &str) -> Result<IpNet, &'static str> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_canonical().into());
    }
    let network: IpNet = text.parse().map_err(|_error| NETWORK_RULE)?;
    // Whoever writes 10.0.0.7/8 means something else than what it says.
    (network.addr() == network.network()).then_some(network).ok_or(NETWORK_RULE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_asked_at_the_loopback_of_their_family() {
        for (listen, asked) in [
            ("0.0.0.0:8081", "127.0.0.1:8081"),
            ("[::]:8081", "[::1]:8081"),
            ("192.0.2.1:8081", "192.0.2.1:8081"),
        ] {
            assert_eq!(from_here(listen.parse().unwrap()), asked.parse().unwrap());
        }
    }

    #[test]
    fn an_address_is_in_the_networks_that_hold_it() {
        let networks = Networks::parse(&["10.0.0.0/8", "192.0.2.7", "fd00::/8"]).unwrap();
        for inside in ["10.255.0.1", "192.0.2.7", "fd12::1", "::ffff:10.1.2.3"] {
            assert!(networks.contain(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["11.0.0.1", "192.0.2.8", "fe80::1", "::1"] {
            assert!(!networks.contain(outside.parse().unwrap()), "{outside}");
        }
        assert!(!Networks::default().contain("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in ["", "10.0.0.7/8", "10.0.0.0/33", "example.com", "10.0.0.0/", "1.2.3", "::/129"]
        {
            assert_eq!(Networks::parse(&[bad]), Err(NETWORK_RULE), "{bad}");
        }
    }
}
