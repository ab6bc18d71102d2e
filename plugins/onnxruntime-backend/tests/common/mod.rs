//! A real Triton of the test's own, with this build's backend, spoken to by KServe v2 over HTTP.
#![allow(dead_code, reason = "each test file uses its part")]

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

/// The Triton home of `scripts/setup`: `bin/tritonserver` and `lib/libonnxruntime.so`.
pub fn triton_home() -> PathBuf {
    let home = std::env::var_os("SHOPFLOOR_TRITON").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.triton"),
        PathBuf::from,
    );
    for file in ["bin/tritonserver", "lib/libonnxruntime.so"] {
        assert!(
            home.join(file).exists(),
            "no {file} in {}: these tests need the real Triton; run scripts/test, which installs it, or let \
             SHOPFLOOR_TRITON name its folder",
            home.display()
        );
    }
    home.canonicalize().expect("the folder was just seen")
}

/// The backend as cargo built it for this test.
fn backend_library() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let library = test.with_file_name("libtriton_onnxruntime.so");
    assert!(library.exists(), "cargo left no {}", library.display());
    library
}

/// A model repository and the backend folder, deleted at the end.
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

    /// Writes a model with its `config.pbtxt`, to which the backend's name is added.
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

    /// Writes an ensemble.
    pub fn add_ensemble(&self, name: &str, config: &str) {
        let folder = self.0.path().join("models").join(name);
        fs::create_dir_all(folder.join("1")).expect("version folder");
        fs::write(folder.join("config.pbtxt"), format!("platform: \"ensemble\"\n{config}")).expect("config");
    }

    /// A path in the folder that holds `models` and `backends`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// A running tritonserver in a session of its own; dropped, its whole process group is killed.
pub struct Server {
    child: Child,
    http: u16,
    agent: ureq::Agent,
    repository: Arc<Repository>,
}

impl Server {
    /// Starts a server on `repository`; no model is loaded yet.
    pub fn start(repository: Repository) -> Self {
        let library = triton_home().join("lib/libonnxruntime.so");
        Self::start_with(
            repository,
            &[format!("--backend-config=onnxruntime,library={}", library.display())],
        )
    }

    /// Starts a server with `extra` arguments and without the library of the tests.
    pub fn start_with(repository: Repository, extra: &[String]) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .new_agent();
        let repository = Arc::new(repository);
        // A free port may be taken by somebody else before the server has it.
        for _ in 0..5 {
            let ports = free_ports();
            let child = spawn(&repository, ports, extra);
            let mut server = Self {
                child,
                http: ports[0],
                agent: agent.clone(),
                repository: repository.clone(),
            };
            if server.comes_up() {
                return server;
            }
            eprintln!("the server ended while starting:\n{}", server.log());
        }
        panic!("tritonserver does not start; its log is above");
    }

    /// Loads a model.
    ///
    /// # Errors
    /// The server's words.
    pub fn load(&self, model: &str) -> Result<(), String> {
        self.post(&format!("repository/models/{model}/load"), &[], b"{}")
            .map(drop)
    }

    /// Unloads a model and waits until it is gone.
    pub fn unload(&self, model: &str) {
        self.post(&format!("repository/models/{model}/unload"), &[], b"{}")
            .expect("unload");
        let gone = || {
            let index = self.post("repository/index", &[], b"{}").expect("index").0;
            let index: Value = serde_json::from_slice(&index).expect("the index is JSON");
            let entry = index
                .as_array()
                .into_iter()
                .flatten()
                .find(|entry| entry["name"] == model);
            entry.is_none_or(|entry| entry["reason"] == "unloaded")
        };
        assert!(eventually(gone), "{model} is not unloaded:\n{}", self.log());
    }

    /// Asks for one inference, tensors as binary data.
    ///
    /// # Errors
    /// The server's words.
    pub fn infer(&self, model: &str, inputs: &[Tensor], outputs: &[&str]) -> Result<Vec<Tensor>, String> {
        let (body, header) = wire::request(inputs, outputs);
        let headers = [("Inference-Header-Content-Length", header.as_str())];
        let (answer, json_length) = self.post(&format!("models/{model}/infer"), &headers, &body)?;
        Ok(wire::tensors(&answer, json_length))
    }

    /// One request per input, all at the same time, first outputs in the order of the inputs.
    pub fn infer_at_once(&self, model: &str, inputs: &[Tensor]) -> Vec<Result<Tensor, String>> {
        let ask = |input: &Tensor| {
            let mut outputs = self.infer(model, std::slice::from_ref(input), &[])?;
            Ok(outputs.swap_remove(0))
        };
        thread::scope(|scope| {
            let asked: Vec<_> = inputs.iter().map(|input| scope.spawn(move || ask(input))).collect();
            asked.into_iter().map(|asked| asked.join().expect("no panic")).collect()
        })
    }

    /// The statistics of a model once it has run `rows` rows: they come after the answers.
    pub fn statistics(&self, model: &str, rows: u64) -> Value {
        let mut statistics = Value::Null;
        let complete = eventually(|| {
            statistics = self.get(&format!("models/{model}/stats"))["model_stats"][0].take();
            let batches = statistics["batch_stats"].as_array().into_iter().flatten();
            let run: u64 = batches
                .filter_map(|batch| Some(batch["batch_size"].as_u64()? * batch["compute_infer"]["count"].as_u64()?))
                .sum();
            run == rows && statistics["inference_count"] == rows
        });
        assert!(complete, "{model} has not run {rows} rows: {statistics}");
        statistics
    }

    /// The configuration of a loaded model.
    pub fn config(&self, model: &str) -> Value {
        self.get(&format!("models/{model}/config"))
    }

    /// What the server has written so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.repository.path("log")).unwrap_or_default()
    }

    /// The memory that the server occupies, in MiB.
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

    fn comes_up(&mut self) -> bool {
        let url = self.url("health/ready");
        let mut ended = false;
        let up = eventually(|| {
            ended = self.child.try_wait().expect("a child of ours").is_some();
            ended || self.agent.get(&url).call().is_ok_and(|answer| answer.status() == 200)
        });
        up && !ended
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/v2/{path}", self.http)
    }

    fn get(&self, path: &str) -> Value {
        let mut answer = self.agent.get(self.url(path)).call().expect("an answer");
        serde_json::from_reader(answer.body_mut().as_reader()).expect("JSON")
    }

    /// The body of the answer, and how much of it is JSON.
    fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<(Vec<u8>, usize), String> {
        let mut request = self.agent.post(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = request.send(body).map_err(|error| error.to_string())?;
        let length = answer.headers().get("Inference-Header-Content-Length");
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        let body = answer
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_to_vec()
            .map_err(|error| error.to_string())?;
        if answer.status() == 200 {
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
        // SAFETY: the group is that of our own child, which is its leader and not reaped yet.
        unsafe { libc::kill(-group, libc::SIGKILL) };
        self.child.wait().expect("a child of ours");
    }
}

/// Asks until the answer is yes, for at most a minute.
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

/// Every address is the loopback's: Triton listens on all interfaces by default.
fn spawn(repository: &Repository, [http, grpc, metrics]: [u16; 3], extra: &[String]) -> Child {
    let log = fs::File::create(repository.path("log")).expect("a log file");
    let mut command = Command::new(triton_home().join("bin/tritonserver"));
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
    // SAFETY: both are system calls that may follow a fork; the server then dies with the thread that runs the test.
    unsafe {
        command.pre_exec(|| {
            libc::setsid();
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
    command.spawn().expect("tritonserver starts")
}
