//! Whether a URL of media names a place inside the network of whoever fetches it.
//!
//! Whoever runs the model fetches what a request refers to. Where that is a server of one's own, a caller could have it fetch what
//! only that server reaches: metadata of the cloud, a page of metrics, a neighbour's database (server-side request forgery, CWE-918).
//!
//! INVARIANT: hosts are read as fetchers read them (WHATWG URL: `2130706433`, `0x7f.1` and `１２７.0.0.1` are 127.0.0.1); what
//! cannot be read as a URL and looks like one counts as inside.
//!
//! Not here: names that resolve to addresses inside, which only who resolves them can see.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Endings of names that are nobody's outside: RFC 6761, RFC 6762, and the one that ICANN keeps for private use.
const INNER_ENDINGS: [&str; 3] = ["internal", "local", "localhost"];

/// Whether it names a place inside; a text that is no URL names none.
pub(crate) fn is_inside(text: &str) -> bool {
    let text = text.trim();
    match Url::parse(text) {
        Ok(url) if url.scheme() == "file" => true,
        Ok(url) => match url.host() {
            Some(Host::Domain(name)) => is_inner_name(name, is_fetched(&url)),
            Some(Host::Ipv4(address)) => is_inner(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => is_inner(IpAddr::V6(address)),
            None => false,
        },
        Err(_) => text.contains("://"),
    }
}

/// Whether its host is one that is looked up, and not the name of a bucket.
fn is_fetched(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https" | "ftp" | "ws" | "wss")
}

fn is_inner_name(name: &str, is_fetched: bool) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if let Ok(address) = name.parse::<IpAddr>() {
        return is_inner(address);
    }
    let ending = name.rsplit('.').next().unwrap_or_default();
    INNER_ENDINGS.contains(&ending) || (is_fetched && !name.contains('.'))
}

fn is_inner(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_inner_v4(address),
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || carried(address).is_some_and(is_inner_v4)
        }
    }
}

fn is_inner_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_broadcast()
        || first == 0
        // Shared by carriers and clouds: RFC 6598.
        || (first == 100 && (64..128).contains(&second))
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, NAT64 (RFC 6052), 6to4 (RFC 3056).
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let words = address.segments();
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match words {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(of(high, low))
        }
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::is_inside;

    #[test]
    fn places_inside_are_told_however_they_are_written() {
        for inside in [
            "http://127.0.0.1:9464/metrics",
            "HTTP://169.254.169.254/latest/meta-data/",
            " http://localhost/x",
            "http://LOCALHOST./x",
            "http://user:p@10.1.2.3/x",
            "http://example.com@192.168.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[64:ff9b::a00:1]/",
            "http://[fd00::1]/",
            "http://[fe80::1]/",
            "http://0/",
            "http://100.100.100.200/latest",
            "http://metadata.google.internal/computeMetadata/v1/",
            "http://redis:6379/",
            "http://db.svc.cluster.local/",
            "file:///etc/passwd",
            "ftp://127.0.0.1/x",
            "http://\t127.0.0.1/",
            "http://127.0.0.1 .example.com/",
            "https://[not-an-address]/",
        ] {
            assert!(is_inside(inside), "{inside}");
        }
        for outside in [
            "https://example.com/cat.png",
            "https://8.8.8.8/x",
            "https://[2001:4860:4860::8888]/x",
            "https://internal.example.com/x",
            "gs://bucket/cat.png",
            "s3://bucket/cat.png",
            "file-abc123",
            "a picture of a cat",
            "",
            "cat: a picture",
        ] {
            assert!(!is_inside(outside), "{outside}");
        }
    }
}
