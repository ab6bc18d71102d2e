//! Certificate authorities of a test, and the certificates that they issue.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use tempfile::TempDir;
use triton_fake::Tls;

/// When a certificate is valid.
#[derive(Clone, Copy)]
pub enum Validity {
    Now,
    Past,
    Future,
}

/// A certificate and its key, in PEM.
pub struct Certificate {
    pub certificate: String,
    pub key: String,
}

impl Certificate {
    /// For a server, which requires certificates of `client_ca` if there is one.
    pub fn server(&self, client_ca: Option<&Authority>) -> Tls {
        Tls {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            client_ca: client_ca.map(|ca| ca.certificate.clone()),
        }
    }
}

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub certificate: String,
    key: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.subject_alt_names = names(&["127.0.0.1"]);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        Self {
            certificate,
            key: key.serialize_pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Its own certificate, as if it were a server's.
    pub fn itself(&self) -> Certificate {
        Certificate {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
        }
    }

    /// A certificate for the names, which may be IP addresses.
    pub fn issue(&self, for_names: &[&str], validity: Validity) -> Certificate {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names(for_names);
        (params.not_before, params.not_after) = match validity {
            Validity::Now => (date_time_ymd(2020, 1, 1), date_time_ymd(2999, 1, 1)),
            Validity::Past => (date_time_ymd(2020, 1, 1), date_time_ymd(2020, 2, 1)),
            Validity::Future => (date_time_ymd(2998, 1, 1), date_time_ymd(2999, 1, 1)),
        };
        let key = KeyPair::generate().expect("a key");
        Certificate {
            certificate: params.signed_by(&key, &self.issuer).expect("a certificate").pem(),
            key: key.serialize_pem(),
        }
    }
}

fn names(names: &[&str]) -> Vec<SanType> {
    let name = |name: &&str| match name.parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName((*name).try_into().expect("a name")),
    };
    names.iter().map(name).collect()
}

/// Files of a user.
pub struct Files(TempDir);

impl Default for Files {
    fn default() -> Self {
        Self(TempDir::new().expect("a temporary directory"))
    }
}

impl Files {
    /// Writes a file as Kubernetes replaces secrets: by renaming a new one.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let (path, new) = (self.path(name), self.path("new"));
        fs::write(&new, content).expect("a file");
        fs::rename(&new, &path).expect("a file");
        path
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }
}
