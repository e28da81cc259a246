//! Which hosts the operator allows and denies.
//!
//! INVARIANT: a host covers its subdomains, and is denied rather than allowed if both lists have it.

/// What the lists say of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ruled {
    /// It is listed, or lies in this network.
    Allowed,
    Denied,
    /// There is a list of allowed hosts, and it is not there.
    Unlisted,
    /// There is no list.
    Unknown,
}

/// The lists, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hosts {
    pub(crate) allowed: Vec<String>,
    pub(crate) denied: Vec<String>,
}

impl Hosts {
    pub(crate) fn rule(&self, host: &str) -> Ruled {
        let covers = |listed: &String| {
            host.strip_suffix(listed.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if self.denied.iter().any(covers) {
            Ruled::Denied
        } else if is_near(host) || self.allowed.iter().any(covers) {
            Ruled::Allowed
        } else if self.allowed.is_empty() {
            Ruled::Unknown
        } else {
            Ruled::Unlisted
        }
    }
}

/// On this machine or in this network, or an address for documents.
fn is_near(host: &str) -> bool {
    host == "localhost"
        || host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| {
            address.is_loopback()
                || address.is_private()
                || address.is_unspecified()
                || address.is_link_local()
                || address.is_documentation()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_covers_its_subdomains_and_denial_wins() {
        let hosts = Hosts {
            allowed: vec!["example.com".to_owned()],
            denied: vec!["bad.example.com".to_owned()],
        };
        assert_eq!(hosts.rule("img.example.com"), Ruled::Allowed);
        assert_eq!(hosts.rule("badexample.com"), Ruled::Unlisted);
        assert_eq!(hosts.rule("x.bad.example.com"), Ruled::Denied);
        assert_eq!(Hosts::default().rule("example.com"), Ruled::Unknown);
        assert_eq!(Hosts::default().rule("192.168.0.1"), Ruled::Allowed);
    }
}
