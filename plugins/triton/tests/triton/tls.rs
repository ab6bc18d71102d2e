//! TLS and mutual TLS against a real TLS server: every mistake ends in one error with the address, the cause and the
//! option that corrects it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::common::certificates::{Authority, Certificate, Files, Validity};
use crate::common::remote::{ask, echo, wait_until};
use crate::common::{PATIENCE, infer, vest_input};
use crate::real_server::TritonServer;
use triton::{Endpoint, Error, SecurityOptions, Server, ServerPool};
use triton_fake::Tls;

/// The certificates and files of all cases.
struct Site {
    files: Files,
    ca: Authority,
    other_ca: Authority,
}

/// A client's files, by their names in [`Site::files`]; `None`: the option is not set.
#[derive(Clone, Copy, Default)]
struct Client {
    ca: Option<&'static str>,
    certificate: Option<&'static str>,
    key: Option<&'static str>,
    server_name: Option<&'static str>,
}

const GOOD: Client = Client {
    ca: Some("ca.pem"),
    certificate: None,
    key: None,
    server_name: None,
};

fn with_certificate(certificate: &'static str, key: &'static str) -> Client {
    Client {
        certificate: Some(certificate),
        key: Some(key),
        ..GOOD
    }
}

impl Site {
    fn new() -> Self {
        let site = Self {
            files: Files::default(),
            ca: Authority::new("site"),
            other_ca: Authority::new("other"),
        };
        let write = |name: &str, content: &str| drop(site.files.write(name, content));
        let pair = |name: &str, pair: &Certificate| {
            write(&format!("{name}.pem"), &pair.certificate);
            write(&format!("{name}.key"), &pair.key);
            write(
                &format!("{name}-both.pem"),
                &format!("{}{}", pair.key, pair.certificate),
            );
        };
        write("ca.pem", &site.ca.certificate);
        write("other-ca.pem", &site.other_ca.certificate);
        write(
            "both-cas.pem",
            &format!("{}{}", site.other_ca.certificate, site.ca.certificate),
        );
        pair("client", &site.ca.issue(&["client"], Validity::Now));
        pair("stranger", &site.other_ca.issue(&["client"], Validity::Now));
        pair("expired", &site.ca.issue(&["client"], Validity::Past));
        write("empty.pem", "");
        write(
            "garbage.pem",
            "-----BEGIN CERTIFICATE-----\nhunter2!\n-----END CERTIFICATE-----\n",
        );
        write(
            "encrypted.key",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\naHVudGVyMg==\n-----END ENCRYPTED PRIVATE KEY-----\n",
        );
        site
    }

    fn options(&self, client: Client) -> SecurityOptions {
        let path = |name: Option<&str>| -> Option<PathBuf> { name.map(|name| self.files.path(name)) };
        SecurityOptions {
            tls_ca_file: path(client.ca),
            tls_certificate_file: path(client.certificate),
            tls_key_file: path(client.key),
            tls_server_name: client.server_name.map(str::to_owned),
            ..SecurityOptions::default()
        }
    }

    /// A client in a pool of its own, not connected.
    fn open(&self, url: &str, client: Client) -> Result<Arc<Server>, Error> {
        let none = Path::new("");
        let endpoint = Endpoint::with_security(url, none, none, &self.options(client), |_| None)?;
        ServerPool::default().open(&endpoint)
    }

    /// As [`Self::open`], connected by ServerReady.
    fn connect(&self, url: &str, client: Client) -> Result<Arc<Server>, Error> {
        let server = self.open(url, client)?;
        server.ready()?;
        Ok(server)
    }

    /// A server certificate for this machine.
    fn server(&self, client_ca: Option<&Authority>) -> Tls {
        self.ca.issue(&["127.0.0.1"], Validity::Now).server(client_ca)
    }
}

fn start(tls: Tls) -> triton_fake::Server {
    triton_fake::Server::start_tls([echo("m")], tls).unwrap()
}

/// Requests and responses pass the connection.
fn works(server: &Arc<Server>) {
    let model = server.model("m", None).unwrap();
    assert_eq!(ask(&model, b"hello").unwrap(), b"hello");
}

