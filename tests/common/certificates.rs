//! A certificate authority of a test's own.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::fs;
use std::path::{Path, PathBuf};

/// Signs certificates; its own is in `ca_file`.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
    /// The PEM to trust.
    pub(crate) ca_file: PathBuf,
}

/// PEM files of a certificate and its key.
pub(crate) struct Identity {
    /// The certificate.
    pub(crate) cert_file: PathBuf,
    /// Its key.
    pub(crate) key_file: PathBuf,
}

impl Authority {
    /// Makes one and writes `<name>.ca.pem` into the folder.
    pub(crate) fn new(folder: &Path, name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are valid names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let ca_file = folder.join(format!("{name}.ca.pem"));
        fs::write(&ca_file, certificate.pem()).expect("the folder can be written");
        Authority { issuer: Issuer::new(params, key), folder: folder.to_owned(), ca_file }
    }

    /// Writes `<name>.pem` and `<name>.key.pem` of a certificate for one host.
    pub(crate) fn issue(&self, name: &str) -> Identity {
        self.issue_for(name, &[name])
    }

    /// The same for several host names; `name` is its common name.
    pub(crate) fn issue_for(&self, name: &str, hosts: &[&str]) -> Identity {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).expect("host names");
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let cert_file = self.folder.join(format!("{name}.pem"));
        let key_file = self.folder.join(format!("{name}.key.pem"));
        fs::write(&cert_file, certificate.pem()).expect("the folder can be written");
        fs::write(&key_file, key.serialize_pem()).expect("the folder can be written");
        Identity { cert_file, key_file }
    }
}
