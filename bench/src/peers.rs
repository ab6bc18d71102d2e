//! The peers: NVIDIA's `perf_analyzer`, and clients in Python. `scripts/bench` installs them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// The peers' virtual environment.
pub struct Peers {
    venv: PathBuf,
    scripts: PathBuf,
    /// The libraries that `perf_analyzer` needs.
    libraries: PathBuf,
}

/// What a client in Python reports.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct PythonOutcome {
    /// Frames a second.
    pub rate: f64,
    /// CPU time of the process for each frame, in seconds.
    pub cpu: f64,
    /// People found on all frames, by the script that looks for them.
    #[serde(default)]
    pub people: u64,
}

/// How a client in Python sends its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PythonTransport {
    Wire,
    SharedMemory,
}

impl PythonTransport {
    /// Its name as an argument of the scripts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wire => "wire",
            Self::SharedMemory => "shared-memory",
        }
    }
}

impl Peers {
    /// Finds them in the checkout; links of libraries are written into `scratch`.
    pub fn find(root: &Path, scratch: &Path) -> Result<Self> {
        let venv = root.join(".tools/bench");
        let analyzer = venv.join("bin/perf_analyzer");
        ensure!(
            analyzer.exists(),
            "{} is missing; scripts/bench installs it",
            analyzer.display()
        );
        Ok(Self {
            venv,
            scripts: root.join("bench/peers"),
            libraries: bundled_libraries(&root.join(".triton"), scratch)?,
        })
    }

    /// Inferences a second of `perf_analyzer` with system shared memory, on a model of the server at `address`. `options` are
    /// the model's: `-m` and, if its dims are variable, `--shape`.
    pub fn perf_analyzer(&self, address: &str, options: &[&str], in_flight: usize, seconds: f64) -> Result<f64> {
        let table = self.libraries.join("perf_analyzer.csv");
        let output = Command::new(self.venv.join("bin/perf_analyzer"))
            .env("LD_LIBRARY_PATH", &self.libraries)
            .args(options)
            .args(["-i", "grpc", "-u", address, "--shared-memory=system"])
            .args([
                "--output-shared-memory-size",
                "65536",
                "--concurrency-range",
                &in_flight.to_string(),
            ])
            // Three windows make up the measured time; they are all used, however much they differ.
            .args(["--measurement-interval", &format!("{:.0}", seconds * 1e3 / 3.0)])
            .args(["--max-trials", "3", "--stability-percentage", "999"])
            .arg("-f")
            .arg(&table)
            .output()
            .context("cannot run perf_analyzer")?;
        let text = [&output.stdout, &output.stderr]
            .map(|text| String::from_utf8_lossy(text))
            .concat();
        ensure!(output.status.success(), "perf_analyzer: {}: {text}", output.status);
        inferences_a_second(&fs::read_to_string(&table)?).with_context(|| format!("perf_analyzer: {text}"))
    }

    /// Runs a script of `bench/peers`.
    pub fn python<A: AsRef<OsStr>>(
        &self,
        script: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<PythonOutcome> {
        let output = Command::new(self.venv.join("bin/python"))
            .arg("-B")
            .arg(self.scripts.join(script))
            .args(arguments)
            .output()
            .context("cannot run Python")?;
        if !output.status.success() {
            bail!("{script}: {}", String::from_utf8_lossy(&output.stderr));
        }
        serde_json::from_slice(&output.stdout).with_context(|| format!("{script}: not an outcome"))
    }
}

/// A folder with the two libraries that `perf_analyzer` misses on Debian 12 under the names that it wants: they are among
/// those of the server's wheel.
fn bundled_libraries(triton: &Path, scratch: &Path) -> Result<PathBuf> {
    let server = triton.join("lib/libtritonserver.so").canonicalize()?;
    let bundle = server.parent().context("a library is in a folder")?;
    let folder = scratch.join("libraries");
    fs::create_dir_all(&folder)?;
    for (file, wanted) in [("libb64-", "libb64.so.0d"), ("libcudart-", "libcudart.so.12")] {
        let named = fs::read_dir(bundle)?
            .flatten()
            .find(|entry| entry.file_name().to_string_lossy().starts_with(file));
        let found = named.with_context(|| format!("{} has no {file}*", bundle.display()))?;
        let link = folder.join(wanted);
        if !link.exists() {
            symlink(found.path(), link)?;
        }
    }
    Ok(folder)
}

/// The column of `perf_analyzer`'s table.
fn inferences_a_second(table: &str) -> Option<f64> {
    let mut rows = table.lines();
    let column = rows.next()?.split(',').position(|title| title == "Inferences/Second")?;
    rows.next()?.split(',').nth(column)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_from_its_column() {
        let table = "Concurrency,Inferences/Second,Client Send\n2,10.5,400\n";
        assert_eq!(inferences_a_second(table), Some(10.5));
        assert_eq!(inferences_a_second("Concurrency,Client Send\n2,400\n"), None);
        assert_eq!(inferences_a_second(""), None);
    }
}
