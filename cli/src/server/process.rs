//! A program in a session of its own, whose last words are kept, and that ends with all its children when dropped.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

/// How many of its lines are kept: Triton writes long tables between its complaints.
const LINES: usize = 500;

/// A running program, or what it left.
pub struct Process {
    child: Child,
    /// Its process, its session and its group alike.
    pid: Pid,
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl Process {
    /// Starts it in its own session: a terminal's Ctrl-C is for this command to hear, which then ends the program.
    ///
    /// Should this command be killed outright, the kernel sends the program SIGTERM; the calling thread must
    /// live as long as the program, since the kernel takes its end for ours.
    pub fn start(mut command: Command) -> io::Result<Self> {
        let parent = rustix::process::getpid();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        // SAFETY: only system calls that may follow a fork, and no memory is allocated.
        unsafe {
            command.pre_exec(move || {
                rustix::process::setsid()?;
                rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
                // killed in between: then that signal will never come
                match rustix::process::getppid() == Some(parent) {
                    true => Ok(()),
                    false => Err(io::ErrorKind::Interrupted.into()),
                }
            });
        }
        let mut child = command.spawn()?;
        let pid = Pid::from_child(&child);
        let lines = Arc::<Mutex<VecDeque<String>>>::default();
        if let Some(stderr) = child.stderr.take() {
            let lines = lines.clone();
            thread::spawn(move || keep_last(BufReader::new(stderr), &lines));
        }
        Ok(Self { child, pid, lines })
    }

    /// Whether it has ended; its process stays a zombie until `self` is dropped, so that its number stays its own.
    pub fn has_ended(&self) -> io::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(rustix::process::waitid(WaitId::Pid(self.pid), options)?.is_some())
    }

    /// Asks it to end in good order.
    pub fn ask_to_end(&self) -> io::Result<()> {
        Ok(rustix::process::kill_process(self.pid, Signal::TERM)?)
    }

    /// The last lines that it wrote to standard error.
    pub fn last_lines(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }
}

impl Drop for Process {
    /// Nothing of it is left: what did not end when it was asked to is killed, with its children.
    fn drop(&mut self) {
        // the only failure is that there is nobody
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
