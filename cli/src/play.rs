//! `shopfloor play`: its options, and the checks before anything plays.

use std::fs::File;
use std::io::LineWriter;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use shopfloor::launch::{self, Launch, Parameters};

use crate::plugin;
use crate::supervisor::{Outcome, Supervisor};
use crate::tenant::{Event, Tenant};

/// Play launch files side by side in one process until the last one ends
///
/// A launch file is a pipeline in gst-launch-1.0's syntax, for one camera or file; in results it is called a tenant.
/// Lines that begin with # are comments, and ${NAME} or ${NAME:-DEFAULT} stands for a parameter.
///
/// Paths of files to read (the location of a source, stations, model-repository) are relative to the folder of the
/// launch file. Paths of files to write (the location of a sink, events-location), and paths given with --set, are
/// relative to the current folder.
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
    /// File to write each change of a station's state to, as a line of JSON; an existing file is overwritten
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// File to write a good frame to, as a PNG (one launch file only)
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
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
    let create = |path: &PathBuf| File::create(path).with_context(|| format!("cannot write {}", path.display()));
    // Line by line, so that `tail -f` shows an event when it happens.
    let log = options.events.as_ref().map(create).transpose()?.map(LineWriter::new);
    ctrlc::set_handler(move || drop(sender.send(Event::Interrupt))).context("cannot listen for Ctrl-C")?;

    let mut supervisor = Supervisor::new(tenants, log, started);
    supervisor.run(&events)?;
    supervisor.report(options.picture.as_deref())
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
