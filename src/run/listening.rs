//! Finds the sockets that processes listen on, from Linux's `/proc/PID/fd` and `/proc/net/tcp`.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::process::Pid;

use crate::forward::address::Address;

/// The port of Node's debugger, which listens before the app does.
const INSPECTOR: u16 = 9229;

/// A listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listening {
    address: IpAddr,
    port: u16,
    /// The kernel counts up, so the older socket has the smaller number.
    inode: u64,
}

/// The address where these processes listen: at `port` if one of them does, otherwise the socket that was opened first.
pub(super) fn first(processes: &[Pid], port: Option<u16>) -> Option<Address> {
    let sockets: HashSet<u64> = processes.iter().flat_map(|process| sockets_of(*process)).collect();
    let mut all = Vec::new();
    for (file, is_v6) in [("/proc/net/tcp", false), ("/proc/net/tcp6", true)] {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        all.extend(text.lines().filter_map(|line| parse(line, is_v6)));
    }
    choose(all.into_iter().filter(|one| sockets.contains(&one.inode)), port)
}

fn choose(all: impl Iterator<Item = Listening>, port: Option<u16>) -> Option<Address> {
    let candidates = all.filter(|one| one.port != INSPECTOR || port == Some(INSPECTOR));
    let one = candidates.min_by_key(|one| (Some(one.port) != port, one.inode))?;
    let is_v6_only = one.address.is_ipv6() && one.address.to_canonical().is_ipv6();
    Some(if is_v6_only { Address::of_port_v6(one.port) } else { Address::of_port(one.port) })
}

fn sockets_of(process: Pid) -> Vec<u64> {
    let folder = format!("/proc/{}/fd", process.as_raw_nonzero());
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let links = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    links.filter_map(|link| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()).collect()
}

/// Parses a line of `/proc/net/tcp`; `None` if it is not about a listening socket.
fn parse(line: &str, is_v6: bool) -> Option<Listening> {
    const LISTEN: &str = "0A";
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (local, state, inode) = (words.get(1)?, words.get(3)?, words.get(9)?);
    let (address, port) = local.split_once(':')?;
    // each group of four bytes is a number in native byte order
    let four = |at: usize| Some(u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let address = if is_v6 {
        let parts = [four(0)?, four(8)?, four(16)?, four(24)?];
        let bytes: [u8; 16] = parts.concat().try_into().ok()?;
        IpAddr::from(Ipv6Addr::from(bytes))
    } else {
        IpAddr::from(Ipv4Addr::from(four(0)?))
    };
    let port = u16::from_str_radix(port, 16).ok()?;
    (*state == LISTEN).then_some(Listening { address, port, inode: inode.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn lines_of_proc_net_tcp_are_parsed() {
        let v4 = "   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 52134 1 0 100 0 0 10 0";
        let v6 = "   1: 00000000000000000000000001000000:1435 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 52135 1 0 100 0 0 10 0";
        let connected = v4.replace(" 0A ", " 01 ");
        let expected = Listening { address: Ipv4Addr::LOCALHOST.into(), port: 8000, inode: 52134 };
        assert_eq!(parse(v4, false), Some(expected));
        let expected = Listening { address: Ipv6Addr::LOCALHOST.into(), port: 5173, inode: 52135 };
        assert_eq!(parse(v6, true), Some(expected));
        for line in [&connected, "  sl  local_address rem_address   st tx_queue", "", "0: 01:1F 0 0A"] {
            assert_eq!(parse(line, false), None, "{line}");
        }
    }

    #[test]
    fn the_given_port_is_preferred_to_the_first_socket() {
        let v4 = |port, inode| Listening { address: Ipv4Addr::UNSPECIFIED.into(), port, inode };
        let v6 = |port, inode| Listening { address: Ipv6Addr::LOCALHOST.into(), port, inode };
        for (all, port, expected) in [
            (vec![v4(8000, 2), v4(8100, 1)], None, Some("127.0.0.1:8100")),
            (vec![v4(8000, 2), v4(8100, 1)], Some(8000), Some("127.0.0.1:8000")),
            (vec![v4(8000, 2)], Some(3000), Some("127.0.0.1:8000")), // Vite ignores PORT
            (vec![v6(5173, 1)], None, Some("[::1]:5173")),
            (vec![v4(9229, 1), v4(3000, 2)], None, Some("127.0.0.1:3000")), // node --inspect
            (vec![v4(9229, 1)], None, None),
            (vec![], Some(3000), None),
        ] {
            let address = choose(all.into_iter(), port);
            assert_eq!(address.as_ref().map(Address::authority), expected);
        }
    }
}
