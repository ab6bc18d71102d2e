//! Access to the servers of an endpoint: TLS and headers, shared by all its channels, and what a refusal means.

use std::collections::HashMap;
use std::sync::Arc;

use tonic::Status;

use super::connector::{Connector, Peer};
use super::handshake::{explain, explain_plain};
use super::headers::{AddHeaders, Headers};
use super::status::{Cause, Failure, Finding, reason};
use super::tls::ClientTls;
use crate::{Address, Error, Grpc};

/// What the channels of an endpoint share.
pub(super) struct Access {
    tls: Option<(Arc<ClientTls>, HashMap<Address, Peer>)>,
    headers: Arc<Headers>,
}

impl Access {
    /// Reads the files. Takes as long as their file system takes.
    ///
    /// # Errors
    /// [`Error::InvalidSecurity`] or [`Error::SecurityFile`].
    pub(super) fn read(endpoint: &Grpc) -> Result<Self, Error> {
        let tls = match &endpoint.security.tls {
            None => None,
            Some(options) => {
                let tls = Arc::new(ClientTls::read(options)?);
                let peer = |address: &Address| Ok((address.clone(), Peer::new(address, &tls)?));
                let peers = endpoint.addresses.iter().map(peer).collect::<Result<_, Error>>()?;
                Some((tls, peers))
            }
        };
        Ok(Self {
            tls,
            headers: Headers::read(&endpoint.security)?,
        })
    }

    /// The server that a channel to `address` has to reach, if connections have TLS.
    pub(super) fn peer(&self, address: &Address) -> Option<Peer> {
        let (_, peers) = self.tls.as_ref()?;
        peers.get(address).map(Peer::of_new_channel)
    }

    /// What connects to `peer`, if connections have TLS.
    pub(super) fn connector(&self, peer: Peer) -> Option<Connector> {
        let (tls, _) = self.tls.as_ref()?;
        Some(Connector::new(Arc::clone(tls), peer))
    }

    /// Adds the headers to each call.
    pub(super) fn interceptor(&self) -> AddHeaders {
        AddHeaders(Arc::clone(&self.headers))
    }

    /// What a failed call says about its server, and the failure to report, without secrets.
    ///
    /// `peer`: that of the call's channel. `is_first`: the address has not responded to a call yet, so that it may be one
    /// with TLS.
    pub(super) fn interpret(&self, peer: Option<&Peer>, status: Status, is_first: bool) -> (Finding, Failure) {
        let finding = Finding::of(&status);
        if let Some(text) = self.refusal(peer, &status) {
            let finding = match finding {
                Finding::Denied => Finding::Denied,
                _ => Finding::Unsent,
            };
            return (
                finding,
                Failure::Unreachable(Cause::refusal(self.headers.redact(&text))),
            );
        }
        let plain = explain_plain(&status).filter(|_| is_first && self.tls.is_none());
        let failure = match Failure::from(status) {
            failure @ (Failure::DeadlineExceeded | Failure::SharedMemory(_)) => failure,
            Failure::Unreachable(cause) => {
                let text = plain.unwrap_or(cause.text);
                Failure::Unreachable(Cause::temporary(self.headers.redact(&text)))
            }
            Failure::Status { code, message } => Failure::Status {
                code,
                message: self.headers.redact(&message),
            },
        };
        (finding, failure)
    }

    /// What is wrong with certificates or credentials, and what to do, if that is why a call failed.
    fn refusal(&self, peer: Option<&Peer>, status: &Status) -> Option<String> {
        if Finding::of(status) == Finding::Denied {
            let (code, message, remedy) = (status.code(), reason(status), self.headers.remedy());
            return Some(format!("the server refuses access ({code:?}: {message}); {remedy}"));
        }
        let (tls, _) = self.tls.as_ref()?;
        let text = explain(status, peer?.refusal(), tls.options())?;
        Some(match tls.problem() {
            Some(problem) => format!("{text} (the files of before are used: {problem})"),
            None => text,
        })
    }
}
