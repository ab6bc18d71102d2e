//! A real Triton server by gRPC compared with the same Triton in process: descriptions, responses, statistics, errors.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::remote::{connect, endpoint, tracked, unreachable, wait_until};
use crate::common::{PATIENCE, infer, install_dir, open, pose_input, repository, send, vest_input};
use tempfile::{NamedTempFile, TempDir};
use triton::{
    DataType, Error, Input, LiveTransport, Model, Request, Server, ServerPool, Statistics, SystemSharedMemoryRegion,
    Transfer,
};

/// A tritonserver in its own session. Dropping it kills its process group.
pub struct TritonServer {
    child: Child,
    /// HTTP, gRPC, metrics.
    ports: [u16; 3],
    folder: TempDir,
}

impl TritonServer {
    /// Starts a server with the project's models, and connects to it once they are loaded.
    fn start() -> (Self, Arc<Server>) {
        Self::start_with(&[], |port| connect(&format!("grpc://127.0.0.1:{port}")))
    }

    /// As [`Self::start`], with options of `tritonserver`; `connect` is given the port.
    pub fn start_with(options: &[String], connect: impl Fn(u16) -> Result<Arc<Server>, Error>) -> (Self, Arc<Server>) {
        // Another program may take a free port before the server does.
        for _ in 0..5 {
            let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a loopback port"));
            let ports = listeners
                .each_ref()
                .map(|listener| listener.local_addr().expect("an address").port());
            drop(listeners);
            let mut server = Self::spawn(ports, options);
            if let Some(connected) = server.wait_until_ready(&connect) {
                return (server, connected);
            }
            let log = std::fs::read_to_string(server.folder.path().join("log"));
            eprintln!("the server ended while starting:\n{}", log.unwrap_or_default());
        }
        panic!("tritonserver does not start; its log is above");
    }

    /// Kills the server and starts another one at the same ports.
    fn restart(&mut self) {
        let ports = self.ports;
        self.kill();
        *self = Self::spawn(ports, &[]);
        let connect = |port| connect(&format!("grpc://127.0.0.1:{port}"));
        self.wait_until_ready(&connect).expect("the server starts again");
    }

    fn spawn(ports: [u16; 3], options: &[String]) -> Self {
        let [http, grpc, metrics] = ports;
        let folder = TempDir::new().expect("a temporary directory");
        let log = File::create(folder.path().join("log")).expect("a log file");
        let install_dir = install_dir().canonicalize().expect("an install directory");
        let mut command = Command::new(install_dir.join("bin/tritonserver"));
        command
            .arg(format!("--model-repository={}", repository().display()))
            .arg(format!(
                "--backend-directory={}",
                install_dir.join("backends").display()
            ))
            .arg(format!(
                "--backend-config=onnxruntime,library={}",
                install_dir.join("lib/libonnxruntime.so").display()
            ))
            .args(["http", "grpc", "metrics"].map(|name| format!("--{name}-address=127.0.0.1")))
            .args(
                [("http", http), ("grpc", grpc), ("metrics", metrics)]
                    .map(|(name, port)| format!("--{name}-port={port}")),
            )
            .args(["--model-control-mode=explicit", "--load-model=movenet_multipose"])
            .args(["--load-model=vest_resnet18", "--allow-gpu-metrics=false"])
            .args(options)
            .stdout(log.try_clone().expect("the log file"))
            .stderr(log);
        // SAFETY: both are system calls that may follow a fork; the server then dies with the thread that runs the
        // test.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
        let child = command.spawn().expect("tritonserver starts");
        Self { child, ports, folder }
    }

    /// Its gRPC port.
    pub fn grpc(&self) -> u16 {
        self.ports[1]
    }

    fn url(&self) -> String {
        format!("grpc://127.0.0.1:{}", self.grpc())
    }

    /// Connects, trying again while the server starts; `None` if it exits.
    fn wait_until_ready(&mut self, connect: &impl Fn(u16) -> Result<Arc<Server>, Error>) -> Option<Arc<Server>> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && self.child.try_wait().expect("a child of ours").is_none() {
            let server = connect(self.grpc()).expect("a client");
            match server.ready() {
                Ok(()) => return Some(server),
                Err(error) => assert!(!error.is_fatal(), "{error}"),
            }
            thread::sleep(Duration::from_millis(50));
        }
        None
    }
}

impl TritonServer {
    fn signal(&self, signal: i32) {
        let process = i32::try_from(self.child.id()).expect("a process id");
        // SAFETY: the process is our own child, which is not reaped yet.
        assert_eq!(unsafe { libc::kill(process, signal) }, 0);
    }

