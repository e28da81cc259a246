//! Datagrams to a service on this machine.
//!
//! INVARIANT: nothing leaves this machine: datagrams are lost in silence on any network, so they are not for one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;

/// Where they go. Cheap to clone.
#[derive(Clone, Copy, Debug)]
pub struct Datagrams(SocketAddr);

impl Datagrams {
    /// To a port of this machine; nothing, if the address is another one's.
    pub fn to_this_machine(host: &str, port: u16) -> Option<Self> {
        let address = match host {
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            host => host.parse::<IpAddr>().ok().filter(IpAddr::is_loopback)?,
        };
        Some(Self(SocketAddr::new(address, port)))
    }

    /// Sends one.
    pub async fn send(&self, datagram: &[u8]) -> std::io::Result<()> {
        let own: IpAddr = match self.0 {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let socket = UdpSocket::bind((own, 0)).await?;
        socket.send_to(datagram, self.0).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::Datagrams;

    #[test]
    fn nothing_leaves_this_machine() {
        for host in ["127.0.0.1", "127.9.9.9", "::1", "localhost"] {
            assert!(Datagrams::to_this_machine(host, 514).is_some(), "{host}");
        }
        for host in ["0.0.0.0", "192.0.2.1", "10.0.0.1", "::", "example.com", ""] {
            assert!(Datagrams::to_this_machine(host, 514).is_none(), "{host}");
        }
    }
}
