//! `shopfloor report`: makes pages from activity logs that show who worked where, when, and for how long.
//!
//! From the files to the pages: `source` and `log` read lines, `record` turns each into what the ledger needs, `ledger`
//! joins all logs on one time axis, `shifts` and `pages` cut it, `sums` counts, and `page` and `output` write.

pub mod ledger;
pub mod log;
mod output;
mod page;
pub mod pages;
pub mod record;
pub mod shifts;
pub mod source;
pub mod spans;
pub mod sums;
#[cfg(test)]
mod testing;
pub mod zone;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use ledger::Book;
use pages::{Pages, Window};
use shifts::{Period, Shifts};
use source::Part;
use zone::Zone;

/// Make a page a shift from activity logs: the time in each state by worker and by station, timelines, handovers, gaps
///
/// Logs are written by `shopfloor play --events` or activityzone's events-location. Several logs, parts of rotated logs (also
/// .gz) in any order and several cameras are joined. The page needs no network.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    shopfloor report activity.jsonl --output shift.html\n  \
    shopfloor report activity.jsonl* --shifts shifts.toml --tz Europe/Berlin --csv sums.csv --json report.json\n  \
    shopfloor report hall.jsonl yard.jsonl --from 2026-11-26T06:00 --to 2026-11-26T14:00\n\n\
    A file for --shifts:\n  \
    time-zone = \"Europe/Berlin\"\n  [[shift]]\n  name = \"early\"\n  from = \"06:00\"\n  to = \"14:00\"\n  \
    days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]")]
pub struct Options {
    /// Activity logs
    #[arg(value_name = "LOG.jsonl", required = true)]
    logs: Vec<PathBuf>,
    /// Beginning: a time like 2026-11-26T06:00 (in the time zone, unless it has an offset), or a day
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// End: a time, or a day, which is included
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Shifts, a page for each [default: one page]
    #[arg(long, value_name = "FILE.toml")]
    shifts: Option<PathBuf>,
    /// Time zone of the pages and of --from and --to [default: that of the shifts, else that of this machine]
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// File to write the page to [default: the first log's name with the ending .html]
    #[arg(short, long, value_name = "FILE.html")]
    output: Option<PathBuf>,
    /// File to write the sums to, as a table
    #[arg(long, value_name = "FILE.csv")]
    csv: Option<PathBuf>,
    /// File to write everything to, for programs
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
}

/// Arguments that contradict each other or are no times, zones or shifts.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUsage(String);

fn wrong_usage(error: impl std::fmt::Display) -> anyhow::Error {
    WrongUsage(format!("{error:#}")).into()
}

/// Writes the report.
///
/// # Errors
/// [`WrongUsage`], logs that cannot be read or have nothing to report, or a file that cannot be written.
pub fn report(options: &Options) -> Result<()> {
    let shifts = options.shifts.as_deref().map(read_shifts).transpose()?;
    let zone = match (&options.tz, &shifts) {
        (Some(name), _) => Zone::named(name)
            .context("--tz")
            .map_err(|error| wrong_usage(format!("{error:#}")))?,
        (None, Some(Shifts { zone: Some(zone), .. })) => zone.clone(),
        _ => Zone::of_this_machine(),
    };
    let window = window(options, &zone)?;
    let parts = source::read(&options.logs)?;
    let output = match &options.output {
        Some(output) => output.clone(),
        None => parts[0].log.with_extension("html"),
    };
    let outputs: Vec<&Path> = ([Some(&output), options.csv.as_ref(), options.json.as_ref()].into_iter())
        .flatten()
        .map(PathBuf::as_path)
        .collect();
    check_outputs(&outputs, options)?;

    let mut left_out = unread(&parts);
    let logs: Vec<String> = parts.iter().map(|part| part.path.display().to_string()).collect();
    let book = ledger::join(parts);
    let pages = pages::pages(&book, shifts.as_ref(), &zone, window, now())?;
    left_out.extend(unjoined(&book, &pages, &zone));
    for line in &left_out {
        eprintln!("warning: {line}");
    }
    if pages.pages.is_empty() {
        bail!(nothing(&book, &zone));
    }
    write(&output, &page::html(&logs, &pages.pages, &left_out, &zone))?;
    if let Some(path) = &options.csv {
        write(path, &output::csv(&pages.pages)?)?;
    }
    if let Some(path) = &options.json {
        let notes = |page: &pages::Page| page::notes(page, &zone);
        write(path, &output::json(&pages.pages, &left_out, zone.name(), notes)?)?;
    }
    Ok(())
}

fn read_shifts(path: &Path) -> Result<Shifts> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| wrong_usage(format!("cannot read the shifts {shown}: {error}")))?;
    Shifts::parse(&text).map_err(|error| wrong_usage(format!("{shown}: {error:#}")))
}