    fn kill(&mut self) {
        let group = i32::try_from(self.child.id()).expect("a process id");
        // SAFETY: the group is that of our own child, which is its leader and not reaped yet.
        unsafe { libc::kill(-group, libc::SIGKILL) };
        self.child.wait().expect("a child of ours");
    }
}

impl Drop for TritonServer {
    fn drop(&mut self) {
        self.kill();
    }
}

#[test]
fn grpc_and_in_process_transports_agree() {
    let (mut triton, remote) = TritonServer::start();
    let local = open(&repository());
    same_responses(&remote, &local, "movenet_multipose", pose_input);
    same_responses(&remote, &local, "vest_resnet18", vest_input);
    same_statistics(&remote, &local);
    same_errors(&remote, &local);
    shared_memory(&remote, &local);
    unknown_models_and_versions(&remote);
    hangs_and_goes_on(&triton, &remote);
    messages_and_shared_memory(&mut triton);
    // After the server is killed, requests fail with a temporary error.
    let model = remote.model("vest_resnet18", None).unwrap();
    drop(triton);
    let error = infer(&model, vest_input(&model)).unwrap_err();
    assert!(
        matches!(error, Error::Unreachable { .. }) && !error.is_fatal(),
        "{error:?}"
    );
}

/// Descriptions and responses are identical.
fn same_responses(remote: &Arc<Server>, local: &Arc<Server>, name: &str, input: fn(&Model) -> Input) {
    let (remote, local) = (remote.model(name, None).unwrap(), local.model(name, None).unwrap());
    assert_eq!(remote.description(), local.description());
    let responses = [&remote, &local].map(|model| infer(model, input(model)).unwrap());
    let [by_grpc, in_process] = responses.map(|response| response.outputs);
    assert_eq!(by_grpc.len(), in_process.len());
    for (by_grpc, in_process) in by_grpc.iter().zip(&in_process) {
        assert_eq!(by_grpc.name, in_process.name);
        assert_eq!(
            (by_grpc.datatype, &by_grpc.shape),
            (in_process.datatype, &in_process.shape)
        );
        assert!(!by_grpc.data.is_empty());
        assert!(by_grpc.data == in_process.data, "{name}: {} differs", by_grpc.name);
    }
}

/// A request with several batch entries has the same effect on the statistics.
fn same_statistics(remote: &Arc<Server>, local: &Arc<Server>) {
    let added = [remote, local].map(|server| {
        let model = server.model("vest_resnet18", None).unwrap();
        let before = counted(server);
        infer(&model, vest_input(&model)).unwrap();
        // Triton counts a request after responding to it
        let end = Instant::now() + PATIENCE;
        let mut after = counted(server);
        while after.success == before.success && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
            after = counted(server);
        }
        let (success, infer) = (after.success, after.compute_infer);
        assert!(success.time >= infer.time && !infer.time.is_zero(), "{after:?}");
        assert_eq!((success.count - before.success.count, after.fail.count), (1, 0));
        (
            after.inferences - before.inferences,
            after.executions - before.executions,
        )
    });
    assert_eq!(added[0], added[1]);
    let (inferences, executions) = added[0];
    assert!(inferences > 1 && executions == 1, "{added:?}");
    let error = remote.statistics("nope").unwrap_err();
    assert!(error.to_string().contains("nope") && error.is_fatal(), "{error}");
}

fn counted(server: &Server) -> Statistics {
    let mut entries = server.statistics("vest_resnet18").unwrap();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0)
}

/// Regions that the server can map, and others.
fn shared_memory(remote: &Arc<Server>, local: &Arc<Server>) {
    let memory = NamedTempFile::new_in("/dev/shm").unwrap();
    memory.as_file().set_len(4096).unwrap();
    let key = format!("/{}", memory.path().file_name().unwrap().to_str().unwrap());
    let region = SystemSharedMemoryRegion {
        name: "frames".into(),
        key,
        offset: 0,
        byte_size: 4096,
    };
    // The client has regions of its own.
    let registered = || {
        let mut regions = remote.shared_memory_regions().unwrap();
        regions.retain(|region| region.name == "frames");
        regions
    };
    remote.register_shared_memory(&region).unwrap();
    assert_eq!(registered(), std::slice::from_ref(&region));
    assert!(remote.register_shared_memory(&region).is_err());
    remote.unregister_shared_memory("frames").unwrap();
    assert!(registered().is_empty());
    let gone = SystemSharedMemoryRegion {
        key: "/no such memory".into(),
        ..region.clone()
    };
    let error = remote.register_shared_memory(&gone).unwrap_err().to_string();
    assert!(
        error.contains("'frames'") && error.contains("no such memory"),
        "{error}"
    );
    let error = local.register_shared_memory(&region).unwrap_err();
    assert!(
        matches!(error, Error::SharedMemory { .. }) && error.is_fatal(),
        "{error}"
    );
}

