//! A program in a session of its own; its last log lines are kept, and it is stopped with all its children when dropped.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::ending::Ending;

/// Number of log lines that are kept: Triton writes long tables between its errors.
const LINES: usize = 500;

/// How long the end of the log is waited for once the program has exited: its children may hold the pipe open.
const END_OF_LOG: Duration = Duration::from_secs(1);

/// A program that runs, or has exited.
pub struct Process {
    child: Child,
    /// The id of its process, session and process group.
    pid: Pid,
    lines: Arc<Mutex<VecDeque<String>>>,
    /// Disconnected once the log has been read to its end.
    log: Receiver<()>,
}

impl Process {
    /// Starts it in its own session, so that a terminal's Ctrl-C reaches this command only, which then stops the program.
    ///
    /// If this command is killed, the kernel sends the program SIGTERM. The kernel does so when the calling thread exits,
    /// so this thread must live as long as the program.
    pub fn start(mut command: Command) -> io::Result<Self> {
        let parent = rustix::process::getpid();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        // SAFETY: only system calls that are allowed after a fork; no memory is allocated.
        unsafe {
            command.pre_exec(move || {
                rustix::process::setsid()?;
                rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
                // this command was killed meanwhile: that signal will not arrive
                match rustix::process::getppid() == Some(parent) {
                    true => Ok(()),
                    false => Err(io::ErrorKind::Interrupted.into()),
                }
            });
        }
        let mut child = command.spawn()?;
        let pid = Pid::from_child(&child);
        let lines = Arc::<Mutex<VecDeque<String>>>::default();
        let (reading, log) = channel();
        if let Some(stderr) = child.stderr.take() {
            let lines = lines.clone();
            thread::spawn(move || {
                keep_last(BufReader::new(stderr), &lines);
                drop(reading);
            });
        }
        Ok(Self { child, pid, lines, log })
    }

    /// How it has ended; `None` while it runs. Its process stays a zombie until `self` is dropped, so that its id is not
    /// reused.
    pub fn ending(&self) -> io::Result<Option<Ending>> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = rustix::process::waitid(WaitId::Pid(self.pid), options)?;
        Ok(status.as_ref().map(Ending::of))
    }

    /// Asks it to exit, by SIGTERM.
    pub fn ask_to_exit(&self) -> io::Result<()> {
        Ok(rustix::process::kill_process(self.pid, Signal::TERM)?)
    }

    /// The last lines that it wrote to standard error before it ended.
    ///
    /// Waits until they are read: why a program has ended stands in its last line.
    pub fn last_lines(&self) -> Vec<String> {
        // an error either way: the log is at its end, or a child of the program still holds it
        let _ = self.log.recv_timeout(END_OF_LOG);
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }
}

impl Drop for Process {
    /// Kills it and its children, if they still run.
    fn drop(&mut self) {
        // fails only if no process is left
        let _ = rustix::process::kill_process_group(self.pid, Signal::KILL);
        let _ = self.child.wait();
    }
}

fn keep_last(stream: impl BufRead, lines: &Mutex<VecDeque<String>>) {
    for line in stream.split(b'\n').map_while(Result::ok) {
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(String::from_utf8_lossy(&line).into_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last_lines_of(script: &str) -> Vec<String> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let process = Process::start(command).unwrap();
        while process.ending().unwrap().is_none() {
            thread::yield_now();
        }
        process.last_lines()
    }

    #[test]
    fn why_a_program_has_ended_is_read_to_the_last_line() {
        for _ in 0..50 {
            let lines = last_lines_of("for n in $(seq 600); do echo $n; done >&2; echo reason >&2; exit 3");
            assert_eq!(
                (lines.len(), lines[0].as_str(), lines[499].as_str()),
                (500, "102", "reason")
            );
        }
    }

    #[test]
    fn a_child_that_holds_the_log_is_not_waited_for() {
        assert_eq!(last_lines_of("sleep 60 & echo reason >&2"), ["reason"]);
    }
}
