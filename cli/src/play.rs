//! `shopfloor play`: its options, and the checks before anything plays.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use files::log::{LineLog, Notice};
use shopfloor::launch::{self, Launch, Parameters};

use crate::metrics::Metrics;
use crate::picture::Picture;
use crate::plugin;
use crate::signals::{self, Signal};
use crate::supervisor::{Outcome, RestartPolicy, Settings, Supervisor, Waits};
use crate::tenant::Event;
use crate::view::View;

/// Play launch files side by side in one process, and start again what fails
///
/// A launch file is a pipeline in gst-launch-1.0's syntax, for one camera or file; in results it is called a tenant.
/// Lines that begin with # are comments, and ${NAME} or ${NAME:-DEFAULT} stands for a parameter.
///
/// Paths in a launch file are relative to its folder; paths given with --set, and those of the options, are relative to the
/// current folder.
///
/// Of a folder, every file NAME.launch is played, those that are added later, too; one that changes starts again, one that is
/// removed ends. It plays until it is stopped.
///
/// A live stream that ends, fails or stands still is started again, after 1 to 2 s at first and 60 to 120 s at most. A file is not,
/// unless --restart says so, since it would begin from its start.
///
/// Ctrl-C or SIGTERM ends the streams and finishes the files; if no frame leaves for 10 s, the rest passes without inference.
/// Sent twice, it stops at once. SIGHUP without a terminal looks at the folders at once, and starts tenants that wait.
///
/// Exit status: 0 when every tenant has reached its end, 1 when one has failed for good or a result could not be written, 2 for wrong
/// usage, 130 after Ctrl-C or SIGTERM.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    shopfloor play pipelines/demo.launch --set input=shift.mp4 --events shift.jsonl\n  \
    shopfloor play /etc/shopfloor/tenants --events /var/lib/shopfloor/events.jsonl")]
pub struct Options {
    /// Launch files, or folders of them
    #[arg(required = true, value_name = "FILE.launch|FOLDER")]
    paths: Vec<PathBuf>,
    /// Value of a parameter of the launch files; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = launch::parse_parameter)]
    set: Vec<(String, String)>,
    /// File or pipe to append each change of a station's state to, as a line of JSON
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Empty the file of --events first
    #[arg(long, requires = "events")]
    overwrite_events: bool,
    /// File to write a good frame to, as a PNG (one launch file only)
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// When to start a tenant again; by default live streams always, files never
    #[arg(long, value_name = "WHEN")]
    restart: Option<RestartPolicy>,
    /// Time without a frame after which a tenant that plays is started again, as far as --restart says so; 0: never
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = seconds)]
    stall: f64,
    /// Write a line of JSON for each tenant each second to standard output
    #[arg(long)]
    json: bool,
    /// Serve metrics for Prometheus, /healthz and /readyz there; port 0: any free one
    #[arg(long, value_name = "HOST:PORT")]
    metrics: Option<String>,
}

/// Reads a number of seconds.
fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..1e9).contains(seconds));
    seconds.ok_or_else(|| "expected a number of seconds".to_owned())
}

/// Plays to the end and reports the results.
///
/// # Errors
/// A mistake in the options or launch files, or a result that cannot be written.
pub fn play(options: &Options) -> Result<Outcome> {
    let started = Instant::now();
    let (folders, files): (Vec<_>, Vec<_>) = options.paths.iter().cloned().partition(|path| path.is_dir());
    if options.picture.is_some() && (files.len() > 1 || !folders.is_empty()) {
        bail!(
            "--picture takes one launch file, got {}; play them one by one",
            options.paths.len()
        );
    }
    let parameters: Parameters = options.set.iter().cloned().collect();
    let launches = read_launches(&files, &parameters, folders.is_empty())?;
    gst::init().context("GStreamer cannot start")?;
    plugin::load()?;

    let (sender, events) = channel();
    let settings = Settings {
        restart: options.restart,
        waits: Waits::default(),
        stall: (options.stall > 0.0).then(|| Duration::from_secs_f64(options.stall)),
    };
    let mut supervisor = Supervisor::new(settings, sender.clone(), started);
    let picture = options
        .picture
        .as_deref()
        .map(|path| (path, Arc::<Mutex<Picture>>::default()));
    for launch in launches {
        supervisor.add(launch, picture.as_ref().map(|(_, picture)| picture.clone()))?;
    }
    let parameters = Arc::new(parameters);
    for folder in folders {
        supervisor.follow(folder, parameters.clone())?;
    }
    if let Some(path) = &options.events {
        supervisor.log_to(open_log(path, options.overwrite_events, sender.clone())?);
    }
    let metrics = options.metrics.as_deref().map(Metrics::listen).transpose()?;
    let quit = sender.clone();
    // The supervisor may have ended.
    let view = View::open(options.json, move || drop(quit.send(Event::Interrupt)));
    supervisor.show_on(view, metrics);
    // A hangup is the end of a terminal, or a service's request to read its settings again.
    let has_terminal = std::io::stderr().is_terminal();
    let handle = move |signal| {
        let is_reload = signal == Signal::HangUp && !has_terminal;
        // The supervisor may have ended.
        let _ = sender.send(if is_reload { Event::Reload } else { Event::Interrupt });
    };
    signals::listen(handle).context("cannot listen for signals")?;

    supervisor.run(&events);
    supervisor.report(picture.as_ref().map(|(path, picture)| (*path, &**picture)))
}

/// Opens the log of events. What happens to it later is sent to `events`, and stops no tenant.
fn open_log(path: &Path, truncate: bool, events: Sender<Event>) -> Result<LineLog> {
    let options = files::log::Options {
        path: path.to_owned(),
        content: "the events",
        truncate,
    };
    let notify = move |options: &files::log::Options, notice: Notice| {
        let severity = if notice.is_good() { "note" } else { "warning" };
        // The supervisor may have ended.
        let _ = events.send(Event::Log(format!("{severity}: {}", notice.describe(options))));
    };
    LineLog::open(options, Arc::new(notify)).context("correct --events")
}

/// Reads launch files. If they are all that is played, each parameter has to be one of theirs.
fn read_launches(files: &[PathBuf], parameters: &Parameters, are_all: bool) -> Result<Vec<Launch>> {
    let launches = files
        .iter()
        .map(|path| launch::read(path, parameters))
        .collect::<Result<Vec<_>>>()?;
    for name in parameters.keys() {
        if are_all && !launches.iter().any(|launch| launch.names.contains(name)) {
            bail!("--set {name}: no launch file has a parameter ${{{name}}}; correct the name or omit the option");
        }
    }
    Ok(launches)
}
