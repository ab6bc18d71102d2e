//! `shopfloor play`: its options, and what has to be right before anything plays.

use std::fs::File;
use std::io::LineWriter;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::floor::{Floor, Outcome};
use crate::launch::{self, Launch, Parameters};
use crate::plugin;
use crate::tenant::{Event, Tenant};

/// Play launch files, each a tenant, side by side in one process until the last one ends
///
/// A launch file holds a pipeline in gst-launch-1.0's syntax; lines that begin with # are comments, and
/// ${NAME} or ${NAME:-DEFAULT} stands for a parameter. Ctrl-C ends the streams properly; twice, at once.
#[derive(clap::Args)]
pub struct Options {
    /// Launch files
    #[arg(required = true, value_name = "FILE.launch")]
    files: Vec<PathBuf>,
    /// Give a parameter of the launch files its value
    #[arg(long, value_name = "NAME=VALUE", value_parser = launch::parse_parameter)]
    set: Vec<(String, String)>,
    /// Write each change of a station's state as a line of JSON
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Write a good frame as a PNG (one launch file only)
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
}

/// Plays to the end and reports.
pub fn play(options: &Options) -> Result<Outcome> {
    let started = Instant::now();
    if options.picture.is_some() && options.files.len() > 1 {
        bail!("--picture takes one launch file, not {}", options.files.len());
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
    // By the line: whoever follows the file sees an event when it happens.
    let lines = options.events.as_ref().map(create).transpose()?.map(LineWriter::new);
    ctrlc::set_handler(move || drop(sender.send(Event::Interrupt))).context("cannot listen for Ctrl-C")?;

    let mut floor = Floor::new(tenants, lines, started);
    floor.run(&events)?;
    floor.report(options.picture.as_deref())
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
            bail!("--set {name}: no launch file has a parameter ${{{name}}}");
        }
    }
    Ok(launches)
}

/// Tenants' names: a file that is played twice, or shares its name, is numbered.
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
            description: String::new(),
            names: Default::default(),
        };
        assert_eq!(names(&["a", "b", "a", "a"].map(launch)), ["a", "b", "a-2", "a-3"]);
    }
}
