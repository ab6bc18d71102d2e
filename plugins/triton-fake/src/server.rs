//! The server's life cycle: started, stopped, and restarted on the same port.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio_stream::StreamExt;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Status};

use crate::access::{Access, Headers, Tls};
use crate::black_hole::BlackHole;
use crate::connection::Connection;
use crate::counts::{Counter, Counts};
use crate::hold::Hold;
use crate::inference::grpc_inference_service_server::GrpcInferenceServiceServer;
use crate::lock;
use crate::model::Model;
use crate::service::{Service, State};
use crate::socket::{bound, listening};

/// A server on a port of the loopback interface; stopped when dropped.
pub struct Server {
    address: SocketAddr,
    /// Never listens; it reserves the port while the server is stopped.
    _reserved: TcpSocket,
    state: Arc<State>,
    access: Arc<Access>,
    tls: Option<Tls>,
    running: Option<Running>,
    /// Dropped to thaw the thread.
    frozen: Mutex<Option<mpsc::Sender<()>>>,
    hole: Option<BlackHole>,
}

/// The thread that serves.
struct Running {
    handle: Handle,
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Starts a server with `models`; it is ready.
    ///
    /// # Errors
    /// If there is no free port or no thread.
    pub fn start(models: impl IntoIterator<Item = Model>) -> io::Result<Self> {
        Self::start_with(models, None)
    }

