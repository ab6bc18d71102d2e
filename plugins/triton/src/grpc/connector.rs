//! Encrypted connections. Not tonic's own, because of two things that those do not have: renewed certificates are used by
//! the next connection, and it is kept how a server has ended a connection, for the error.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, AlertDescription};
use tonic::codegen::http::Uri;
use tonic::codegen::{Service, StdError};

use super::tcp::{self, Coalesced};
use super::tls::{ClientTls, HTTP2};
use crate::endpoint::SERVER_NAME;
use crate::{Address, Error, lock};

/// The server at the other end of a channel: its name, and how it has ended the channel's last connection.
#[derive(Clone)]
pub(super) struct Peer {
    name: ServerName<'static>,
    refusal: Arc<Mutex<Option<Refusal>>>,
}

/// How a server ends a connection that it does not accept after the handshake, where TLS 1.3 has the client's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// By an alert.
    Alert(AlertDescription),
    /// Without a word. Triton's does so.
    Silent,
}

impl Peer {
    /// # Errors
    /// [`Error::InvalidSecurity`] if no certificate can have the name of the host.
    pub(super) fn new(address: &Address, tls: &ClientTls) -> Result<Self, Error> {
        let name = tls
            .options()
            .server_name
            .clone()
            .unwrap_or_else(|| address.host.clone());
        let name = ServerName::try_from(name).map_err(|error| Error::InvalidSecurity {
            option: SERVER_NAME,
            reason: format!("no certificate can have the name '{}': {error}", address.host),
            remedy: "set it to the name in the server's certificate".into(),
        })?;
        Ok(Self {
            name,
            refusal: Arc::default(),
        })
    }

    /// The same server, of another channel.
    pub(super) fn of_new_channel(&self) -> Self {
        Self {
            name: self.name.clone(),
            refusal: Arc::default(),
        }
    }

    /// How the server has ended the last connection, if it has sent nothing on it, and on none since.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        *lock(&self.refusal)
    }
}

/// Connects to one address.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector,
    tls: Arc<ClientTls>,
    peer: Peer,
}

impl Connector {
    pub(super) fn new(tls: Arc<ClientTls>, peer: Peer) -> Self {
        Self {
            tcp: tcp::connector(),
            tls,
            peer,
        }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Coalesced<Connection>>;
    type Error = StdError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, StdError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.tcp.call(uri);
        let (tls, peer) = (Arc::clone(&self.tls), self.peer.clone());
        Box::pin(async move {
            let tcp = connecting.await?.into_inner();
            let config = tokio::task::spawn_blocking(move || tls.renewed()).await?;
            let stream = TlsConnector::from(config).connect(peer.name.clone(), tcp).await?;
            if stream.get_ref().1.alpn_protocol() != Some(HTTP2) {
                return Err(rustls::Error::NoApplicationProtocol.into());
            }
            Ok(TokioIo::new(Coalesced::new(Connection {
                stream,
                is_undecided: true,
                refusal: peer.refusal,
            })))
        })
    }
}

/// A connection that keeps how the server ends it: HTTP/2 loses that between the connection and its requests.
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    /// Whether the server has neither sent anything, and so accepted the connection, nor ended it.
    is_undecided: bool,
    refusal: Arc<Mutex<Option<Refusal>>>,
}

impl Connection {
    /// The server has sent something.
    fn accepted(&mut self) {
        if self.is_undecided {
            self.is_undecided = false;
            *lock(&self.refusal) = None;
        }
    }

    /// Keeps the end of the connection. `error`: that of reading, or `None` at its end.
    fn ended(&mut self, error: Option<&io::Error>) {
        let tls_error = error.and_then(|error| error.get_ref()?.downcast_ref());
        let refusal = match tls_error {
            Some(rustls::Error::AlertReceived(alert)) => Refusal::Alert(*alert),
            _ => Refusal::Silent,
        };
        if self.is_undecided {
            self.is_undecided = false;
            *lock(&self.refusal) = Some(refusal);
        }
    }

    /// The result of writing. If the server has ended the connection, its alert is read before that is reported; after a
    /// failed write the socket soon reads to its end, so that this does not wait for the server.
    fn written<T>(&mut self, cx: &mut Context<'_>, result: io::Result<T>) -> Poll<io::Result<T>> {
        if result.is_err() {
            ready!(self.poll_rest(cx));
        }
        Poll::Ready(result)
    }

    /// Reads to the end.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut space = [0; 1024];
        loop {
            let mut rest = ReadBuf::new(&mut space);
            let read = ready!(Pin::new(&mut *self).poll_read(cx, &mut rest));
            if read.is_err() || rest.filled().is_empty() {
                return Poll::Ready(());
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        match &read {
            Ok(()) if buf.filled().len() > before => self.accepted(),
            Ok(()) => self.ended(None),
            Err(error) => self.ended(Some(error)),
        }
        Poll::Ready(read.map_err(|error| match error.kind() {
            // rustls' text is about truncation attacks, which HTTP/2 detects itself.
            io::ErrorKind::UnexpectedEof => io::Error::new(error.kind(), "connection closed by the server"),
            _ => error,
        }))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf));
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs));
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        self.written(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
