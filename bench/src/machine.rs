//! Where and of what a measurement was made.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use procfs::Current;

/// The facts that belong to every result.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Name and value, in the order in which they are shown.
    pub facts: Vec<(&'static str, String)>,
}

impl Machine {
    /// Reads them; the load is that of this moment.
    pub fn read(root: &Path) -> Result<Self> {
        let processors = procfs::CpuInfo::current()?;
        let model = processors.model_name(0).unwrap_or("unknown").to_owned();
        let memory = procfs::Meminfo::current()?.mem_total as f64 / f64::from(1 << 30);
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let facts = vec![
            ("commit", commit(root)),
            ("date", output(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]))),
            ("processors", format!("{} × {model}", processors.num_cores())),
            ("memory", format!("{memory:.1} GiB")),
            ("load average before the run", load()?),
            ("system", format!("{}, Linux {}", distribution(), kernel.trim())),
            ("GStreamer", gst::version_string().to_string()),
            (
                "Triton",
                fs::read_to_string(root.join(".triton/stamp"))
                    .map_or_else(|_| "unknown".into(), |stamp| stamp.trim().to_owned()),
            ),
        ];
        Ok(Self { facts })
    }
}

/// The load averages of 1, 5 and 15 minutes.
fn load() -> Result<String> {
    let load = procfs::LoadAverage::current()?;
    Ok(format!("{} {} {}", load.one, load.five, load.fifteen))
}

fn commit(root: &Path) -> String {
    let git = |arguments: &[&str]| output(Command::new("git").arg("-C").arg(root).args(arguments));
    let id = git(&["rev-parse", "--short=12", "HEAD"]);
    // Results are written by the run itself.
    let changed = git(&["status", "--porcelain", "--", ".", ":!bench/results"]);
    match changed.is_empty() {
        _ if id.is_empty() => format!("version {}", env!("CARGO_PKG_VERSION")),
        true => id,
        false => format!("{id}, with changes"),
    }
}

fn distribution() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.unwrap_or("unknown").trim_matches('"').to_owned()
}

/// The command's standard output; `unknown` if it cannot be run.
fn output(command: &mut Command) -> String {
    let output = command
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    output.unwrap_or_else(|_| "unknown".into())
}
