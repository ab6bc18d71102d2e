//! Connections over TCP, which write at once what several tasks have to say.
//!
//! HTTP/2 opens a stream in one turn of its task, and fills it in the next one. Without this, each request would take two system
//! calls, each of which also wakes the server.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::codegen::Service;
use tonic::codegen::http::Uri;

/// A connection whose first write after a flush waits until the tasks that can run have run.
pub(super) struct Coalesced<T> {
    stream: T,
    /// Whether they have.
    has_waited: bool,
}

impl<T> Coalesced<T> {
    pub(super) fn new(stream: T) -> Self {
        Self {
            stream,
            has_waited: false,
        }
    }

    fn poll_others(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_waited {
            return Poll::Ready(());
        }
        self.has_waited = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Coalesced<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Coalesced<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_others(cx));
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_others(cx));
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.has_waited = false;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// What makes connections over TCP, for channels with and without TLS.
pub(super) fn connector() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp
}

/// Connects without TLS.
#[derive(Clone)]
pub(super) struct PlainConnector(HttpConnector);

impl PlainConnector {
    /// `timeout`: the longest time to establish a connection.
    pub(super) fn new(timeout: Duration) -> Self {
        let mut tcp = connector();
        tcp.set_connect_timeout(Some(timeout));
        Self(tcp)
    }
}

impl Service<Uri> for PlainConnector {
    type Response = TokioIo<Coalesced<TcpStream>>;
    type Error = <HttpConnector as Service<Uri>>::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.call(uri);
        Box::pin(async move { Ok(TokioIo::new(Coalesced::new(connecting.await?.into_inner()))) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_first_write_after_a_flush_waits_for_a_turn() {
        let wakes = Arc::<Wakes>::default();
        let waker = Arc::clone(&wakes).into();
        let mut cx = Context::from_waker(&waker);
        let mut connection = Coalesced::new(Vec::new());
        for turn in 1..=3 {
            let mut write = || Pin::new(&mut connection).poll_write(&mut cx, b"frame");
            assert!(write().is_pending(), "others have not had their turn");
            assert_eq!(wakes.0.load(Ordering::Relaxed), turn, "it is woken after them");
            for _ in 0..2 {
                assert!(
                    matches!(write(), Poll::Ready(Ok(5))),
                    "a long message is written in one turn"
                );
            }
            assert!(Pin::new(&mut connection).poll_flush(&mut cx).is_ready());
        }
        assert_eq!(connection.stream, b"frame".repeat(6));
    }
}