    /// Starts a server to which connections have TLS.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_tls(models: impl IntoIterator<Item = Model>, tls: Tls) -> io::Result<Self> {
        Self::start_with(models, Some(tls))
    }

    fn start_with(models: impl IntoIterator<Item = Model>, tls: Option<Tls>) -> io::Result<Self> {
        let reserved = bound((Ipv4Addr::LOCALHOST, 0).into())?;
        let mut server = Self {
            address: reserved.local_addr()?,
            _reserved: reserved,
            state: Arc::new(State::new(models)),
            access: Arc::default(),
            tls,
            running: None,
            frozen: Mutex::default(),
            hole: None,
        };
        server.restart()?;
        Ok(server)
    }

    /// The server's address for the client, `grpc://127.0.0.1:PORT`, with TLS `grpcs://127.0.0.1:PORT`. It does not
    /// change.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "grpcs" } else { "grpc" };
        format!("{scheme}://{}", self.address)
    }

    /// Sets the certificate from the next [`Self::restart`] on.
    pub fn set_tls(&mut self, tls: Tls) {
        self.tls = Some(tls);
    }

    /// Rejects calls as UNAUTHENTICATED that do not have this header.
    pub fn require_header(&self, name: &str, value: &str) {
        self.access.require(name, value);
    }

    /// The headers of the last call, accepted or not.
    pub fn last_headers(&self) -> Headers {
        self.access.last()
    }

    /// Closes all connections, drops all calls, and stops listening.
    pub fn stop(&mut self) {
        if let Some(Running { end, thread, .. }) = self.running.take() {
            drop(end);
            self.thaw();
            let _ = thread.join(); // a panic of the thread shows in the test's output
        }
    }

    /// Stops, and has all attempts to connect dropped until [`Self::restart`]: a host that is switched off.
    ///
    /// # Errors
    /// If the address is in use.
    pub fn become_black_hole(&mut self) -> io::Result<()> {
        self.stop();
        self.hole = Some(BlackHole::at(self.address)?);
        Ok(())
    }

    /// Serves again after [`Self::stop`], without the regions that were registered before.
    ///
    /// # Errors
    /// If there is no thread.
    pub fn restart(&mut self) -> io::Result<()> {
        self.stop();
        self.hole = None;
        lock(&self.state.regions).clear();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _reactor = runtime.enter();
            listening(self.address, 64)?
        };
        let (end, ended) = oneshot::channel();
        let handle = runtime.handle().clone();
        let (state, access, tls) = (Arc::clone(&self.state), Arc::clone(&self.access), self.tls.clone());
        let thread = thread::Builder::new().name("triton-fake".into()).spawn(move || {
            runtime.spawn(serve(listener, state, access, tls));
            let _dropped_sender = runtime.block_on(ended);
        })?;
        self.running = Some(Running { handle, end, thread });
        Ok(())
    }

    /// Freezes the server until [`Self::thaw`] or [`Self::stop`], as SIGSTOP does a process: the kernel goes on accepting
    /// connections, and nothing is answered. On return, the server is frozen.
    pub fn freeze(&self) {
        let Some(running) = &self.running else { return };
        let ((thaw, thawed), (begin, begun)) = (mpsc::channel::<()>(), mpsc::channel());
        running.handle.spawn(async move {
            drop(begin);
            let _dropped_sender = thawed.recv(); // blocks the thread
        });
        let _dropped_sender = begun.recv() as Result<(), _>;
        *lock(&self.frozen) = Some(thaw);
    }

    /// Goes on after [`Self::freeze`].
    pub fn thaw(&self) {
        lock(&self.frozen).take();
    }

    /// Sets the response to `ServerReady`, true by default.
    pub fn set_ready(&self, ready: bool) {
        self.state.faults().ready = ready;
    }

    /// Refuses inference requests and ServerReady as a Triton that is stopping, or accepts them again. Requests that are
    /// waiting for an answer go on.
    pub fn set_stopping(&self, stopping: bool) {
        self.state.faults().stopping = stopping;
    }

    /// Sets whether clients may use shared memory, true by default. `false` is the default of Triton 2.68 and later.
    pub fn allow_client_shared_memory(&self, allow: bool) {
        self.state.faults().refuses_shared_memory = !allow;
    }

    /// Holds the responses to ServerReady until [`Hold::release`]; other calls are answered.
    pub fn hold_ready(&self) -> Arc<Hold> {
        let hold = Arc::<Hold>::default();
        self.state.faults().ready_hold = Some(Arc::clone(&hold));
        hold
    }

    /// Holds the responses to all calls but inference until [`Self::release_calls`]: a server that accepts HTTP/2 and
    /// answers nothing, if its models do not answer, either.
    pub fn hold_calls(&self) {
        self.state.faults().hold = Some(Arc::default());
    }

    /// Responds to held and later calls.
    pub fn release_calls(&self) {
        if let Some(hold) = self.state.faults().hold.take() {
            hold.release();
        }
    }

    /// Answers calls for a model's metadata or configuration with an error, or without it again.
    pub fn fail_descriptions(&self, failure: Option<(Code, &str)>) {
        self.state.faults().undescribed = failure.map(|(code, message)| Status::new(code, message));
    }

    /// Loads a model, or replaces the one of its name: a version that the new one does not have is unloaded.
    pub fn load(&self, model: Model) {
        self.state.load(model);
    }

    /// Unloads a model.
    pub fn unload(&self, model: &str) {
        self.state.unload(model);
    }

    /// The names of the registered regions of shared memory, sorted.
    pub fn shared_memory_regions(&self) -> Vec<String> {
        let mut names: Vec<_> = lock(&self.state.regions).status("").into_keys().collect();
        names.sort();
        names
    }

    /// Gives the server a GPU: `open` returns the bytes of the memory that a handle is of.
    pub fn open_cuda_handles(&self, open: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static) {
        lock(&self.state.regions).open_handle = Some(Box::new(open));
    }

    /// The names of the registered regions of CUDA memory, and their devices.
    pub fn cuda_regions(&self) -> Vec<(String, i64)> {
        lock(&self.state.regions).cuda()
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.state.counter.get()
    }

    /// Waits until the counts meet `condition`, at most `limit`, and returns whether they do.
    pub fn wait(&self, limit: Duration, condition: impl Fn(&Counts) -> bool) -> bool {
        self.state.counter.wait(limit, condition)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn serve(listener: TcpListener, state: Arc<State>, access: Arc<Access>, tls: Option<Tls>) {
    let counter: Arc<Counter> = Arc::clone(&state.counter);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let connections = incoming.map(move |stream| stream.map(|stream| Connection::accepted(stream, &counter)));
    let service = GrpcInferenceServiceServer::new(Service(state))
        .max_decoding_message_size(usize::MAX)
        .max_encoding_message_size(usize::MAX);
    let service = InterceptedService::new(service, move |request| access.check(request));
    let builder = tonic::transport::Server::builder();
    let builder = match tls {
        Some(tls) => builder.tls_config(tls.config()),
        None => Ok(builder),
    };
    let served = async { builder?.serve_with_incoming(service, connections).await };
    if let Err(error) = served.await {
        eprintln!("triton-fake: stopped serving: {error}"); // its clients then fail, and the test with them
    }
}
