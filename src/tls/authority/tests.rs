use std::fs;
use std::sync::Arc;

use super::super::open;
use super::*;

fn names(hosts: &[&str]) -> Names {
    Names::new(hosts.iter().map(|host| (*host).to_owned()).collect(), Vec::new(), Vec::new())
}

/// The certificate of the authority and of the server.
fn files(folder: &Path) -> [String; 2] {
    [AUTHORITY, CERTIFICATE].map(|name| fs::read_to_string(folder.join(name)).expect("a file"))
}

#[test]
fn what_is_made_is_kept_while_it_fits() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = place.path().join("devmedia");
    assert!(open(&folder, names(&[])).expect("made").is_new);
    let first = files(&folder);
    assert!(!open(&folder, names(&["localhost"])).expect("kept").is_new);
    assert_eq!(files(&folder), first);
    // a name that the authority may sign: another certificate, the same authority
    assert!(!open(&folder, names(&["shop.test"])).expect("kept").is_new);
    let [authority, certificate] = files(&folder);
    assert!(authority == first[0] && certificate != first[1]);
    // one that it may not sign: another authority, which may sign what the old one could as well
    assert!(open(&folder, names(&["one.example"])).expect("made").is_new);
    assert_ne!(files(&folder)[0], authority);
    assert!(open(&folder, names(&["two.example"])).expect("made").is_new);
    assert!(!open(&folder, names(&["one.example"])).expect("kept").is_new);
    assert!(!open(&folder, names(&["one.example", "two.example"])).expect("kept").is_new);
}

#[test]
fn what_expires_or_does_not_fit_is_made_again() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = place.path().join("devmedia");
    let names = names(&[]);
    let later = |days: i64| Timestamp::now() + SignedDuration::from_hours(24 * days);
    open(&folder, names.clone()).expect("made");
    let store = Store::open(&folder).expect("a store");
    for (days, authority_lives, certificate_lives) in
        [(0, true, true), (360, true, true), (370, true, false), (3_600, true, false), (3_630, false, false)]
    {
        let kept = Authority::read(&store, &names, later(days)).expect("readable");
        assert_eq!(kept.is_ok(), authority_lives, "after {days} days");
        if let Ok(authority) = kept {
            let certificate = authority.read_certificate(&store, &names, later(days)).expect("readable");
            assert_eq!(certificate.is_some(), certificate_lives, "after {days} days");
        }
    }
    drop(store);
    let before = files(&folder);
    fs::write(folder.join(CERTIFICATE), "rubbish").expect("ours");
    assert!(!open(&folder, names.clone()).expect("only the certificate").is_new);
    assert!(files(&folder)[0] == before[0] && files(&folder)[1] != before[1]);
    fs::write(folder.join(AUTHORITY), "rubbish").expect("ours");
    let error = open(&folder, names.clone()).expect_err("an authority is never replaced in silence").to_string();
    assert!(error.contains("damaged") && error.contains("rm -r"), "{error}");
    fs::remove_file(folder.join(AUTHORITY)).expect("ours");
    assert!(open(&folder, names).expect("made").is_new);
}

#[test]
fn a_stolen_key_signs_for_no_other_name() {
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::pki_types::{ServerName, UnixTime};

    let place = tempfile::tempdir().expect("a temporary folder");
    let names = Names::new(Vec::new(), vec!["192.168.1.5".parse().expect("an address")], vec!["dev.example".into()]);
    let store = Store::open(&place.path().join("devmedia")).expect("a store");
    let authority = Authority::make(&store, &names, Vec::new(), Timestamp::now()).expect("made");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.certificate.clone()).expect("a root");
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), pair::provider()).build();
    let verifier = verifier.expect("a verifier");
    for (name, expected) in [
        ("localhost", true),
        ("shop.localhost", true),
        ("a.test", true),
        ("x.dev.example", true),
        ("127.0.0.1", true),
        ("127.0.0.2", true),
        ("::1", true),
        ("192.168.1.5", true),
        ("192.168.1.6", false),
        ("10.0.0.1", false),
        ("::2", false),
        ("www.example.com", false),
        ("bank.example", false),
        ("evillocalhost", false),
    ] {
        let address: Option<IpAddr> = name.parse().ok();
        let hosts = if address.is_some() { Vec::new() } else { vec![name.to_owned()] };
        let (certificate, _) = authority.sign(&hosts, address.as_slice(), Timestamp::now()).expect("a signature");
        let server = ServerName::try_from(name).expect("a name");
        let verified = verifier.verify_server_cert(certificate.der(), &[], &server, &[], UnixTime::now());
        assert_eq!(verified.is_ok(), expected, "{name}: {verified:?}");
    }
}
