//! `shopfloor server`: a Triton server on this machine that runs as long as this command.
//!
//! It listens on the loopback interface only. Options are checked before it starts; if it ends by itself, the reason is
//! printed, and with `--restart` it is started again at the same address.

mod ending;
mod models;
mod process;
mod restarts;
mod setup;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use self::ending::Ending;
use self::process::Process;
use self::restarts::Restarts;
use self::setup::{EXIT_TIMEOUT, Places, Ports, command};
use crate::signals;

/// Interval of the checks whether the server is ready and still running.
const STEP: Duration = Duration::from_millis(100);

/// Run a Triton server with the models of shopfloor as long as this command runs
///
/// Prints grpc://127.0.0.1:PORT once all models are ready: the value for tritoninfer's property `server` or for
/// SHOPFLOOR_SERVER. Ctrl-C or SIGTERM stops the server; sent twice, at once.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  shopfloor server --port 8001 --model person_pose --model vest_resnet18")]
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
    /// Start Triton again when it ends by itself, at the same address, after 0.5 to 60 s; not if it was never ready
    #[arg(long)]
    restart: bool,
    /// Let clients pass tensors in shared memory: --allow-client-shm=true for Triton 2.68 and later; earlier ones always do
    #[arg(long)]
    allow_client_shm: bool,
}

/// Serves until it is stopped.
///
/// # Errors
/// A wrong option, a missing Triton or model, or a server that ends by itself and is not to be started again.
pub fn serve(options: &Options) -> Result<()> {
    let (sender, stop) = channel();
    signals::listen(move |_| {
        let _ = sender.send(());
    })
    .context("cannot listen for Ctrl-C")?;
    let places = Places::find(options)?;
    let ports = Ports::find(options.port)?;
    places.left_out(options).iter().for_each(|line| print_line(line));

    let mut restarts = Restarts::new();
    let mut announced = false;
    loop {
        let started = Instant::now();
        let mut run = Run::start(options, &places, &ports, &stop)?;
        if run.wait_until_ready()? {
            run.announce(started.elapsed());
            if !announced {
                let _ = writeln!(io::stdout(), "grpc://127.0.0.1:{}", ports.grpc);
                announced = true;
            }
        }
        let Some(ending) = run.wait_until_ended()? else {
            return run.stop();
        };
        let reason = ending.describe(&run.server.last_lines());
        let ready = run.ready.map(|ready| ready.elapsed());
        drop(run); // with Triton's children, which may still have the ports
        if !options.restart {
            return Err(anyhow!(reason));
        }
        let Some(delay) = restarts.delay(ready) else {
            return Err(anyhow!("{reason}\nIt is not started again, since it was never ready"));
        };
        print_line(&format!(
            "{reason}\nstarting Triton again in {:.1} s",
            delay.as_secs_f32()
        ));
        if stop.recv_timeout(delay) != Err(RecvTimeoutError::Timeout) {
            return Ok(());
        }
    }
}

/// Prints a line; a closed output does not stop the server.
fn print_line(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// One run of Triton, from its start to its end.
struct Run<'a> {
    server: Process,
    places: &'a Places,
    ports: &'a Ports,
    stop: &'a Receiver<()>,
    /// When all models were ready.
    ready: Option<Instant>,
    /// Whether the command was asked to stop.
    stopping: bool,
}

impl<'a> Run<'a> {
    fn start(options: &Options, places: &'a Places, ports: &'a Ports, stop: &'a Receiver<()>) -> Result<Self> {
        let command = command(places, ports, options);
        let server = Process::start(command).with_context(|| format!("cannot run {}", places.program.display()))?;
        Ok(Self {
            server,
            places,
            ports,
            stop,
            ready: None,
            stopping: false,
        })
    }

    /// False if Triton ends or the command is asked to stop before all models are ready.
    fn wait_until_ready(&mut self) -> Result<bool> {
        let url = format!("http://127.0.0.1:{}/v2/health/ready", self.ports.http);
        while !answers(&url) {
            if !self.wait()? {
                return Ok(false);
            }
        }
        self.ready = Some(Instant::now());
        Ok(true)
    }

    /// How Triton has ended; `None` once the command is asked to stop.
    fn wait_until_ended(&mut self) -> Result<Option<Ending>> {
        while self.wait()? {}
        Ok(self.server.ending()?.filter(|_| !self.stopping))
    }

    /// Waits for one interval; false if Triton has ended or the command was asked to stop.
    fn wait(&mut self) -> Result<bool> {
        if !self.stopping && self.server.ending()?.is_none() {
            self.stopping = self.stop.recv_timeout(STEP) != Err(RecvTimeoutError::Timeout);
            return Ok(!self.stopping);
        }
        Ok(false)
    }

    /// Stops the server in an orderly way; after a second Ctrl-C, or after too long a wait, at once.
    fn stop(&mut self) -> Result<()> {
        print_line("stopping Triton");
        self.server.ask_to_exit()?;
        let patience = Instant::now() + Duration::from_secs(EXIT_TIMEOUT + 5);
        while self.server.ending()?.is_none() && Instant::now() < patience {
            if self.stop.recv_timeout(STEP).is_ok() {
                break;
            }
        }
        Ok(())
    }

    fn announce(&self, took: Duration) {
        let Ports { http, metrics, .. } = self.ports;
        print_line(&format!(
            "ready after {:.1} s: models of {}; http://127.0.0.1:{http}/v2, http://127.0.0.1:{metrics}/metrics; Ctrl-C stops it",
            took.as_secs_f64(),
            self.places.repository.display(),
        ));
    }
}

fn answers(url: &str) -> bool {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(2)))
        .build()
        .into();
    agent.get(url).call().is_ok_and(|response| response.status() == 200)
}
