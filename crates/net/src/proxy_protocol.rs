//! The header that a load balancer puts before a connection's bytes to say whose connection it is: PROXY protocol, version 2
//! (`proxy-protocol.txt` of HAProxy, 2.2).
//!
//! INVARIANT: it is read only from peers that the operator named, and from those it is required, so that nobody else can
//! choose an address. INVARIANT: not one byte behind it is taken.
//!
//! Not here: version 1, which is text of no stated length; who is believed (`listener`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, version and command, family, and a length.
const FIXED_BYTES: usize = 16;
/// Addresses and extensions behind the fixed part, in bytes. Certificates of clients are what makes them long.
pub(crate) const PROXY_BYTES_MAX: usize = 4_096;

/// A connection whose header says nothing that can be believed. The load balancer's fault, or somebody's who is not one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyError {
    #[error("the connection ended in the header: {0}")]
    Io(#[from] std::io::Error),
    #[error("the connection does not begin with a PROXY header of version 2")]
    NoHeader,
    #[error(
        "the header has {bytes} bytes of addresses and extensions, the limit is {PROXY_BYTES_MAX}"
    )]
    TooLong { bytes: usize },
    #[error("the header is cut short, or of a command or family that does not exist")]
    Malformed,
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// The load balancer itself asks: a health check.
    Balancer,
    /// Somebody at this address.
    At(SocketAddr),
}

/// Reads the header.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Client, ProxyError> {
    let mut fixed = [0; FIXED_BYTES];
    stream.read_exact(&mut fixed).await?;
    let bytes = behind(&fixed)?;
    let mut rest = vec![0; bytes];
    stream.read_exact(&mut rest).await?;
    parse(&fixed, &rest)
}

/// How many bytes follow the fixed part.
fn behind(fixed: &[u8; FIXED_BYTES]) -> Result<usize, ProxyError> {
    let [signature @ .., _, _, high, low] = fixed;
    if *signature != SIGNATURE {
        return Err(ProxyError::NoHeader);
    }
    let bytes = usize::from(u16::from_be_bytes([*high, *low]));
    if bytes > PROXY_BYTES_MAX { Err(ProxyError::TooLong { bytes }) } else { Ok(bytes) }
}

fn parse(fixed: &[u8; FIXED_BYTES], rest: &[u8]) -> Result<Client, ProxyError> {
    let [.., command, family, _, _] = *fixed;
    match (command, family) {
        // Addresses of a check are to be ignored, whatever they are.
        (0x20, _) => Ok(Client::Balancer),
        (0x21, 0x11) => {
            let [a, b, c, d, _, _, _, _, high, low, _, _] = *taken(rest)?;
            Ok(client(Ipv4Addr::new(a, b, c, d).into(), high, low))
        }
        (0x21, 0x21) => {
            let [source @ .., high, low, _, _]: &[u8; 36] = taken(rest)?;
            let address: [u8; 16] = *taken(source)?;
            Ok(client(Ipv6Addr::from(address).to_canonical(), high.to_owned(), low.to_owned()))
        }
        // Whom a connection without an address of the Internet is of, nobody can say.
        _ => Err(ProxyError::Malformed),
    }
}

fn client(address: IpAddr, high: u8, low: u8) -> Client {
    Client::At(SocketAddr::new(address, u16::from_be_bytes([high, low])))
}

fn taken<const BYTES: usize>(from: &[u8]) -> Result<&[u8; BYTES], ProxyError> {
    from.first_chunk().ok_or(ProxyError::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A header as a load balancer writes it.
    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("short").to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    fn read_now(mut bytes: &[u8]) -> (Result<Client, ProxyError>, &[u8]) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let result = runtime.block_on(read(&mut bytes));
        (result, bytes)
    }

    const IPV4: [u8; 12] = [192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x67, 0x1f, 0x90];

    #[test]
    fn addresses_are_read_and_what_follows_is_left() {
        let ipv6 = [
            &[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..],
            &[0; 16],
            &[0x12, 0x67, 0x1f, 0x90],
        ]
        .concat();
        let mapped = [
            &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7][..],
            &[0; 16],
            &[0x12, 0x67, 0x1f, 0x90],
        ]
        .concat();
        let extended = [&IPV4[..], &[0x04, 0, 3, b'a', b'b', b'c']].concat();
        for (bytes, expected) in [
            (header(0x21, 0x11, &IPV4), "192.0.2.7:4711"),
            (header(0x21, 0x11, &extended), "192.0.2.7:4711"),
            (header(0x21, 0x21, &ipv6), "[2001:db8::1]:4711"),
            (header(0x21, 0x21, &mapped), "192.0.2.7:4711"),
        ] {
            let with_request = [&bytes[..], b"GET / HTTP/1.1"].concat();
            let (client, left) = read_now(&with_request);
            let expected: SocketAddr = expected.parse().expect("an address");
            assert_eq!(client.ok(), Some(Client::At(expected)));
            assert_eq!(left, b"GET / HTTP/1.1");
        }
        let (client, _) = read_now(&header(0x20, 0, &[]));
        assert_eq!(client.ok(), Some(Client::Balancer));
    }

    #[test]
    fn other_beginnings_are_refused() {
        for (bytes, why) in [
            (b"GET /v1/models HTTP/1.1\r\n".to_vec(), "does not begin"),
            (b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n".to_vec(), "does not begin"),
            (header(0x21, 0x11, &IPV4[..11]), "cut short"),
            (header(0x21, 0x31, &[0; 216]), "does not exist"),
            (header(0x21, 0x12, &IPV4), "does not exist"),
            (header(0x11, 0x11, &IPV4), "does not exist"),
            (header(0x21, 0x00, &[]), "does not exist"),
            (SIGNATURE.to_vec(), "ended in the header"),
        ] {
            let (client, _) = read_now(&bytes);
            let error = client.expect_err("refused").to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn the_length_is_limited() {
        let longest = [&IPV4[..], &vec![0; PROXY_BYTES_MAX - IPV4.len()]].concat();
        assert!(read_now(&header(0x21, 0x11, &longest)).0.is_ok());
        let longer = [&longest[..], &[0]].concat();
        let error = read_now(&header(0x21, 0x11, &longer)).0.expect_err("too long");
        assert!(matches!(error, ProxyError::TooLong { bytes: 4_097 }), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn any_bytes_are_read_or_refused(rest: Vec<u8>, command: u8, family: u8) {
            let fixed = header(command, family, &rest);
            let fixed: [u8; FIXED_BYTES] = *fixed.first_chunk().expect("it is that long");
            let parsed = parse(&fixed, &rest);
            prop_assert_eq!(parsed.is_ok(), command == 0x20
                || command == 0x21 && (family == 0x11 && rest.len() >= 12 || family == 0x21 && rest.len() >= 36));
        }
    }
}
