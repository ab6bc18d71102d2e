//! `shopfloor check`: whether launch files can be played here, before anything plays.
//!
//! Nothing is changed: no state of an element, no file. What may wait, servers and disks, has a limit of time and threads of its own,
//! which are left when it is over.

mod access;
mod elements;
mod finding;
mod models;
mod needs;
mod stations;
mod within;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use shopfloor::launch::{self, Launch, Parameters};

use crate::supervisor::Outcome;
use crate::{paths, tenant};
use access::Access;
use finding::{Finding, Report};
use models::Models;
use needs::Needs;

/// Check whether launch files can be played here: elements, files, stations, vests, server, models
///
/// Prints a line for each check: ✓ well, ! a warning, ✗ failed, with a remedy. The exit status is 0 if nothing has failed. Nothing is
/// started, written or changed. A server that does not respond is waited for as long as --timeout says, so this can be the readiness
/// command of a pod or a unit.
///
/// Without a server= the models are loaded into this process as `shopfloor play` would do, which takes their memory for a moment.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    shopfloor check pipelines/demo.launch --set input=shift.mp4\n  \
    shopfloor check /etc/shopfloor/tenants --events /var/log/shopfloor/events.jsonl --json")]
pub struct Options {
    /// Launch files, and folders of them; without any, only the installation is checked
    #[arg(value_name = "FOLDER|FILE.launch")]
    files: Vec<PathBuf>,
    /// Value of a parameter of the launch files; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = launch::parse_parameter)]
    set: Vec<(String, String)>,
    /// File that `shopfloor play --events` will write
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// File that `shopfloor report --output` will write
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Seconds that each server, and each disk, has to respond; in-process models have five times as long to load
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    timeout: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Checks and prints what was found.
///
/// # Errors
/// GStreamer cannot start, or the result cannot be printed.
pub fn check(options: &Options) -> Result<Outcome> {
    gst::init().context("GStreamer cannot start")?;
    let report = Report::new(findings(options));
    let text = if options.json {
        serde_json::to_string_pretty(&report)?
    } else {
        report.to_string()
    };
    writeln!(std::io::stdout(), "{text}").context("cannot print the result")?;
    Ok(if report.ok { Outcome::Played } else { Outcome::Failed })
}

fn findings(options: &Options) -> Vec<Finding> {
    let limit = Duration::from_secs(options.timeout.into());
    let mut findings = elements::check();
    let (launches, problems) = launches(&options.files, &options.set, limit);
    findings.extend(problems);
    let mut tenants = Vec::new();
    for launch in &launches {
        match needs(launch) {
            Ok(needs) => {
                findings.push(Finding::ok(
                    &*launch.name,
                    format!("the launch file is a pipeline{}", needs.describe()),
                ));
                tenants.push((&*launch.name, needs));
            }
            Err(error) => findings.push(Finding::error(
                &*launch.name,
                &format!("{error:#}"),
                "correct the launch file",
            )),
        }
    }
    // Asked together: the slowest one decides how long it takes.
    let models = Models::ask(tenants.iter().flat_map(|(_, needs)| &needs.models), limit);
    findings.extend(models.findings());
    for (name, needs) in &tenants {
        findings.extend(models.of_tenant(name, &needs.models));
        findings.extend(stations::check(name, needs, &models.labels(&needs.models), limit));
    }
    let mut files: Vec<_> = tenants
        .iter()
        .flat_map(|(name, needs)| needs.files.iter().map(move |file| (*name, file.clone())))
        .collect();
    let of_options = [(&options.events, "the events"), (&options.report, "the report")];
    let written = of_options
        .into_iter()
        .filter_map(|(path, content)| Some(Access::write(path.as_ref()?, content)));
    files.extend(written.map(|file| ("shopfloor", file)));
    findings.extend(access::check(files, limit));
    findings
}

/// The launch files, and what is wrong with the others.
fn launches(files: &[PathBuf], set: &[(String, String)], limit: Duration) -> (Vec<Launch>, Vec<Finding>) {
    let parameters: Parameters = set.iter().cloned().collect();
    let mut launches = Vec::new();
    let mut findings = Vec::new();
    for path in files.iter().flat_map(|path| within_folder(path, limit)) {
        let path = match path {
            Ok(path) => path,
            Err(finding) => {
                findings.push(finding);
                continue;
            }
        };
        let subject = path.display().to_string();
        match within::limit(limit, {
            let (path, parameters) = (path.clone(), parameters.clone());
            move || launch::read(&path, &parameters)
        }) {
            Some(Ok(launch)) => launches.push(launch),
            Some(Err(error)) => findings.push(Finding::error(
                subject,
                &format!("{error:#}"),
                "correct the path or the file",
            )),
            None => findings.push(Finding::failed(
                subject,
                within::SLOW_DISK,
                "look after the disk or the network it is on",
            )),
        }
    }
    let (has_folder, has_files) = (files.iter().any(|path| path.is_dir()), !files.is_empty());
    for name in parameters.keys() {
        if !has_files || launches.iter().any(|launch| launch.names.contains(name)) {
            continue;
        }
        let text = format!("--set {name}: no launch file has a parameter ${{{name}}}");
        let remedy = "correct the name or omit the option";
        findings.push(match has_folder {
            // One that has it may come later.
            true => Finding::warning("shopfloor", text, remedy),
            false => Finding::failed("shopfloor", text, remedy),
        });
    }
    (launches, findings)
}

/// The launch files of a folder, by name; of a file, itself.
fn within_folder(path: &Path, limit: Duration) -> Vec<Result<PathBuf, Finding>> {
    let subject = path.display().to_string();
    let listed = within::limit(limit, {
        let path = path.to_owned();
        move || {
            let folder = std::fs::read_dir(&path).ok()?;
            let files = folder.flatten().map(|entry| entry.path());
            let is_launch = |file: &PathBuf| {
                let is_hidden = file
                    .file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with('.'));
                !is_hidden && file.extension().is_some_and(|end| end == "launch")
            };
            let mut files: Vec<_> = files.filter(is_launch).collect();
            files.sort();
            Some(files)
        }
    });
    match listed {
        None => vec![Err(Finding::failed(
            subject,
            within::SLOW_DISK,
            "look after the disk or the network it is on",
        ))],
        // Not a folder: reading the file will tell what is wrong with it.
        Some(None) => vec![Ok(path.to_owned())],
        Some(Some(files)) if files.is_empty() => {
            let text = "the folder has no launch file";
            vec![Err(Finding::failed(
                subject,
                text,
                "put a file NAME.launch there, or name another folder",
            ))]
        }
        Some(Some(files)) => files.into_iter().map(Ok).collect(),
    }
}

/// What the pipeline of a launch file needs. It is made, and stays as it is.
fn needs(launch: &Launch) -> Result<Needs> {
    let pipeline = tenant::parse(&launch.description)?;
    paths::resolve(&pipeline, &launch.folder);
    Ok(Needs::of(&pipeline))
}
