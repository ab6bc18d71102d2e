//! Servers beside the measured process: a `tritonserver`, and a scripted one that takes its time.
//!
//! Each is killed when its handle is dropped, and by the kernel when this process ends.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use crate::child::Tethered;

/// The longest that a server may take to become ready or to load a model.
const PATIENCE: Duration = Duration::from_secs(120);
/// The interval between two questions whether it is ready: small, since recovery is measured from the answer.
const STEP: Duration = Duration::from_millis(10);

/// Which models a server loads when it starts.
#[derive(Clone, Copy, Debug)]
pub enum Load<'a> {
    /// These.
    Models(&'a [&'a str]),
    /// None; they are loaded by [`TritonServer::load`].
    Later,
}

/// Where a server and its models are, and its ports, which stay the same over restarts.
#[derive(Clone, Debug)]
pub struct Place {
    triton: PathBuf,
    repository: PathBuf,
    grpc: u16,
    http: u16,
    log: PathBuf,
}

impl Place {
    /// A place with free ports; the log is written into `folder`.
    pub fn find(triton: &Path, repository: &Path, folder: &Path) -> Result<Self> {
        let listeners = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let [grpc, http] = listeners;
        let (grpc, http) = (grpc?, http?);
        Ok(Self {
            triton: triton.canonicalize()?,
            repository: repository.to_owned(),
            grpc: grpc.local_addr()?.port(),
            http: http.local_addr()?.port(),
            log: folder.join("tritonserver.log"),
        })
    }

    /// The value of `tritoninfer`'s property `server`.
    pub fn url(&self) -> String {
        format!("grpc://{}", self.address())
    }

    /// Host and port for gRPC.
    pub fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.grpc)
    }

    fn http(&self, path: &str) -> String {
        format!("http://{}:{}/v2/{path}", Ipv4Addr::LOCALHOST, self.http)
    }
}

/// A `tritonserver` on the loopback interface.
pub struct TritonServer {
    child: Tethered,
    place: Place,
}

impl TritonServer {
    /// Starts it; it is not ready yet. Call it on a thread that lives as long as the server.
    pub fn start(place: &Place, load: Load) -> Result<Self> {
        Self::start_with(place, load, &[])
    }

    /// As [`Self::start`], with further options of `tritonserver`.
    pub fn start_with(place: &Place, load: Load, options: &[&str]) -> Result<Self> {
        let log = File::options().create(true).append(true).open(&place.log)?;
        let triton = &place.triton;
        let child = Tethered::start(triton.join("bin/tritonserver"), |command| {
            command
                .arg(format!("--model-repository={}", place.repository.display()))
                .arg(format!("--backend-directory={}", triton.join("backends").display()))
                .arg(format!(
                    "--backend-config=onnxruntime,library={}",
                    triton.join("lib/libonnxruntime.so").display()
                ))
                .args([
                    "--grpc-address=127.0.0.1",
                    "--http-address=127.0.0.1",
                    "--allow-metrics=false",
                ])
                .arg(format!("--grpc-port={}", place.grpc))
                .arg(format!("--http-port={}", place.http))
                .args([
                    "--model-control-mode=explicit",
                    "--disable-auto-complete-config",
                    "--exit-timeout-secs=5",
                ]);
            command.args(options);
            if let Load::Models(models) = load {
                command.args(models.iter().map(|model| format!("--load-model={model}")));
            }
            if let Ok(errors) = log.try_clone() {
                command.stdout(log).stderr(errors);
            }
        })?;
        Ok(Self {
            child,
            place: place.clone(),
        })
    }

    /// Starts it with the models, and waits until it is ready.
    pub fn ready(place: &Place, models: &[&str]) -> Result<Self> {
        Self::ready_with(place, models, &[])
    }

    /// As [`Self::ready`], with further options of `tritonserver`.
    pub fn ready_with(place: &Place, models: &[&str], options: &[&str]) -> Result<Self> {
        let mut server = Self::start_with(place, Load::Models(models), options)?;
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Waits until it is ready, with the models that it was started with.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let ready = self.place.http("health/ready");
        while !answers(&ready) {
            if let Some(status) = self.child.0.try_wait()? {
                let log = std::fs::read_to_string(&self.place.log).unwrap_or_default();
                let tail: Vec<_> = log.lines().rev().take(8).collect();
                bail!("tritonserver exited with {status}: {tail:#?}");
            }
            ensure!(
                Instant::now() < deadline,
                "tritonserver is not ready after {PATIENCE:?}"
            );
            thread::sleep(STEP);
        }
        Ok(())
    }

