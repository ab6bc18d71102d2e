//! `shopfloor server`: a Triton server on this machine that runs as long as this command.
//!
//! It listens on the loopback interface only. Options are checked before it starts; errors from its log are shown when it
//! fails.

mod process;

use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use triton::locate;

use self::process::Process;

/// Interval of the checks whether the server is ready and still running.
const STEP: Duration = Duration::from_millis(100);
/// Seconds that Triton waits for requests in flight before it exits.
const EXIT_TIMEOUT: u64 = 5;
/// Maximum number of log lines in an error.
const MAX_LOG_LINES: usize = 12;

/// Run a Triton server with the models of shopfloor as long as this command runs
///
/// Prints grpc://127.0.0.1:PORT once all models are ready: the value for tritoninfer's property `server` or for
/// SHOPFLOOR_SERVER. Ctrl-C or SIGTERM stops the server; sent twice, at once.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  shopfloor server --port 8001 --model movenet_multipose --model vest_resnet18")]
pub struct Options {
    /// Port for gRPC, 0 for any free one
    #[arg(long, default_value_t = 8001)]
    port: u16,
    /// Folder of the models [default: $SHOPFLOOR_MODEL_REPOSITORY, else the one installed with this command]
    #[arg(long, value_name = "FOLDER")]
    model_repository: Option<PathBuf>,
    /// Load only this model; may be given several times
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
}

/// Serves until it is stopped.
///
/// # Errors
/// A wrong option, a missing Triton or model, or a server that exits by itself.
pub fn serve(options: &Options) -> Result<()> {
    let (sender, stop) = channel();
    ctrlc::set_handler(move || {
        let _ = sender.send(());
    })
    .context("cannot listen for Ctrl-C")?;
    let places = Places::find(options)?;
    let ports = Ports::find(options.port)?;
    let command = command(&places, &ports, &options.model);

    let started = Instant::now();
    let mut server = Process::start(command).with_context(|| format!("cannot run {}", places.program.display()))?;
    let ready = format!("http://127.0.0.1:{}/v2/health/ready", ports.http);
    while !answers(&ready) {
        if wait(&stop, &server)? == Wait::Stop {
            return end(&mut server, &stop);
        }
    }
    let [grpc, http, metrics] = [ports.grpc, ports.http, ports.metrics];
    print_line(&format!(
        "ready after {:.1} s: models of {}; http://127.0.0.1:{http}/v2, http://127.0.0.1:{metrics}/metrics; Ctrl-C stops it",
        started.elapsed().as_secs_f64(),
        places.repository.display(),
    ));
    let _ = writeln!(io::stdout(), "grpc://127.0.0.1:{grpc}");
    while wait(&stop, &server)? == Wait::GoOn {}
    end(&mut server, &stop)
}

/// Prints a line; a closed output does not stop the server.
fn print_line(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

#[derive(PartialEq)]
enum Wait {
    GoOn,
    Stop,
}

/// Waits for one interval; an error if the server has exited.
fn wait(stop: &Receiver<()>, server: &Process) -> Result<Wait> {
    if server.has_exited()? {
        return Err(exited(server));
    }
    match stop.recv_timeout(STEP) {
        Err(RecvTimeoutError::Timeout) => Ok(Wait::GoOn),
        Ok(()) | Err(RecvTimeoutError::Disconnected) => Ok(Wait::Stop),
    }
}

/// Stops the server in an orderly way; after a second Ctrl-C, or after too long a wait, at once.
fn end(server: &mut Process, stop: &Receiver<()>) -> Result<()> {
    print_line("stopping Triton");
    server.ask_to_exit()?;
    let patience = Instant::now() + Duration::from_secs(EXIT_TIMEOUT + 5);
    while !server.has_exited()? && Instant::now() < patience {
        if stop.recv_timeout(STEP).is_ok() {
            break;
        }
    }
    Ok(())
}

fn exited(server: &Process) -> anyhow::Error {
    let lines = server.last_lines();
    anyhow!(
        "Triton exited:\n  {}\n\
         If a model fails, correct its config.pbtxt, or name the other models with --model. \
         If a backend is missing, run scripts/setup, then cargo build --release",
        relevant_lines(&lines).join("\n  ")
    )
}

/// The part of Triton's log that helps a user: its errors, or if there are none, its last lines.
fn relevant_lines(lines: &[String]) -> Vec<&str> {
    // E with the date, as E1122; messages of the CUDA driver on machines without a GPU begin differently
    let is_error = |line: &&str| {
        line.starts_with("error:")
            || line
                .strip_prefix('E')
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let errors: Vec<_> = lines.iter().copied().filter(is_error).collect();
    let shown = if errors.is_empty() { lines } else { errors };
    shown[shown.len().saturating_sub(MAX_LOG_LINES)..].to_vec()
}

fn answers(url: &str) -> bool {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(2)))
        .build()
        .into();
    agent.get(url).call().is_ok_and(|response| response.status() == 200)
}

