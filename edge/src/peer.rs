//! What a request comes with besides HTTP: who is at the other end, and what the platform says of it. Put into the
//! request's extensions by whoever received it.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use http::HeaderMap;

/// The address at the other end of the connection: a viewer's, or CloudFront's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The id that the platform gave the request.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// How long the platform waits for an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(pub(crate) Duration);

/// The address that CloudFront says it answers to (`CloudFront-Viewer-Address`: address, colon, port; AWS: "Add
/// CloudFront request headers"). Whoever reaches the edge around CloudFront can write what they like into it.
pub(crate) fn behind_cloudfront(headers: &HeaderMap) -> Option<IpAddr> {
    let mut given = headers.get_all("cloudfront-viewer-address").iter();
    let (Some(value), None) = (given.next(), given.next()) else { return None };
    let (address, _port) = value.to_str().ok()?.rsplit_once(':')?;
    address.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// What stands for one client: an IPv4 address, or the /64 that an IPv6 subscriber has to itself.
pub(crate) fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let subscriber = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(subscriber))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(text: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert("cloudfront-viewer-address", text.parse().expect("a header"));
        behind_cloudfront(&headers).map(|address| client(address).to_string())
    }

    #[test]
    fn a_client_is_an_address_or_a_subscribers_network() {
        for (header, expected) in [
            ("198.51.100.10:46532", Some("198.51.100.10")),
            ("2001:db8:1:2:3:4:5:6:46532", Some("2001:db8:1:2::")),
            ("[2001:db8:1:2::9]:46532", Some("2001:db8:1:2::")),
            ("[::ffff:192.0.2.1]:1", Some("192.0.2.1")),
            ("198.51.100.10", None),
            ("nobody:1", None),
        ] {
            assert_eq!(viewer(header).as_deref(), expected, "{header}");
        }
    }

    #[test]
    fn two_addresses_are_none() {
        let mut headers = HeaderMap::new();
        for address in ["198.51.100.10:1", "198.51.100.11:1"] {
            headers.append("cloudfront-viewer-address", address.parse().expect("a header"));
        }
        assert_eq!(behind_cloudfront(&headers), None);
    }
}
