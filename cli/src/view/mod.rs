//! What people and machines see of running tenants: a live table in a terminal, otherwise a line each every few seconds, and
//! lines of JSON. Messages that stay, such as warnings, are written in between.
//!
//! A thread of its own writes, so that a terminal or a pipe that takes nothing holds no tenant and not the supervisor.

mod json;
mod keys;
mod plain;
mod table;
mod terminal;
mod words;

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::status::TenantStatus;
use json::Json;
use plain::Plain;
use terminal::Terminal;

/// How often keys are read and the terminal's size is looked at.
const TICK: Duration = Duration::from_millis(50);
/// How long the end waits for what is still to be written.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// What the thread is to write.
enum Command {
    /// A line that stays.
    Line(String),
    /// What the tenants do now.
    Show(Vec<TenantStatus>),
    /// Nothing more.
    Close,
}

/// Shows tenants and messages.
pub struct View {
    commands: Sender<Command>,
    /// The thread has not taken the last statuses yet.
    busy: Arc<AtomicBool>,
    json: bool,
    thread: Option<JoinHandle<()>>,
    done: Receiver<()>,
}

impl View {
    /// A table if standard error is a terminal, otherwise lines; with `json`, in place of both, lines of JSON on standard output.
    /// `quit` is called when a user presses the key for it.
    pub fn open(json: bool, quit: impl Fn() + Send + 'static) -> Self {
        let (commands, receiver) = channel();
        let (done_sender, done) = channel();
        let busy = Arc::new(AtomicBool::new(false));
        // What reads the JSON may write to the same terminal.
        let terminal = (!json && is_for_table())
            .then(|| Terminal::open(Box::new(quit)))
            .flatten();
        let writer = Writer {
            terminal,
            plain: Plain::default(),
            json: json.then(Json::default),
            busy: Arc::clone(&busy),
        };
        let thread = thread::Builder::new().name("view".into()).spawn(move || {
            writer.run(&receiver);
            drop(done_sender);
        });
        Self {
            commands,
            busy,
            json,
            thread: thread.ok(),
            done,
        }
    }

    /// Messages alone, on standard error.
    pub fn of_lines() -> Self {
        Self {
            commands: channel().0,
            busy: Arc::new(AtomicBool::new(true)),
            json: false,
            thread: None,
            done: channel().1,
        }
    }

    /// Whether standard output is for lines of JSON alone.
    pub fn has_stdout(&self) -> bool {
        self.json
    }

    /// Writes a line that stays.
    pub fn print_line(&self, line: &str) {
        let command = Command::Line(line.to_owned());
        if self.thread.is_none() || self.commands.send(command).is_err() {
            to_stderr(line);
        }
    }

    /// Shows what the tenants do now; left out if the last one is not written yet.
    pub fn show(&self, tenants: Vec<TenantStatus>) {
        if !self.busy.swap(true, Ordering::AcqRel) {
            // The thread ends only after this handle.
            let _ = self.commands.send(Command::Show(tenants));
        }
    }

    /// Writes what is left, and gives the terminal back.
    pub fn close(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        let _ = self.commands.send(Command::Close);
        // A terminal that was stopped with Ctrl-S, or a full pipe, is left.
        if matches!(self.done.recv_timeout(CLOSE_WAIT), Err(RecvTimeoutError::Disconnected)) {
            let _ = thread.join();
        }
        keys::restore();
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.close();
    }
}

/// Whether a table can be drawn on standard error: nothing else writes to that terminal.
fn is_for_table() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let logs_to_stderr = is_set("GST_DEBUG") && !is_set("GST_DEBUG_FILE");
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
    std::io::stderr().is_terminal() && !is_dumb && !logs_to_stderr
}

/// Writes what the commands are.
struct Writer {
    terminal: Option<Terminal>,
    plain: Plain,
    json: Option<Json>,
    busy: Arc<AtomicBool>,
}

/// Commands that are carried out together.
#[derive(Default)]
struct Batch {
    lines: Vec<String>,
    shown: Option<Vec<TenantStatus>>,
    ends: bool,
}

impl Batch {
    fn add(&mut self, command: Command) {
        match command {
            Command::Line(line) => self.lines.push(line),
            Command::Show(tenants) => self.shown = Some(tenants),
            Command::Close => self.ends = true,
        }
    }

    /// The next commands; empty if there are none while a terminal wants to be looked after.
    fn next(commands: &Receiver<Command>, has_terminal: bool) -> Self {
        let mut batch = Self::default();
        let first = if has_terminal {
            commands.recv_timeout(TICK)
        } else {
            commands.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        match first {
            Ok(command) => batch.add(command),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => batch.ends = true,
        }
        commands.try_iter().for_each(|command| batch.add(command));
        batch
    }
}

impl Writer {
    fn run(mut self, commands: &Receiver<Command>) {
        loop {
            let batch = Batch::next(commands, self.terminal.is_some());
            if let (Some(tenants), Some(json)) = (&batch.shown, &mut self.json) {
                json.write(tenants);
            }
            if batch.shown.is_some() {
                self.busy.store(false, Ordering::Release);
            }
            match &mut self.terminal {
                Some(terminal) => terminal.update(&batch.lines, batch.shown),
                None => {
                    let shown = batch.shown.filter(|_| self.json.is_none());
                    let due = shown.map(|tenants| self.plain.lines(&tenants, Instant::now()));
                    let lines = batch.lines.into_iter().chain(due.into_iter().flatten());
                    lines.for_each(|line| to_stderr(&line));
                }
            }
            if batch.ends {
                break;
            }
        }
    }
}

/// Writes a line to standard error. That nobody reads it any more is no reason to end.
pub fn to_stderr(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
