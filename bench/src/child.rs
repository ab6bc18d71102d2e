//! Children that do not outlive this process.

use std::ffi::OsStr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// A child that the kernel kills with the thread that started it.
pub struct Tethered(pub Child);

impl Tethered {
    /// Starts a program; `configure` gives it its arguments.
    pub fn start(program: impl AsRef<OsStr>, configure: impl FnOnce(&mut Command)) -> Result<Self> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        command.stdin(Stdio::null());
        configure(&mut command);
        Ok(Self(
            command.spawn().context("cannot run setpriv (Debian: util-linux)")?,
        ))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.0), signal)?)
    }
}

impl Drop for Tethered {
    fn drop(&mut self) {
        // It may have exited by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
