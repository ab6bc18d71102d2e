//! `shopfloor report`: makes a page from an activity log that shows who worked where, and when.

pub mod log;
mod page;
pub mod timeline;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// Make an HTML page from an activity log: timelines of stations and workers, and the time in each state
///
/// The log is written by `shopfloor play --events` or activityzone's events-location. The page needs no network.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  shopfloor report shift.jsonl --output shift.html")]
pub struct Options {
    /// Activity log
    #[arg(value_name = "FILE.jsonl")]
    log: PathBuf,
    /// File to write the page to [default: the log's name with the ending .html]
    #[arg(short, long, value_name = "FILE.html")]
    output: Option<PathBuf>,
}

/// Writes the page.
///
/// # Errors
/// A log that cannot be read, with the line of the mistake, or a page that cannot be written.
pub fn report(options: &Options) -> Result<()> {
    let path = &options.log;
    let shown = path.display();
    let output = options.output.clone().unwrap_or_else(|| path.with_extension("html"));
    if output == *path {
        bail!("the page would overwrite the log {shown}; name another file with --output FILE.html");
    }
    let text = std::fs::read(path).with_context(|| format!("cannot read {shown}; {}", log::REMEDY))?;
    let log = log::parse(&text).with_context(|| shown.to_string())?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let page = page::page(&name, &timeline::streams(&log), log.torn)?;
    std::fs::write(&output, page).with_context(|| format!("cannot write {}", output.display()))?;
    println!("{}", output.display());
    Ok(())
}