    /// Loads a model, and returns when it is ready.
    pub fn load(&self, model: &str) -> Result<()> {
        let url = self.place.http(&format!("repository/models/{model}/load"));
        let agent = agent(PATIENCE);
        agent
            .post(&url)
            .send_empty()
            .with_context(|| format!("{model} does not load"))?;
        Ok(())
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.child.0.id()
    }

    /// Kills it (SIGKILL) and returns when it is gone.
    pub fn kill(self) {
        drop(self);
    }

    /// Stops its threads (SIGSTOP): connections stay open, nothing is answered.
    pub fn hang(&self) -> Result<()> {
        self.child.signal(Signal::STOP)
    }

    /// Lets its threads go on (SIGCONT).
    pub fn go_on(&self) -> Result<()> {
        self.child.signal(Signal::CONT)
    }

    /// Asks it to exit (SIGTERM) and returns when it has.
    pub fn stop(mut self) -> Result<()> {
        self.child.signal(Signal::TERM)?;
        let deadline = Instant::now() + PATIENCE;
        while self.child.0.try_wait()?.is_none() {
            ensure!(
                Instant::now() < deadline,
                "tritonserver has not exited after {PATIENCE:?}"
            );
            thread::sleep(STEP);
        }
        Ok(())
    }
}

fn agent(timeout: Duration) -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .build()
        .into()
}

fn answers(url: &str) -> bool {
    let response = agent(Duration::from_secs(1)).get(url).call();
    response.is_ok_and(|response| response.status() == 200)
}

/// A scripted server in a process of its own, whose model [`SLOW`] takes a fixed time for each request.
pub struct SlowServer {
    _child: Tethered,
    /// The value of `tritoninfer`'s property `server`.
    pub url: String,
}

/// The name of the model of a [`SlowServer`].
pub const SLOW: &str = "slow";

impl SlowServer {
    /// Starts a server that takes `service` for each request, and works on `instances` of them at once.
    pub fn start(service: Duration, instances: usize) -> Result<Self> {
        let mut child = Tethered::start(std::env::current_exe()?, |command| {
            command.arg("slow-server").arg(service.as_millis().to_string());
            command.arg(instances.to_string()).stdout(Stdio::piped());
        })?;
        let output = child.0.stdout.take().context("the child has no standard output")?;
        let mut url = String::new();
        BufReader::new(output).read_line(&mut url)?;
        ensure!(!url.is_empty(), "the scripted server does not start");
        Ok(Self {
            _child: child,
            url: url.trim().to_owned(),
        })
    }
}

/// Serves the model [`SLOW`] until this process is killed; prints the address.
///
/// Requests are taken in their order, and worked on to their end even if the client has given them up.
pub fn serve_slowly(service: Duration, instances: usize) -> Result<()> {
    use triton_fake::{Call, Model, Server, Tensor};

    let (model, calls) = Model::queued(SLOW);
    let model = model
        .input("frame", "UINT8", &[1, 480, 640, 3])
        .output("boxes", "FP32", &[-1, 4])
        .output("scores", "FP32", &[-1])
        .output("keypoints", "FP32", &[-1, 17, 3])
        .output("vests", "FP32", &[-1, 2])
        .output("count", "INT64", &[1])
        .parameter("shopfloor.task", "people")
        .parameter("shopfloor.labels", "none,red");
    let server = Server::start([model])?;
    println!("{}", server.url());
    std::io::stdout().flush()?;
    let nobody = |call: Call| {
        let zeros = |name, dims: &[i64]| {
            let bytes = 4 * dims.iter().product::<i64>() as usize;
            Tensor::new(name, "FP32", dims, vec![0; bytes])
        };
        call.answer(vec![
            zeros("boxes", &[1, 4]),
            zeros("scores", &[1]),
            zeros("keypoints", &[1, 17, 3]),
            zeros("vests", &[1, 2]),
            Tensor::new("count", "INT64", &[1], vec![0; 8]),
        ]);
    };
    let calls: Arc<Mutex<mpsc::Receiver<Call>>> = Arc::new(Mutex::new(calls));
    let workers = (0..instances).map(|_| {
        let calls = Arc::clone(&calls);
        thread::spawn(move || {
            // The thread that holds the lock takes the next call; the others queue for the lock.
            let next = || calls.lock().unwrap_or_else(PoisonError::into_inner).recv();
            while let Ok(call) = next() {
                thread::sleep(service);
                nobody(call);
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        let _ = worker.join();
    }
    Ok(())
}
