//! A `tritonserver` for a test, with the backend of this build, and its requests by KServe v2 over HTTP.

pub mod onnx;
pub mod wire;

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use wire::Tensor;

/// Triton's install directory with `bin/tritonserver` and `lib/libonnxruntime.so`, as `scripts/setup` creates it.
pub fn install_dir() -> PathBuf {
    let folder = std::env::var_os("SHOPFLOOR_TRITON").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.triton"),
        PathBuf::from,
    );
    for file in ["bin/tritonserver", "lib/libonnxruntime.so"] {
        assert!(
            folder.join(file).exists(),
            "no {file} in {}: these tests need Triton; run scripts/setup, or set SHOPFLOOR_TRITON to its install directory",
            folder.display()
        );
    }
    folder.canonicalize().expect("an existing folder")
}

/// The backend's library that cargo built with this test.
fn backend_library() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let library = test.with_file_name("libtriton_onnxruntime.so");
    assert!(library.exists(), "cargo did not build {}", library.display());
    library
}

/// A model repository and a backend folder, deleted when dropped.
pub struct Repository(TempDir);

impl Repository {
    pub fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let backend = folder.path().join("backends/onnxruntime");
        fs::create_dir_all(&backend).expect("backend folder");
        fs::create_dir_all(folder.path().join("models")).expect("model folder");
        std::os::unix::fs::symlink(backend_library(), backend.join("libtriton_onnxruntime.so")).expect("a link");
        Self(folder)
    }

    /// Adds a model; the backend's name is added to `config`.
    pub fn add(&self, name: &str, config: &str, model: &[u8]) {
        let folder = self.0.path().join("models").join(name);
        fs::create_dir_all(folder.join("1")).expect("version folder");
        fs::write(
            folder.join("config.pbtxt"),
            format!("backend: \"onnxruntime\"\n{config}"),
        )
        .expect("config");
        fs::write(folder.join("1/model.onnx"), model).expect("model");
    }

    /// Adds a model of the project's repository, with its own configuration.
    pub fn add_shipped(&self, name: &str) {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../model_repository")
            .join(name);
        let shipped = shipped.canonicalize().expect("a model of the project");
        std::os::unix::fs::symlink(shipped, self.0.path().join("models").join(name)).expect("a link");
    }

    /// Adds an ensemble.
    pub fn add_ensemble(&self, name: &str, config: &str) {
        let folder = self.0.path().join("models").join(name);
        fs::create_dir_all(folder.join("1")).expect("version folder");
        fs::write(folder.join("config.pbtxt"), format!("platform: \"ensemble\"\n{config}")).expect("config");
    }

    /// A path in the folder that contains `models` and `backends`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// A running `tritonserver` in a session of its own; its process group is killed when dropped.
pub struct Server {
    child: Child,
    http: u16,
    agent: ureq::Agent,
    repository: Arc<Repository>,
}

impl Server {
    /// Starts a server without loaded models.
    pub fn start(repository: Repository) -> Self {
        let library = install_dir().join("lib/libonnxruntime.so");
        Self::start_with(
            repository,
            &[format!("--backend-config=onnxruntime,library={}", library.display())],
        )
    }