#[test]
fn requests_pass_encrypted_connections() {
    let site = Site::new();
    let plain = start(site.server(None));
    let mutual = start(site.server(Some(&site.ca)));
    let named = start(site.ca.issue(&["triton.factory"], Validity::Now).server(None));
    for (server, client) in [
        (&plain, GOOD),
        (&plain, with_certificate("client.pem", "client.key")), // it is not asked for
        (
            &plain,
            Client {
                ca: Some("both-cas.pem"),
                ..GOOD
            },
        ),
        (&mutual, with_certificate("client.pem", "client.key")),
        (
            &mutual,
            Client {
                certificate: Some("client-both.pem"),
                ..GOOD
            },
        ),
        (
            &named,
            Client {
                server_name: Some("triton.factory"),
                ..GOOD
            },
        ),
    ] {
        let connected = site.connect(&server.url(), client).unwrap();
        works(&connected);
        assert_eq!(connected.endpoint().to_string(), server.url());
    }
}

/// The error of connecting: it is fatal, and has the address and all facts.
fn check_untrusted(site: &Site, url: &str, client: Client, facts: &[&str]) {
    // By ServerReady, and by the first call of an element, which opens its model.
    let asked = site.connect(url, client).expect_err(url);
    let opened = site.open(url, client).unwrap().model("m", None).expect_err(url);
    let (_, address) = url.split_once("://").unwrap();
    for error in [asked, opened] {
        let text = error.to_string();
        assert!(
            matches!(error, Error::Untrusted { .. }) && error.is_fatal(),
            "{facts:?}: {error:?}"
        );
        for fact in facts.iter().chain([&address, &url]) {
            assert!(text.contains(fact), "{text}\nlacks {fact}");
        }
    }
}

#[test]
fn certificates_that_are_not_accepted_are_reported_with_cause_and_remedy() {
    let site = Site::new();
    let check = |certificate: &Certificate, client: Client, facts: &[&str]| {
        let server = start(certificate.server(None));
        check_untrusted(&site, &server.url(), client, facts);
    };
    let good = site.ca.issue(&["127.0.0.1"], Validity::Now);
    let other = site.other_ca.issue(&["127.0.0.1"], Validity::Now);
    let ca_file = site.files.path("ca.pem");
    check(&other, GOOD, &["the CA", ca_file.to_str().unwrap(), "tls-ca-file"]);
    check(
        &good,
        Client {
            ca: Some("other-ca.pem"),
            ..GOOD
        },
        &["the CA", "tls-ca-file"],
    );
    let expired = site.ca.issue(&["127.0.0.1"], Validity::Past);
    check(&expired, GOOD, &["has expired", "renew it", "clock"]);
    let future = site.ca.issue(&["127.0.0.1"], Validity::Future);
    check(&future, GOOD, &["not valid yet", "clock"]);
    let named = site.ca.issue(&["triton.factory"], Validity::Now);
    check(&named, GOOD, &["127.0.0.1", "triton.factory", "tls-server-name"]);
    let wrong_name = Client {
        server_name: Some("triton.office"),
        ..GOOD
    };
    check(
        &named,
        wrong_name,
        &["triton.office", "triton.factory", "tls-server-name"],
    );
    let nameless = site.ca.issue(&[], Validity::Now);
    check(&nameless, GOOD, &["subjectAltName", "tls-server-name"]);
    check(&site.ca.itself(), GOOD, &["that of a CA", "issued"]);
}

