//! `Names`: what a certificate is for, and what its authority may sign. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::{CidrSubnet, GeneralSubtree};

/// Domains that are this machine's whatever is configured: `localhost`, `*.localhost` and `*.test`.
const LOCAL: [&str; 2] = ["localhost", "test"];

/// The names and addresses by which this server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Host names, in lower case.
    pub hosts: Vec<String>,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
    /// Domains below which any name is its own; without a dot in front.
    pub domains: Vec<String>,
}

/// What an authority may sign, as text that can be compared: `localhost`, or an address with its mask.
pub type Subtree = String;

impl Names {
    /// This machine's own names, and those that are configured.
    pub fn new(hosts: Vec<String>, addresses: Vec<IpAddr>, domains: Vec<String>) -> Self {
        let mut names = Self {
            hosts: vec!["localhost".to_owned()],
            addresses: Vec::new(),
            domains: LOCAL.map(String::from).into(),
        };
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
        for host in hosts.into_iter().filter(|host| host.is_ascii()) {
            push(&mut names.hosts, host.to_ascii_lowercase());
        }
        for address in loopback.into_iter().chain(addresses) {
            push(&mut names.addresses, address);
        }
        for domain in domains {
            push(&mut names.domains, domain.trim_start_matches('.').to_ascii_lowercase());
        }
        names
    }

    /// Whether a certificate may be made for this host when it is asked for.
    pub fn covers(&self, host: &str) -> bool {
        self.hosts.iter().any(|own| own == host)
            || self.domains.iter().any(|domain| {
                host.strip_suffix(domain.as_str()).is_some_and(|below| below.ends_with('.') && below.len() > 1)
            })
    }

    /// What the authority must be permitted to sign.
    pub fn subtrees(&self) -> Vec<Subtree> {
        let mut subtrees = vec!["127.0.0.0/8".to_owned()];
        for host in self.domains.iter().chain(&self.hosts) {
            if !self.domains.iter().any(|domain| domain != host && is_below(host, domain)) {
                push(&mut subtrees, host.clone());
            }
        }
        for address in self.addresses.iter().filter(|address| !matches!(address, IpAddr::V4(v4) if v4.is_loopback())) {
            push(&mut subtrees, format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 }));
        }
        subtrees
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|below| below.ends_with('.'))
}

fn push<T: PartialEq>(all: &mut Vec<T>, one: T) {
    if !all.contains(&one) {
        all.push(one);
    }
}

/// A subtree as it is written into a certificate; `None` if the text is none.
pub(super) fn written(subtree: &str) -> Option<GeneralSubtree> {
    let Some((address, prefix)) = subtree.split_once('/') else {
        return Some(GeneralSubtree::DnsName(subtree.to_owned()));
    };
    let subnet = CidrSubnet::from_addr_prefix(address.parse().ok()?, prefix.parse().ok()?);
    Some(GeneralSubtree::IpAddress(subnet))
}

/// The text of an address and mask, as a certificate has them (RFC 5280 section 4.2.1.10).
pub(super) fn read_subnet(bytes: &[u8]) -> Option<Subtree> {
    let (address, mask) = bytes.split_at(bytes.len() / 2);
    let address: IpAddr = match address.len() {
        4 => <[u8; 4]>::try_from(address).ok()?.into(),
        16 => <[u8; 16]>::try_from(address).ok()?.into(),
        _ => return None,
    };
    let prefix: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
    Some(format!("{address}/{prefix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(hosts: &[&str], addresses: &[&str], domains: &[&str]) -> Names {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let addresses = addresses.iter().map(|address| address.parse().expect("an address")).collect();
        Names::new(texts(hosts), addresses, texts(domains))
    }

    #[test]
    fn an_authority_may_sign_what_is_needed_and_no_more() {
        const OWN: [&str; 4] = ["127.0.0.0/8", "localhost", "test", "::1/128"];
        for (names, more) in [
            (names(&[], &[], &[]), &[][..]),
            (names(&["localhost", "shop.test"], &["127.0.0.2", "::1"], &[]), &[]),
            (names(&["App.example.dev"], &[], &[]), &["app.example.dev"]),
            (names(&["a.example.dev"], &[], &[".example.dev"]), &["example.dev"]),
            (names(&[], &["192.168.1.5"], &[]), &["192.168.1.5/32"]),
            (names(&["b\u{fc}cher.example"], &[], &[]), &[]), // the file of settings has the punycode form
        ] {
            let mut subtrees = names.subtrees();
            subtrees.sort();
            let mut expected = [&OWN, more].concat();
            expected.sort_unstable();
            assert_eq!(subtrees, expected, "{names:?}");
        }
    }

    #[test]
    fn names_that_are_asked_for() {
        let names = names(&["app.example.dev"], &[], &[".dev.example"]);
        for (host, expected) in [
            ("localhost", true),
            ("shop.localhost", true),
            ("a.b.test", true),
            ("test", false),
            (".test", false),
            ("app.example.dev", true),
            ("b.example.dev", false),
            ("x.dev.example", true),
            ("dev.example", false),
            ("evillocalhost", false),
            ("www.example.com", false),
        ] {
            assert_eq!(names.covers(host), expected, "{host}");
        }
    }
}