const GET_TRITON: &str = "run scripts/setup in a checkout, lib/shopfloor/setup-triton in an installation, \
                          or let SHOPFLOOR_TRITON name a folder that has it";

/// The files that the server is started with.
struct Places {
    program: PathBuf,
    home: PathBuf,
    repository: PathBuf,
}

impl Places {
    fn find(options: &Options) -> Result<Self> {
        let here = [std::env::current_exe().context("cannot find the path of this command")?];
        let home =
            locate::triton_install_dir(&here).with_context(|| format!("Triton is not installed: {GET_TRITON}"))?;
        let program = home.join("bin/tritonserver");
        if !program.exists() {
            bail!("{} is missing: {GET_TRITON}", program.display());
        }
        let repository = options.model_repository.clone();
        let repository = repository
            .or_else(|| locate::model_repository(&here))
            .context("no model repository found; name one with --model-repository")?;
        let models = models(&repository)?;
        if let Some(name) = options.model.iter().find(|name| !models.contains(name)) {
            bail!(
                "--model {name}: {} has no such model; it has {}",
                repository.display(),
                models.join(", ")
            );
        }
        Ok(Self {
            program,
            home,
            repository,
        })
    }
}

/// The names of the models in a repository.
fn models(repository: &Path) -> Result<Vec<String>> {
    let shown = repository.display();
    let folder = std::fs::read_dir(repository)
        .with_context(|| format!("cannot read the model repository {shown}; name another with --model-repository"))?;
    let folder = folder.flatten().filter(|entry| entry.path().is_dir());
    let mut models: Vec<_> = folder
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    models.sort();
    if models.is_empty() {
        bail!("{shown} has no models; name another folder with --model-repository");
    }
    Ok(models)
}

struct Ports {
    grpc: u16,
    http: u16,
    metrics: u16,
}

impl Ports {
    /// Triton cannot choose free ports itself. If another program takes one of these meanwhile, it exits with an error.
    fn find(grpc: u16) -> Result<Self> {
        // all are open at once, so that they differ
        let take = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let listeners = [
            take(grpc).with_context(|| {
                format!("port {grpc} of 127.0.0.1 is not free; choose another with --port, or any with --port 0")
            })?,
            take(0)?,
            take(0)?,
        ];
        let port = |n: usize| -> io::Result<u16> { Ok(listeners[n].local_addr()?.port()) };
        Ok(Self {
            grpc: port(0)?,
            http: port(1)?,
            metrics: port(2)?,
        })
    }
}

/// All addresses are on the loopback interface; by default Triton listens on all interfaces. Model configurations are
/// used as they are written, as in process.
fn command(places: &Places, ports: &Ports, models: &[String]) -> Command {
    let mut command = Command::new(&places.program);
    let mut option = |name: &str, value: &dyn std::fmt::Display| {
        command.arg(format!("--{name}={value}"));
    };
    for (protocol, port) in [("grpc", ports.grpc), ("http", ports.http), ("metrics", ports.metrics)] {
        option(&format!("{protocol}-address"), &Ipv4Addr::LOCALHOST);
        option(&format!("{protocol}-port"), &port);
    }
    option("model-repository", &places.repository.display());
    option("backend-directory", &places.home.join("backends").display());
    if let Ok(library) = std::fs::canonicalize(places.home.join("lib/libonnxruntime.so")) {
        option("backend-config", &format!("onnxruntime,library={}", library.display()));
    }
    option("exit-timeout-secs", &EXIT_TIMEOUT);
    if !models.is_empty() {
        option("model-control-mode", &"explicit");
    }
    for name in models {
        option("load-model", name);
    }
    command.arg("--disable-auto-complete-config");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_selected_from_the_log() {
        let check = |log: &[&str], expected: &[&str]| {
            let log: Vec<_> = log.iter().map(|line| (*line).to_owned()).collect();
            assert_eq!(relevant_lines(&log), expected);
        };
        let error = "E1122 12:00:00.000000 7 model.cc:1] \"no weights\"";
        check(
            &[
                "I1122 started",
                "Error: no NVML",
                error,
                "| table |",
                "error: creating server",
            ],
            &[error, "error: creating server"],
        );
        check(&["Illegal instruction", ""], &["Illegal instruction", ""]);
        check(&[], &[]);
        let long: Vec<_> = (0..20).map(|n| format!("W{n}")).collect();
        assert_eq!(relevant_lines(&long).first(), Some(&"W8"));
    }
}