#[test]
fn without_a_ca_file_the_systems_cas_are_asked() {
    let site = Site::new();
    let server = start(site.server(None));
    let error = site.connect(&server.url(), Client::default()).unwrap_err();
    // A machine may have no CA certificates at all.
    assert!(
        matches!(error, Error::Untrusted { .. } | Error::InvalidSecurity { .. }),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(text.contains("this system") && text.contains("tls-ca-file"), "{text}");
}

#[test]
fn client_certificates_that_are_not_accepted_are_reported_with_cause_and_remedy() {
    let site = Site::new();
    let server = start(site.server(Some(&site.ca)));
    let options = ["tls-certificate-file", "tls-key-file"];
    let check = |client: Client, facts: &[&str]| {
        check_untrusted(&site, &server.url(), client, &[facts, &options].concat());
    };
    let stranger = site.files.path("stranger.pem");
    let expired = site.files.path("expired.pem");
    for _ in 0..20 {
        // The alert arrives behind the handshake, together with the end of the connection.
        check(GOOD, &["requires a certificate of the client"]);
        let facts = ["refuses the client's certificate", stranger.to_str().unwrap()];
        check(with_certificate("stranger.pem", "stranger.key"), &facts);
        let facts = ["refuses the client's certificate", expired.to_str().unwrap()];
        check(with_certificate("expired.pem", "expired.key"), &facts);
    }
}

#[test]
fn an_encrypted_client_and_a_plain_server_are_reported_and_the_reverse() {
    let site = Site::new();
    let plain = triton_fake::Server::start([echo("m")]).unwrap();
    let url = plain.url().replace("grpc://", "grpcs://");
    check_untrusted(&site, &url, GOOD, &["does not speak TLS", "write grpc://"]);
    let encrypted = start(site.server(None));
    let url = encrypted.url().replace("grpcs://", "grpc://");
    let error = site.connect(&url, Client::default()).unwrap_err();
    // Other servers than gRPC's end so, too, and may be replaced.
    assert!(
        matches!(error, Error::Unreachable { .. }) && !error.is_fatal(),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(text.contains("write grpcs://") && text.contains(&url), "{text}");
}

#[test]
fn files_that_cannot_be_used_are_reported_by_name() {
    let site = Site::new();
    let server = start(site.server(None));
    let check = |client: Client, option: &str, file: &str, fact: &str| {
        let error = site.connect(&server.url(), client).unwrap_err();
        let text = error.to_string();
        let path = site.files.path(file);
        assert!(
            matches!(&error, Error::SecurityFile { file, .. } if *file == path),
            "{error:?}"
        );
        assert!(
            error.is_fatal() && text.contains(option) && text.contains(fact),
            "{text}"
        );
        let debug = format!("{error:?}");
        for secret in ["hunter2", "aHVudGVyMg", "BEGIN PRIVATE KEY-----\n"] {
            assert!(!text.contains(secret) && !debug.contains(secret), "{debug}");
        }
    };
    let ca = |file| Client { ca: Some(file), ..GOOD };
    check(ca("missing.pem"), "tls-ca-file", "missing.pem", "No such file");
    check(ca(""), "tls-ca-file", "", "not a regular file");
    check(ca("empty.pem"), "tls-ca-file", "empty.pem", "no certificate");
    check(ca("client.key"), "tls-ca-file", "client.key", "no certificate");
    check(ca("garbage.pem"), "tls-ca-file", "garbage.pem", "not valid PEM");
    let pair = with_certificate;
    check(
        pair("missing.pem", "client.key"),
        "tls-certificate-file",
        "missing.pem",
        "No such file",
    );
    check(
        pair("client.pem", "missing.key"),
        "tls-key-file",
        "missing.key",
        "No such file",
    );
    check(pair("client.pem", "ca.pem"), "tls-key-file", "ca.pem", "no private key");
    check(
        pair("client.pem", "encrypted.key"),
        "tls-key-file",
        "encrypted.key",
        "openssl pkey",
    );
    check(
        pair("client.pem", "stranger.key"),
        "tls-key-file",
        "stranger.key",
        "not the certificate's key",
    );
}

/// Asks until the error has `fact`: the first ones may be about the connection that the server has closed.
fn ask_until(model: &triton::Model, fact: &str) {
    let end = Instant::now() + PATIENCE;
    loop {
        let error = ask(model, b"hello").unwrap_err();
        assert!(
            matches!(error, Error::Unreachable { .. }) && !error.is_fatal(),
            "{error:?}"
        );
        if error.to_string().contains(fact) {
            return;
        }
        assert!(Instant::now() < end, "{error}");
    }
}

#[test]
fn a_certificate_that_expires_while_connected_is_temporary() {
    let site = Site::new();
    let mut server = start(site.server(None));
    let connected = site.connect(&server.url(), GOOD).unwrap();
    let model = connected.model("m", None).unwrap();
    assert_eq!(ask(&model, b"hello").unwrap(), b"hello");
    server.set_tls(site.ca.issue(&["127.0.0.1"], Validity::Past).server(None));
    server.restart().unwrap();
    ask_until(&model, "has expired");
    server.set_tls(site.server(None));
    server.restart().unwrap();
    wait_until("the address is back", || ask(&model, b"hello").is_ok());
}

#[test]
fn renewed_certificates_are_used_by_the_next_connection() {
    let site = Site::new();
    let mut server = start(site.server(Some(&site.ca)));
    let client = with_certificate("client.pem", "client.key");
    let connected = site.connect(&server.url(), client).unwrap();
    let model = connected.model("m", None).unwrap();
    assert_eq!(ask(&model, b"hello").unwrap(), b"hello");
    // Both sides move to another CA.
    let renewed = site.other_ca.issue(&["client"], Validity::Now);
    site.files.write("client.key", &renewed.key);
    server.set_tls(
        site.other_ca
            .issue(&["127.0.0.1"], Validity::Now)
            .server(Some(&site.other_ca)),
    );
    server.restart().unwrap();
    // With one file of two, those of before are used, and the error names what is wrong.
    ask_until(&model, "not the certificate's key");
    site.files.write("client.pem", &renewed.certificate);
    ask_until(&model, "the CA of the server's certificate");
    site.files.write("ca.pem", &site.other_ca.certificate);
    wait_until("the address is back", || ask(&model, b"hello").is_ok());
}

#[test]
fn the_next_address_is_used_if_the_first_is_not_trusted() {
    let site = Site::new();
    let expired = start(site.ca.issue(&["127.0.0.1"], Validity::Past).server(None));
    let good = start(site.server(None));
    let connected = site
        .connect(&format!("{},{}", expired.url(), good.url()), GOOD)
        .unwrap();
    works(&connected);
    // If one address may come back by itself, the endpoint as a whole may.
    let mut stopped = start(site.server(None));
    stopped.stop();
    let error = site
        .connect(&format!("{},{}", expired.url(), stopped.url()), GOOD)
        .unwrap_err();
    assert!(
        matches!(error, Error::Unreachable { .. }) && !error.is_fatal(),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(text.contains("has expired") && text.contains("refused"), "{text}");
}

#[test]
fn other_credentials_are_another_connection() {
    let site = Site::new();
    let server = start(site.server(None));
    let pool = ServerPool::default();
    let open = |client: Client| {
        let none = Path::new("");
        let endpoint = Endpoint::with_security(&server.url(), none, none, &site.options(client), |_| None).unwrap();
        let server = pool.open(&endpoint).unwrap();
        server.ready().unwrap();
        server
    };
    let (first, again) = (open(GOOD), open(GOOD));
    let other = open(with_certificate("client.pem", "client.key"));
    assert!(Arc::ptr_eq(&first, &again) && !Arc::ptr_eq(&first, &other));
    assert_eq!((pool.len(), server.counts().connections), (2, 2));
    assert!(!format!("{pool:?} {first:?}").contains("PRIVATE"), "{pool:?}");
}

/// Triton's own TLS (OpenSSL's), and its own header for restricted protocols.
#[test]
fn tritons_own_tls_and_restricted_protocols_are_used() {
    let site = Site::new();
    let Certificate { certificate, key } = site.ca.issue(&["127.0.0.1"], Validity::Now);
    let file = |name: &str, content: &str| site.files.write(name, content).display().to_string();
    let options = [
        "--grpc-use-ssl-mutual=true".to_owned(),
        format!("--grpc-server-cert={}", file("server.pem", &certificate)),
        format!("--grpc-server-key={}", file("server.key", &key)),
        format!("--grpc-root-cert={}", site.files.path("ca.pem").display()),
        "--grpc-restricted-protocol=inference:factory=hunter2".to_owned(),
    ];
    let client = with_certificate("client.pem", "client.key");
    let headers = site.files.write("headers", "triton-grpc-protocol-factory: hunter2");
    let connect = |port: u16| {
        let options = SecurityOptions {
            headers_file: Some(headers.clone()),
            ..site.options(client)
        };
        let (url, none) = (format!("grpcs://127.0.0.1:{port}"), Path::new(""));
        let endpoint = Endpoint::with_security(&url, none, none, &options, |_| None)?;
        ServerPool::default().open(&endpoint)
    };
    let (triton, server) = TritonServer::start_with(&options, connect);
    let model = server.model("vest_resnet18", None).unwrap();
    infer(&model, vest_input(&model)).unwrap();
    // Without the header, without a certificate, with a stranger's, and without TLS.
    let url = format!("grpcs://127.0.0.1:{}", triton.grpc());
    let model = site
        .connect(&url, client)
        .unwrap()
        .model("vest_resnet18", None)
        .unwrap();
    let error = infer(&model, vest_input(&model)).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("triton-grpc-protocol-factory") && text.contains("headers-file"),
        "{text}"
    );
    check_untrusted(&site, &url, GOOD, &["tls-certificate-file"]);
    let stranger = with_certificate("stranger.pem", "stranger.key");
    check_untrusted(&site, &url, stranger, &["tls-certificate-file", "stranger.pem"]);
    check_untrusted(
        &site,
        &url,
        Client {
            ca: Some("other-ca.pem"),
            ..client
        },
        &["tls-ca-file"],
    );
    let error = site
        .connect(&url.replace("grpcs", "grpc"), Client::default())
        .unwrap_err();
    assert!(error.to_string().contains("write grpcs://"), "{error}");
}
