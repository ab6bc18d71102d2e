//! What a failed handshake means for the user: the cause, and the option that corrects it.

use std::error::Error as StdError;
use std::io;

use tokio_rustls::rustls::{self, AlertDescription, CertificateError};
use tonic::Status;

use super::connector::Refusal;
use super::status::{causes, is_from_server, is_unsent, reason};
use crate::{Identity, Tls};

/// What to do about a server that accepts connections without TLS, but closes them without a response.
pub(super) fn explain_plain(status: &Status) -> Option<String> {
    (!is_from_server(status) && !is_unsent(status)).then(|| {
        let cause = reason(status);
        format!("{cause} (the port is open, but does not speak gRPC without TLS); write grpcs:// if it has TLS")
    })
}

/// The cause of a failed connection with TLS and what to do, if TLS is the cause.
///
/// `refusal`: how the server has ended the connection after the handshake, if it has.
pub(super) fn explain(status: &Status, refusal: Option<Refusal>, tls: &Tls) -> Option<String> {
    if is_from_server(status) {
        return None;
    }
    if let Some(error) = causes(status).find_map(tls_error) {
        return Some(explain_error(error, tls));
    }
    if is_unsent(status) {
        let is_closed = causes(status).any(|cause| cause.to_string().contains("tls handshake eof"));
        let text = "the server closes the connection in the TLS handshake; write grpc:// if it has no TLS";
        return is_closed.then(|| text.into());
    }
    match refusal? {
        Refusal::Alert(alert) => Some(explain_alert(alert, tls)),
        Refusal::Silent => Some(explain_end("without a reason", tls)),
    }
}

fn explain_error(error: &rustls::Error, tls: &Tls) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => explain_certificate(error, tls),
        rustls::Error::AlertReceived(alert) => explain_alert(*alert, tls),
        rustls::Error::InvalidMessage(_) | rustls::Error::InappropriateMessage { .. } => {
            "the server does not speak TLS on this port; write grpc://, or the port with TLS".into()
        }
        rustls::Error::NoApplicationProtocol => {
            "the server has TLS, but no HTTP/2; write the port of gRPC (usually 8001)".into()
        }
        rustls::Error::PeerIncompatible(_) => format!("{error}; the server needs TLS 1.2 or 1.3"),
        _ => format!("the TLS handshake failed: {error}"),
    }
}

fn explain_certificate(error: &CertificateError, tls: &Tls) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            let cas = match &tls.ca_file {
                Some(path) => format!("in {}", path.display()),
                None => "among those of this system".into(),
            };
            format!("the CA of the server's certificate is not {cas}; name its file by tls-ca-file")
        }
        CertificateError::Expired => expired(None),
        CertificateError::ExpiredContext { time, not_after } => {
            expired(Some(time.as_secs().saturating_sub(not_after.as_secs())))
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet; compare the clocks of both machines".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => format!(
            "the server's certificate has another name: {error}; write a name that it has in the address, or set \
             tls-server-name to it (a certificate has its names as subjectAltName)"
        ),
        _ => {
            let text = error.to_string();
            if text.contains("CaUsedAsEndEntity") {
                "the server's certificate is that of a CA; give the server one that the CA has issued".into()
            } else if text.contains("UnsupportedCertVersion") {
                "the server's certificate has X.509 version 1; issue it as version 3, with a subjectAltName".into()
            } else {
                format!("the server's certificate cannot be used: {text}; renew it")
            }
        }
    }
}

/// `seconds` ago.
fn expired(seconds: Option<u64>) -> String {
    let since = seconds.map_or(String::new(), |seconds| format!(" {} h ago", seconds / 3600));
    format!("the server's certificate has expired{since}; renew it on the server, and check the clock of this machine")
}

fn explain_alert(alert: AlertDescription, tls: &Tls) -> String {
    match alert {
        AlertDescription::CertificateRequired => {
            "the server requires a certificate of the client; set tls-certificate-file and tls-key-file".into()
        }
        AlertDescription::UnrecognisedName => {
            "the server does not have this name; set tls-server-name to the name in its certificate".into()
        }
        _ => explain_end(&format!("{alert:?}"), tls),
    }
}

/// The server ends the connection for `reason`, which is about the client.
fn explain_end(reason: &str, tls: &Tls) -> String {
    let options = "tls-certificate-file and tls-key-file";
    match &tls.identity {
        Some(Identity { certificate_file, .. }) => format!(
            "the server refuses the client's certificate in {} ({reason}); set {options} to a valid one of a CA that the \
             server accepts",
            certificate_file.display()
        ),
        None => format!(
            "the server ends the connection after the handshake ({reason}); if it requires a certificate of the client, \
             set {options}"
        ),
    }
}

/// rustls' error, which an I/O error may contain.
fn tls_error<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let inner = || cause.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref();
    cause.downcast_ref().or_else(inner)
}