    /// Starts a server with `extra` arguments; the backend's `library` is not set.
    pub fn start_with(repository: Repository, extra: &[String]) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .new_agent();
        let repository = Arc::new(repository);
        // Another process may take a free port before the server does.
        for _ in 0..5 {
            let ports = free_ports();
            let child = spawn(&repository, ports, extra);
            let mut server = Self {
                child,
                http: ports[0],
                agent: agent.clone(),
                repository: repository.clone(),
            };
            if server.becomes_ready() {
                return server;
            }
            eprintln!("the server exited while starting:\n{}", server.log());
        }
        panic!("tritonserver did not start; its log is above");
    }

    /// Loads a model.
    ///
    /// # Errors
    /// The server's message.
    pub fn load(&self, model: &str) -> Result<(), String> {
        self.post(&format!("repository/models/{model}/load"), &[], b"{}")
            .map(drop)
    }

    /// Unloads a model and waits until it is unloaded.
    pub fn unload(&self, model: &str) {
        self.post(&format!("repository/models/{model}/unload"), &[], b"{}")
            .expect("unload");
        let unloaded = || {
            // Triton may close a kept connection as the request is sent; a server that has ended never responds.
            let Ok((index, _)) = self.post("repository/index", &[], b"{}") else {
                return false;
            };
            let index: Value = serde_json::from_slice(&index).expect("the index is JSON");
            let entry = index
                .as_array()
                .into_iter()
                .flatten()
                .find(|entry| entry["name"] == model);
            entry.is_none_or(|entry| entry["reason"] == "unloaded")
        };
        assert!(eventually(unloaded), "{model} is not unloaded:\n{}", self.log());
    }

    /// Runs one inference, with tensors as binary data.
    ///
    /// # Errors
    /// The server's message.
    pub fn infer(&self, model: &str, inputs: &[Tensor], outputs: &[&str]) -> Result<Vec<Tensor>, String> {
        self.infer_within(model, inputs, outputs, 0)
    }

    /// As [`Self::infer`], with a timeout in microseconds for the request in the server's queue; 0 for none.
    pub fn infer_within(
        &self,
        model: &str,
        inputs: &[Tensor],
        outputs: &[&str],
        timeout: u64,
    ) -> Result<Vec<Tensor>, String> {
        let (body, header) = wire::request(inputs, outputs, timeout);
        let headers = [("Inference-Header-Content-Length", header.as_str())];
        let (response, json_length) = self.post(&format!("models/{model}/infer"), &headers, &body)?;
        Ok(wire::tensors(&response, json_length))
    }

    /// Runs one inference per input, all at the same time, and returns the first output of each, in the order of inputs.
    pub fn infer_at_once(&self, model: &str, inputs: &[Tensor]) -> Vec<Result<Tensor, String>> {
        let infer = |input: &Tensor| {
            let mut outputs = self.infer(model, std::slice::from_ref(input), &[])?;
            Ok(outputs.swap_remove(0))
        };
        thread::scope(|scope| {
            let threads: Vec<_> = inputs.iter().map(|input| scope.spawn(move || infer(input))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("no panic"))
                .collect()
        })
    }

    /// The statistics of a model, once they count `inferences`; Triton updates them after it sends the responses.
    pub fn statistics(&self, model: &str, inferences: u64) -> Value {
        let mut statistics = Value::Null;
        let complete = eventually(|| {
            statistics = self.all_statistics(model);
            let batches = statistics["batch_stats"].as_array().into_iter().flatten();
            let run: u64 = batches
                .filter_map(|batch| Some(batch["batch_size"].as_u64()? * batch["compute_infer"]["count"].as_u64()?))
                .sum();
            run == inferences && statistics["inference_count"] == inferences
        });
        assert!(complete, "{model} did not run {inferences} inferences: {statistics}");
        statistics
    }

    /// The statistics of a model so far.
    pub fn all_statistics(&self, model: &str) -> Value {
        self.get(&format!("models/{model}/stats"))["model_stats"][0].take()
    }

    /// The configuration of a loaded model.
    pub fn config(&self, model: &str) -> Value {
        self.get(&format!("models/{model}/config"))
    }

    /// The server's log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.repository.path("log")).unwrap_or_default()
    }

    /// The resident memory of the server in MiB.
    pub fn resident_mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a running server");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
        line.split_whitespace()
            .nth(1)
            .expect("a number")
            .parse::<u64>()
            .expect("kB")
            / 1024
    }

    fn becomes_ready(&mut self) -> bool {
        let url = self.url("health/ready");
        let mut exited = false;
        let ready = eventually(|| {
            exited = self.child.try_wait().expect("our child process").is_some();
            exited
                || self
                    .agent
                    .get(&url)
                    .call()
                    .is_ok_and(|response| response.status() == 200)
        });
        ready && !exited
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/v2/{path}", self.http)
    }

    fn get(&self, path: &str) -> Value {
        let mut response = self.agent.get(self.url(path)).call().expect("a response");
        serde_json::from_reader(response.body_mut().as_reader()).expect("JSON")
    }

    /// The body of the response, and the length of its JSON.
    fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<(Vec<u8>, usize), String> {
        let mut request = self.agent.post(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = request.send(body).map_err(|error| error.to_string())?;
        let length = response.headers().get("Inference-Header-Content-Length");
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        let body = response
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_to_vec()
            .map_err(|error| error.to_string())?;
        if response.status() == 200 {
            let length = length.unwrap_or(body.len());
            return Ok((body, length));
        }
        let error: Value = serde_json::from_slice(&body).unwrap_or_default();
        Err(error["error"].as_str().unwrap_or("no error text").to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = i32::try_from(self.child.id()).expect("a process id");
        // SAFETY: the process group of our child, which is its leader and has not been waited for.
        unsafe { libc::kill(-group, libc::SIGKILL) };
        self.child.wait().expect("our child process");
    }
}

/// Waits until `condition` holds, for at most a minute, and returns whether it does.
pub fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(60);
    while Instant::now() < end {
        if condition() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a loopback port"));
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}

/// Starts the process. All addresses are loopback addresses, since Triton listens on all interfaces by default.
fn spawn(repository: &Repository, [http, grpc, metrics]: [u16; 3], extra: &[String]) -> Child {
    let log = fs::File::create(repository.path("log")).expect("a log file");
    let mut command = Command::new(install_dir().join("bin/tritonserver"));
    command
        .arg(format!("--model-repository={}", repository.path("models").display()))
        .arg(format!("--backend-directory={}", repository.path("backends").display()))
        .args([
            "--http-address=127.0.0.1",
            "--grpc-address=127.0.0.1",
            "--metrics-address=127.0.0.1",
        ])
        .args([
            format!("--http-port={http}"),
            format!("--grpc-port={grpc}"),
            format!("--metrics-port={metrics}"),
        ])
        .args(["--model-control-mode=explicit", "--allow-gpu-metrics=false"])
        .args(extra)
        .stdout(log.try_clone().expect("the log file"))
        .stderr(log);
    // SAFETY: both system calls are allowed after a fork. The server is killed when the thread of the test exits.
    unsafe {
        command.pre_exec(|| {
            libc::setsid();
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
    command.spawn().expect("tritonserver starts")
}
