//! `--tls`, `--tls-cert` and `--tls-key`.

use std::net::IpAddr;
use std::path::Path;

use super::layer::Layer;
use super::problems::Problems;
use super::settings::{TLS, TLS_CERT, TLS_KEY};
use crate::guard::{Host, HostPattern};
use crate::mount::Mounts;
use crate::server::listener::{self, Listen};
use crate::tls::Tls;
use crate::tls::names::Names;

/// Where the certificate comes from.
#[derive(Debug)]
pub enum Certificate {
    /// From two files, which have been read.
    Files(Tls),
    /// From the local authority, for these names. It is made when it is needed.
    Local(Names),
}

/// How https is spoken, if it is.
pub(super) fn read(
    server: &Layer,
    listen: &[Listen],
    hosts: &[HostPattern],
    mounts: Option<&Mounts>,
    problems: &mut Problems,
) -> Option<Certificate> {
    let is_on = server.get(&TLS, problems);
    let (certificate, key) = match (server.typed(&TLS_CERT), server.typed(&TLS_KEY)) {
        _ if is_on == Some(false) => return None,
        (None, None) => return is_on?.then(|| Certificate::Local(names(listen, hosts))),
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(certificate), None) => {
            problems.usage(format!("{}: its key is missing; add --tls-key FILE", certificate.shown));
            return None;
        }
        (None, Some(key)) => {
            problems.usage(format!("{}: its certificate is missing; add --tls-cert FILE", key.shown));
            return None;
        }
    };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let key_file = real(Path::new(&key.value));
    if let Some(mount) = mounts
        .and_then(|all| all.iter().find(|m| m.site.root.path().is_some_and(|root| key_file.starts_with(real(root)))))
    {
        problems.usage(format!(
            "{}: this private key lies in the folder that is served at {}; move it elsewhere",
            key.shown, mount.site.prefix
        ));
        return None;
    }
    match Tls::of_files(Path::new(&certificate.value), Path::new(&key.value)) {
        Ok((tls, warning)) => {
            if let Some(warning) = warning {
                problems.warn(format!("{}: {warning}", certificate.shown));
            }
            Some(Certificate::Files(tls))
        }
        Err(error) => {
            problems.usage(format!("{}, {}: {error}", certificate.shown, key.shown));
            None
        }
    }
}

/// The names by which browsers reach this server.
fn names(listen: &[Listen], hosts: &[HostPattern]) -> Names {
    let (mut exact, mut addresses, mut domains) = (Vec::new(), Vec::new(), Vec::new());
    for listen in listen {
        match listen {
            Listen::Address(address) if address.ip().is_unspecified() => addresses.extend(listener::local_addresses()),
            Listen::Address(address) => addresses.push(address.ip().to_canonical()),
            Listen::Loopback(_) | Listen::Unix(_) => {}
        }
    }
    for host in hosts {
        match host {
            HostPattern::Exactly(Host::Name(name)) => exact.push(name.clone()),
            HostPattern::Exactly(Host::Address(address)) => addresses.push(*address),
            HostPattern::Below(domain) => domains.push(domain.clone()),
        }
    }
    addresses.retain(|address: &IpAddr| !address.is_unspecified());
    Names::new(exact, addresses, domains)
}
