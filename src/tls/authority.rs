//! `Authority`: a certificate authority for the names of this machine, made once and kept.

use std::net::IpAddr;
use std::path::Path;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, SanType, date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::error::TlsError;
use super::names::{Names, Subtree, read_subnet, written};
use super::pair;
use super::store::Store;

/// The file of the authority's certificate.
pub(super) const AUTHORITY: &str = "ca.pem";
const AUTHORITY_KEY: &str = "ca-key.pem";
const CERTIFICATE: &str = "cert.pem";
const KEY: &str = "key.pem";

/// How long an authority is valid: nobody wants to trust another one every year.
const AUTHORITY_DAYS: i64 = 3650;

/// How long a certificate is valid. Apple refuses more than 825 days, and browsers have asked for 398 at most.
const CERTIFICATE_DAYS: i64 = 397;

/// What is valid for less than this is made anew.
const RENEW_DAYS: i64 = 30;

/// An authority that can sign.
pub(super) struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// The one that is kept; or what one that is missing or cannot be used any longer was permitted to sign.
    pub(super) fn read(store: &Store, names: &Names, now: Timestamp) -> Result<Result<Self, Vec<Subtree>>, TlsError> {
        let (path, key_path) = (store.certificate(AUTHORITY), store.key(AUTHORITY_KEY));
        let (Some(pem), Some(key)) = (store.read_certificate(AUTHORITY)?, store.read_key(AUTHORITY_KEY)?) else {
            return Ok(Err(Vec::new()));
        };
        let damaged = |path: &Path, why: String| TlsError::Damaged(path.to_owned(), why);
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| damaged(&path, error.to_string()))?;
        let permitted = {
            let (_, parsed) = X509Certificate::from_der(&der).map_err(|error| damaged(&path, error.to_string()))?;
            let permitted = permitted(&parsed);
            let is_enough = names.subtrees().iter().all(|subtree| permitted.contains(subtree));
            if !is_enough || expires_soon(&parsed, now) {
                return Ok(Err(permitted));
            }
            permitted
        };
        let key = KeyPair::from_pem(&key).map_err(|error| damaged(&key_path, error.to_string()))?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|error| damaged(&path, error.to_string()))?;
        if parsed.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            // one of the two was replaced by hand
            return Ok(Err(permitted));
        }
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(|error| damaged(&path, error.to_string()))?;
        Ok(Ok(Self { certificate: der, issuer }))
    }

    /// A new one, for what the last one was permitted to sign and what is needed now: a second project with other names
    /// does not make the first one ask for trust again.
    pub(super) fn make(
        store: &Store,
        names: &Names,
        permitted: Vec<Subtree>,
        now: Timestamp,
    ) -> Result<Self, TlsError> {
        let mut subtrees = permitted;
        for subtree in names.subtrees() {
            if !subtrees.contains(&subtree) {
                subtrees.push(subtree);
            }
        }
        let mut params = params(now, AUTHORITY_DAYS);
        // two authorities of one name are mixed up in lists of certificates, and by some programs
        let tag = getrandom::u32().unwrap_or_default();
        params.distinguished_name.push(DnType::CommonName, format!("devmedia local authority {tag:08x}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: subtrees.iter().filter_map(|subtree| written(subtree)).collect(),
            excluded_subtrees: Vec::new(),
        });
        let key = KeyPair::generate().map_err(unusable)?;
        let certificate = params.self_signed(&key).map_err(unusable)?;
        // the key first: a certificate without its key would be trusted for nothing
        store.write_key(AUTHORITY_KEY, &key.serialize_pem())?;
        store.write_certificate(AUTHORITY, &certificate.pem())?;
        Ok(Self { certificate: certificate.der().clone(), issuer: Issuer::new(params, key) })
    }

    /// The certificate that is kept, if it is this authority's, for these names, and valid for a while.
    pub(super) fn read_certificate(
        &self,
        store: &Store,
        names: &Names,
        now: Timestamp,
    ) -> Result<Option<CertifiedKey>, TlsError> {
        let pem = store.read_certificate(CERTIFICATE)?;
        let key = store.read_key(KEY)?;
        let (Some(pem), Some(key)) = (pem, key) else { return Ok(None) };
        let der = CertificateDer::from_pem_slice(pem.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes());
        // whatever is wrong with it: another one is made
        let (Ok(der), Ok(key)) = (der, key) else { return Ok(None) };
        let is_good = {
            let Ok((_, authority)) = X509Certificate::from_der(&self.certificate) else { return Ok(None) };
            let Ok((_, parsed)) = X509Certificate::from_der(&der) else { return Ok(None) };
            parsed.verify_signature(Some(authority.public_key())).is_ok()
                && !expires_soon(&parsed, now)
                && is_for(&parsed, names)
        };
        Ok(if is_good { pair::new(vec![der], key).ok() } else { None })
    }

    pub(super) fn make_certificate(
        &self,
        store: &Store,
        names: &Names,
        now: Timestamp,
    ) -> Result<CertifiedKey, TlsError> {
        let (pem, key) = self.sign(&names.hosts, &names.addresses, now)?;
        store.write_key(KEY, &key.serialize_pem())?;
        store.write_certificate(CERTIFICATE, &pem.pem())?;
        pair_of(pem.der().clone(), &key)
    }

    /// A certificate for one host.
    pub(super) fn issue(&self, host: &str) -> Result<CertifiedKey, TlsError> {
        let (certificate, key) = self.sign(&[host.to_owned()], &[], Timestamp::now())?;
        pair_of(certificate.der().clone(), &key)
    }

    fn sign(
        &self,
        hosts: &[String],
        addresses: &[IpAddr],
        now: Timestamp,
    ) -> Result<(rcgen::Certificate, KeyPair), TlsError> {
        let mut params = params(now, CERTIFICATE_DAYS);
        params.distinguished_name.push(DnType::CommonName, "devmedia");
        for host in hosts {
            params.subject_alt_names.push(SanType::DnsName(host.as_str().try_into().map_err(unusable)?));
        }
        params.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(unusable)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(unusable)?;
        Ok((certificate, key))
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

fn pair_of(certificate: CertificateDer<'static>, key: &KeyPair) -> Result<CertifiedKey, TlsError> {
    pair::new(vec![certificate], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unusable(error: rcgen::Error) -> TlsError {
    TlsError::Unusable(error.to_string())
}

/// Valid from yesterday, for clocks that differ, for so many days.
fn params(now: Timestamp, days: i64) -> CertificateParams {
    let day = |days: i64| {
        let day = (now + SignedDuration::from_hours(24 * days)).to_zoned(TimeZone::UTC).date();
        date_time_ymd(day.year().into(), day.month().unsigned_abs(), day.day().unsigned_abs())
    };
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "devmedia");
    params.not_before = day(-1);
    params.not_after = day(days);
    params
}

fn expires_soon(certificate: &X509Certificate<'_>, now: Timestamp) -> bool {
    let until = certificate.validity().not_after.timestamp();
    until < (now + SignedDuration::from_hours(24 * RENEW_DAYS)).as_second()
}

/// What an authority is permitted to sign.
fn permitted(certificate: &X509Certificate<'_>) -> Vec<Subtree> {
    let constraints = certificate.name_constraints().ok().flatten();
    let subtrees = constraints.and_then(|constraints| constraints.value.permitted_subtrees.as_ref());
    let texts = subtrees.into_iter().flatten().filter_map(|subtree| match &subtree.base {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => read_subnet(bytes),
        _ => None,
    });
    texts.collect()
}

/// Whether a certificate is for all of these names.
fn is_for(certificate: &X509Certificate<'_>, names: &Names) -> bool {
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else { return false };
    let has = |wanted: &GeneralName<'_>| alternatives.value.general_names.contains(wanted);
    let octets = |address: &IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    names.hosts.iter().all(|host| has(&GeneralName::DNSName(host)))
        && names.addresses.iter().all(|address| has(&GeneralName::IPAddress(&octets(address))))
}

#[cfg(test)]
mod tests;
