//! What Triton is started with: its files, its ports and its command line.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use triton::locate;

use super::Options;
use super::models::Models;

/// Seconds that Triton waits for requests in flight before it exits.
pub const EXIT_TIMEOUT: u64 = 5;

const GET_TRITON: &str = "run scripts/setup in a checkout, lib/shopfloor/setup-triton in an installation, \
                          or let SHOPFLOOR_TRITON name a folder that has it";

/// The files that the server is started with.
pub struct Places {
    /// `tritonserver`.
    pub program: PathBuf,
    home: PathBuf,
    /// The folder of the models.
    pub repository: PathBuf,
    models: Models,
}

impl Places {
    /// # Errors
    /// Triton, the model repository or a model that is asked for is missing.
    pub fn find(options: &Options) -> Result<Self> {
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
        let models = Models::read(&repository)?;
        options
            .model
            .iter()
            .try_for_each(|name| models.check(name, &repository))?;
        Ok(Self {
            program,
            home,
            repository,
            models,
        })
    }

    /// The models to load, if they are not all that the repository has: those asked for, or those whose files are there.
    fn selected<'a>(&'a self, options: &'a Options) -> Option<Vec<&'a str>> {
        if !options.model.is_empty() {
            return Some(options.model.iter().map(String::as_str).collect());
        }
        let some_lack_files = self.models.incomplete().next().is_some();
        some_lack_files.then(|| self.models.complete().collect())
    }

    /// A line for each model that is not loaded because its files are missing, unless only some are asked for.
    pub fn left_out(&self, options: &Options) -> Vec<String> {
        let models = self.models.incomplete().filter(|_| options.model.is_empty());
        models
            .map(|(name, reason)| format!("{name} is not loaded: {reason}"))
            .collect()
    }
}

/// The ports, which stay the same when Triton is started again.
pub struct Ports {
    pub grpc: u16,
    pub http: u16,
    pub metrics: u16,
}

impl Ports {
    /// Triton cannot choose free ports itself. If another program takes one of these meanwhile, it exits with an error.
    ///
    /// # Errors
    /// The port for gRPC is not free.
    pub fn find(grpc: u16) -> Result<Self> {
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

/// Triton's option for shared memory of clients, since 2.68. Earlier versions always allow it.
const CLIENT_SHM: &str = "allow-client-shm";

/// All addresses are on the loopback interface; by default Triton listens on all interfaces. Configurations that lack inputs or
/// outputs are completed from the model, as in process.
pub fn command(places: &Places, ports: &Ports, options: &Options) -> Command {
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
    if let Some(models) = places.selected(options) {
        option("model-control-mode", &"explicit");
        models.iter().for_each(|name| option("load-model", name));
    }
    if options.allow_client_shm && knows(&places.program, CLIENT_SHM) {
        option(CLIENT_SHM, &true);
    }
    command
}

/// Whether `tritonserver --help` has the option `name`.
fn knows(program: &Path, name: &str) -> bool {
    let help = Command::new(program).arg("--help").output();
    help.is_ok_and(|help| {
        let has = |text: &[u8]| String::from_utf8_lossy(text).contains(&format!("--{name}"));
        has(&help.stdout) || has(&help.stderr)
    })
}