fn window(options: &Options, zone: &Zone) -> Result<Window> {
    let parse = |name: &str, text: &Option<String>, at_end| {
        let parsed = text.as_deref().map(|text| zone.parse(text, at_end));
        parsed
            .transpose()
            .map_err(|error| wrong_usage(format!("{name}: {error:#}")))
    };
    let window = Window {
        from: parse("--from", &options.from, false)?,
        to: parse("--to", &options.to, true)?,
    };
    if let (Some(from), Some(to)) = (window.from, window.to)
        && from >= to
    {
        let show = |at| zone.format("%F %T %:z", at);
        return Err(wrong_usage(format!(
            "--from ({}) is not before --to ({})",
            show(from),
            show(to)
        )));
    }
    Ok(window)
}

/// No output may be a log, the shifts or another output.
fn check_outputs(outputs: &[&Path], options: &Options) -> Result<()> {
    let inputs = options.logs.iter().chain(&options.shifts);
    for input in inputs {
        if let Some(output) = outputs.iter().find(|output| same(output) == same(input)) {
            let shown = output.display();
            return Err(wrong_usage(format!(
                "the report would overwrite {shown}, which it reads; name another file with --output FILE.html"
            )));
        }
    }
    for (index, output) in outputs.iter().enumerate() {
        if outputs[..index].iter().any(|other| same(other) == same(output)) {
            return Err(wrong_usage(format!(
                "two outputs are the same file {}",
                output.display()
            )));
        }
    }
    Ok(())
}

/// The file that a path leads to, which need not exist.
fn same(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = std::fs::canonicalize(folder.unwrap_or(Path::new(".")));
        folder.unwrap_or_default().join(path.file_name().unwrap_or_default())
    })
}

/// What could not be read.
fn unread(parts: &[Part]) -> Vec<String> {
    let mut left_out = Vec::new();
    for part in parts {
        let path = part.path.display();
        left_out.extend(part.content.left_out.iter().map(|left| match left.count {
            1 => format!("{path}: line {} was left out: {}", left.line, left.reason),
            count => format!(
                "{path}: {count} lines were left out, the first one line {}: {}",
                left.line, left.reason
            ),
        }));
        if part.content.records.is_empty() && part.content.left_out.is_empty() {
            left_out.push(format!("{path}: no lines in it"));
        }
    }
    left_out
}

/// What was read and is on no page.
fn unjoined(book: &Book, pages: &Pages, zone: &Zone) -> Vec<String> {
    let mut left_out = Vec::new();
    if book.duplicates > 0 {
        left_out.push(format!(
            "{} lines were read a second time and count once",
            book.duplicates
        ));
    }
    if book.conflicts > 0 {
        left_out.push(format!(
            "{} lines were left out: they have the number of another line of the same run",
            book.conflicts
        ));
    }
    let day = |shift: &Period| format!("{} of {}", shift.name, zone.format("%a %F", shift.range.from));
    match &pages.empty_shifts[..] {
        [] => {}
        [shift] => left_out.push(format!(
            "no page for the shift {}: nothing was recorded in it",
            day(shift)
        )),
        [first, .., last] => left_out.push(format!(
            "no page for {} shifts in which nothing was recorded, from {} to {}",
            pages.empty_shifts.len(),
            day(first),
            day(last)
        )),
    }
    if !pages.without_clock.is_empty() {
        let names = pages.without_clock.join(", ");
        left_out.push(format!(
            "streams without times of day were left out, --from and --to cannot select them: {names}"
        ));
    }
    left_out
}

/// Why there is no page.
fn nothing(book: &Book, zone: &Zone) -> String {
    let recorded = book.clock.as_ref().and_then(ledger::Ledger::range);
    match recorded {
        Some(range) => format!(
            "nothing to report: the logs are from {} to {} ({})",
            zone.format("%F %T", range.from),
            zone.format("%F %T", range.to),
            zone.name()
        ),
        None if book.running.is_empty() => {
            "nothing to report: the logs have no time in which a station was watched".to_owned()
        }
        None => "nothing to report: the logs have no times of day; leave out --from and --to".to_owned(),
    }
}

/// Replaces a file whole, so that nobody reads a part of it; a pipe or a terminal is written to.
fn write(path: &Path, text: &str) -> Result<()> {
    let is_special = path.metadata().is_ok_and(|metadata| !metadata.is_file());
    let written = if is_special {
        std::fs::write(path, text).map_err(anyhow::Error::from)
    } else {
        files::replace::replace(path, text.as_bytes()).map_err(anyhow::Error::from)
    };
    written.with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}

fn now() -> record::Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or_default()
}
