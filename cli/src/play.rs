//! `shopfloor play`: its options, and the checks before anything plays.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use files::log::{LineLog, Notice};
use shopfloor::launch::{self, Launch, Parameters};

use crate::metrics::Metrics;
use crate::plugin;
use crate::supervisor::{Outcome, Supervisor};
use crate::tenant::{Event, Tenant};
use crate::view::View;

/// Play launch files side by side in one process until the last one ends
///
/// A launch file is a pipeline in gst-launch-1.0's syntax, for one camera or file; in results it is called a tenant.
/// Lines that begin with # are comments, and ${NAME} or ${NAME:-DEFAULT} stands for a parameter.
///
/// Paths in a launch file are relative to its folder; paths given with --set, and those of the options, are relative to the
/// current folder.
///
/// Ctrl-C or SIGTERM ends the streams and finishes the files; if no frame leaves for 10 s, the rest passes without inference.
/// Sent twice, it stops at once.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  \
    shopfloor play pipelines/demo.launch --set input=shift.mp4 --events shift.jsonl")]
pub struct Options {
    /// Launch files
    #[arg(required = true, value_name = "FILE.launch")]
    files: Vec<PathBuf>,
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
    /// Write a line of JSON for each tenant each second to standard output
    #[arg(long)]
    json: bool,
    /// Serve metrics for Prometheus, /healthz and /readyz there; port 0: any free one
    #[arg(long, value_name = "HOST:PORT")]
    metrics: Option<String>,
}

/// Plays to the end and reports the results.
///
/// # Errors
/// A mistake in the options or launch files, or a result that cannot be written.
pub fn play(options: &Options) -> Result<Outcome> {
    let started = Instant::now();
    if options.picture.is_some() && options.files.len() > 1 {
        bail!(
            "--picture takes one launch file, got {}; play them one by one",
            options.files.len()
        );
    }
    let launches = read_launches(options)?;
    gst::init().context("GStreamer cannot start")?;
    plugin::load()?;

    let (sender, events) = channel();
    let mut tenants = Vec::new();
    for (index, (launch, name)) in launches.iter().zip(names(&launches)).enumerate() {
        let tenant = Tenant::new(launch, name.clone(), index, sender.clone(), options.picture.is_some());
        tenants.push(tenant.context(name)?);
    }
    let open = |path: &PathBuf| open_log(path, options.overwrite_events, sender.clone());
    let log = options.events.as_ref().map(open).transpose()?;
    let quit = sender.clone();
    ctrlc::set_handler(move || drop(sender.send(Event::Interrupt))).context("cannot listen for Ctrl-C")?;

    let metrics = options.metrics.as_deref().map(Metrics::listen).transpose()?;
    let view = View::open(options.json, move || drop(quit.send(Event::Interrupt)));
    if let Some(metrics) = &metrics {
        view.print_line(&format!("metrics: http://{}/metrics", metrics.address()));
    }
    let mut supervisor = Supervisor::new(tenants, log, started, view, metrics);
    supervisor.run(&events);
    supervisor.report(options.picture.as_deref())
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

fn read_launches(options: &Options) -> Result<Vec<Launch>> {
    let parameters: Parameters = options.set.iter().cloned().collect();
    let launches = options
        .files
        .iter()
        .map(|path| launch::read(path, &parameters))
        .collect::<Result<Vec<_>>>()?;
    for name in parameters.keys() {
        if !launches.iter().any(|launch| launch.names.contains(name)) {
            bail!("--set {name}: no launch file has a parameter ${{{name}}}; correct the name or omit the option");
        }
    }
    Ok(launches)
}

/// The names of the tenants: files of the same name are numbered.
fn names(launches: &[Launch]) -> Vec<String> {
    let number = |i: usize| {
        launches[..i]
            .iter()
            .filter(|other| other.name == launches[i].name)
            .count()
    };
    let name = |(i, launch): (usize, &Launch)| match number(i) {
        0 => launch.name.clone(),
        n => format!("{}-{}", launch.name, n + 1),
    };
    launches.iter().enumerate().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_of_one_name_are_numbered() {
        let launch = |name: &str| Launch {
            name: name.to_owned(),
            folder: PathBuf::new(),
            description: String::new(),
            names: Default::default(),
        };
        assert_eq!(names(&["a", "b", "a", "a"].map(launch)), ["a", "b", "a-2", "a-3"]);
    }
}