/// Responses by messages and by shared memory are identical, also after the server has been killed and started again.
fn messages_and_shared_memory(triton: &mut TritonServer) {
    let open = |transfer| {
        let server = ServerPool::default()
            .open(&endpoint(&triton.url()).with_transfer(transfer))
            .unwrap();
        server.model("movenet_multipose", None).unwrap()
    };
    let models = [open(Transfer::Wire), open(Transfer::SharedMemory)];
    let same = || {
        let [by_wire, shared] = models
            .each_ref()
            .map(|model| infer(model, pose_input(model)).unwrap().outputs);
        assert_eq!(by_wire.len(), shared.len());
        for (by_wire, shared) in by_wire.iter().zip(&shared) {
            assert_eq!(
                (&by_wire.name, by_wire.datatype, &by_wire.shape),
                (&shared.name, shared.datatype, &shared.shape)
            );
            assert!(by_wire.data == shared.data, "{} differs", by_wire.name);
        }
    };
    let in_shared_memory = || {
        let copied = models[1].server().bytes_copied();
        same();
        assert!(
            models[1].server().bytes_copied() - copied < 100_000,
            "only the small outputs are in messages"
        );
        let regions = models[1].server().shared_memory_regions().unwrap();
        assert!(!regions.is_empty());
        for region in regions {
            let path = format!("/dev/shm{}", region.key);
            assert!(
                !std::path::Path::new(&path).exists(),
                "{path} is removed once it is registered"
            );
        }
    };
    same();
    in_shared_memory();
    assert_eq!(
        models.each_ref().map(|model| model.server().live_transport()),
        [LiveTransport::Wire, LiveTransport::SharedMemory]
    );
    triton.restart();
    for model in &models {
        wait_until("the server is back", || model.server().available().is_ok());
    }
    same();
    in_shared_memory();
    let server = Arc::clone(models[1].server());
    drop(models);
    assert!(!server.shared_memory_regions().unwrap().is_empty());
    let others = connect(&triton.url()).unwrap();
    drop(server);
    assert!(
        others.shared_memory_regions().unwrap().is_empty(),
        "closing unregisters them"
    );
}

/// Codes and messages of errors are the same.
fn same_errors(remote: &Arc<Server>, local: &Arc<Server>) {
    let models = [remote, local].map(|server| server.model("vest_resnet18", None).unwrap());
    let spoils: [fn(&mut Input); 5] = [
        |input| input.shape[3] = 63,
        |input| input.datatype = DataType::Uint8,
        |input| input.name = "x".into(),
        |input| input.shape[0] = 1,
        |input| input.shape[0] = 17,
    ];
    for spoil in spoils {
        let [by_grpc, in_process] = models.each_ref().map(|model| {
            let mut input = vest_input(model);
            spoil(&mut input);
            infer(model, input).unwrap_err()
        });
        assert!(by_grpc.is_fatal(), "{by_grpc}");
        assert_eq!(by_grpc, in_process);
    }
}

/// A stopped process counts as away, and is used again once it goes on.
fn hangs_and_goes_on(triton: &TritonServer, remote: &Arc<Server>) {
    let model = remote.model("vest_resnet18", None).unwrap();
    triton.signal(libc::SIGSTOP);
    let (request, released) = tracked(Request {
        timeout: Some(Duration::from_millis(100)),
        ..Request::new(vec![vest_input(&model)])
    });
    let response = send(&model, request).recv_timeout(PATIENCE).unwrap();
    assert_eq!(response.unwrap_err(), Error::DeadlineExceeded);
    assert_eq!(released.recv_timeout(PATIENCE), Ok(()));
    let error = infer(&model, vest_input(&model)).unwrap_err();
    assert!(unreachable(&error, &triton.url()).contains("no response"), "{error}");
    triton.signal(libc::SIGCONT);
    wait_until("the server is back", || remote.available().is_ok());
    infer(&model, vest_input(&model)).unwrap();
}

fn unknown_models_and_versions(remote: &Arc<Server>) {
    let error = remote.model("nope", None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no model 'nope'; the server has movenet_multipose, vest_resnet18"
    );
    let error = remote.model("vest_resnet18", Some(7)).unwrap_err();
    assert!(
        matches!(&error, Error::VersionNotFound { available, .. } if *available == ["1"]),
        "{error:?}"
    );
}
