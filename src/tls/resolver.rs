//! Which certificate a client gets: the one that is kept, or one that is made for the name it asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::authority::Authority;
use super::names::Names;

/// Names that are remembered: more than a person has, and little memory for a program that makes them up.
const REMEMBERED: usize = 256;

/// A certificate for what is configured, and others for names such as `shop.localhost` when they are asked for: clients do
/// not accept `*.localhost` (a wildcard needs two names below it).
#[derive(Debug)]
pub(super) struct OnDemand {
    kept: Arc<CertifiedKey>,
    authority: Authority,
    names: Names,
    made: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl OnDemand {
    /// `kept` is for the hosts and addresses of `names`.
    pub(super) fn new(kept: Arc<CertifiedKey>, authority: Authority, names: Names) -> Self {
        Self { kept, authority, names, made: Mutex::default() }
    }

    fn certificate(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        let host = host.to_ascii_lowercase();
        if self.names.hosts.contains(&host) || !self.names.covers(&host) {
            return None;
        }
        let mut made = self.made.lock().expect("nothing panics while holding it");
        if let Some(pair) = made.get(&host) {
            return Some(Arc::clone(pair));
        }
        let pair = Arc::new(self.authority.issue(&host).ok()?);
        if made.len() >= REMEMBERED {
            made.clear();
        }
        made.insert(host, Arc::clone(&pair));
        Some(pair)
    }
}

impl ResolvesServerCert for OnDemand {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // a name that is not ours gets the kept one, too: the client explains better than a handshake that fails
        Some(hello.server_name().and_then(|host| self.certificate(host)).unwrap_or_else(|| Arc::clone(&self.kept)))
    }
}
