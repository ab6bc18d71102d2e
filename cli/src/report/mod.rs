//! `shopfloor report`: a log of activity becomes a page that shows who worked where, and when.

pub mod log;
mod page;
pub mod timeline;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// Draw a log of activity: timelines of stations and workers, and the time in each state, as one HTML page
///
/// The log is what `shopfloor play --events` or activityzone's events-location writes. The page needs no network.
#[derive(clap::Args)]
pub struct Options {
    /// The log
    #[arg(value_name = "FILE.jsonl")]
    log: PathBuf,
    /// Where the page goes [default: beside the log, with the ending .html]
    #[arg(short, long, value_name = "FILE.html")]
    output: Option<PathBuf>,
}

/// Writes the page.
///
/// # Errors
/// What is wrong with the log, and in which line; or that the page cannot be written.
pub fn report(options: &Options) -> Result<()> {
    let path = &options.log;
    let shown = path.display();
    let output = options.output.clone().unwrap_or_else(|| path.with_extension("html"));
    if output == *path {
        bail!("the page would overwrite the log {shown}; say where it goes with --output FILE.html");
    }
    let text = std::fs::read(path).with_context(|| format!("cannot read {shown}; {}", log::REMEDY))?;
    let log = log::parse(&text).with_context(|| shown.to_string())?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let page = page::page(&name, &timeline::streams(&log), log.torn)?;
    std::fs::write(&output, page).with_context(|| format!("cannot write {}", output.display()))?;
    println!("{}", output.display());
    Ok(())
}
