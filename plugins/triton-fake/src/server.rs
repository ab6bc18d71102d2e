//! A server's life: started, stopped, and started again where it was.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio_stream::StreamExt;
use tonic::transport::server::TcpIncoming;

use crate::connection::Connection;
use crate::counts::{Counter, Counts};
use crate::inference::grpc_inference_service_server::GrpcInferenceServiceServer;
use crate::model::Model;
use crate::service::{Service, State};

/// A server on a port of the loopback's; it ends when dropped.
pub struct Server {
    address: SocketAddr,
    /// Never listens: it keeps others from the port while the server is stopped.
    _reserved: TcpSocket,
    state: Arc<State>,
    running: Option<Running>,
}

/// A thread that serves.
struct Running {
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Starts a server that has `models`; it is ready.
    ///
    /// # Errors
    /// When there is no port or no thread.
    pub fn start(models: impl IntoIterator<Item = Model>) -> io::Result<Self> {
        let reserved = bound((Ipv4Addr::LOCALHOST, 0).into())?;
        let mut server = Self {
            address: reserved.local_addr()?,
            _reserved: reserved,
            state: Arc::new(State::new(models)),
            running: None,
        };
        server.restart()?;
        Ok(server)
    }

    /// Where it listens, as the client wants it: `grpc://127.0.0.1:PORT`. The same for its whole life.
    pub fn url(&self) -> String {
        format!("grpc://{}", self.address)
    }

    /// Breaks all connections, drops all calls, and accepts nobody any more.
    pub fn stop(&mut self) {
        if let Some(Running { end, thread }) = self.running.take() {
            drop(end);
            let _ = thread.join(); // its panic has failed the test
        }
    }

    /// Serves again after [`Self::stop`].
    ///
    /// # Errors
    /// When there is no thread.
    pub fn restart(&mut self) -> io::Result<()> {
        self.stop();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _reactor = runtime.enter();
            bound(self.address)?.listen(64)?
        };
        let (end, ended) = oneshot::channel();
        let state = Arc::clone(&self.state);
        let thread = thread::Builder::new().name("triton-fake".into()).spawn(move || {
            runtime.spawn(serve(listener, state));
            let _dropped_sender = runtime.block_on(ended);
        })?;
        self.running = Some(Running { end, thread });
        Ok(())
    }

    /// Whether it says that it is ready.
    pub fn set_ready(&self, ready: bool) {
        self.state.ready.store(ready, Ordering::Relaxed);
    }

    /// What has happened so far.
    pub fn counts(&self) -> Counts {
        self.state.counter.get()
    }

    /// Waits until the counts are `as_wanted`, at most `limit`; whether they are.
    pub fn wait(&self, limit: Duration, as_wanted: impl Fn(&Counts) -> bool) -> bool {
        self.state.counter.wait(limit, as_wanted)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A socket at the address, which others at the same address do not hinder as long as they do not listen.
fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let counter: Arc<Counter> = Arc::clone(&state.counter);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let connections = incoming.map(move |stream| stream.map(|stream| Connection::accepted(stream, &counter)));
    let service = GrpcInferenceServiceServer::new(Service(state))
        .max_decoding_message_size(usize::MAX)
        .max_encoding_message_size(usize::MAX);
    let served = tonic::transport::Server::builder().serve_with_incoming(service, connections);
    if let Err(error) = served.await {
        eprintln!("triton-fake ends: {error}"); // its clients fail, and so does the test
    }
}
