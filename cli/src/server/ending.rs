//! How Triton ended, in words: by a signal or an exit code, with the lines of its log that explain it.

use rustix::process::{Signal, WaitIdStatus};

/// Maximum number of log lines in a description.
const MAX_LOG_LINES: usize = 12;

/// Parts of log lines that every Triton on a machine without a GPU writes; they are no reason for anything.
const NOISE: [&str; 4] = [
    "CudaDriverHelper has not been initialized",
    "pinned memory pool will not be available",
    "Failed to initialize NVML",
    "DCGM unable to start",
];

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this code.
    Exited(i32),
    /// This signal ended it.
    Signalled(i32),
}

impl Ending {
    /// The ending in a status of `waitid`.
    pub fn of(status: &WaitIdStatus) -> Self {
        match status.terminating_signal() {
            Some(signal) => Self::Signalled(signal),
            None => Self::Exited(status.exit_status().unwrap_or_default()),
        }
    }

    /// What happened and what to do about it. `log`: the last lines that Triton wrote.
    pub fn describe(self, log: &[String]) -> String {
        match self {
            Self::Signalled(signal) => by_signal(signal, log),
            Self::Exited(code) => by_exit(code, log),
        }
    }
}

fn by_signal(signal: i32, log: &[String]) -> String {
    let what = format!(
        "signal {signal}{}",
        name(signal).map_or(String::new(), |name| format!(" ({name})"))
    );
    match Signal::from_named_raw(signal) {
        // Its log has no reason: the program cannot notice this one.
        Some(Signal::KILL) => format!(
            "Triton was killed by {what}: the machine or the control group ran out of memory (`dmesg` then has 'Killed \
             process' or 'oom-kill'; load fewer models or instances), or another process killed it"
        ),
        Some(Signal::TERM | Signal::INT | Signal::HUP | Signal::QUIT) => {
            format!("Triton was ended by {what}, which another process sent")
        }
        _ => format!(
            "Triton crashed, {what}: a fault in Triton, in a backend or in a library of theirs. The end of its log:{}",
            indented(&relevant_lines(log))
        ),
    }
}

fn by_exit(code: i32, log: &[String]) -> String {
    let lines = relevant_lines(log);
    let remedy = if lines.iter().any(|line| line.contains("unable to find backend library")) {
        "\nIf a backend is missing, run scripts/setup, then cargo build --release; correct the backend in the model's \
         config.pbtxt; or name the other models with --model"
    } else if lines.iter().any(|line| line.contains("failed to load")) {
        "\nA model failed to load: correct its config.pbtxt, or name the other models with --model"
    } else {
        ""
    };
    format!("Triton exited with code {code}:{}{remedy}", indented(&lines))
}

/// The part of Triton's log that helps a user: its errors, or if there are none, its last lines.
fn relevant_lines(log: &[String]) -> Vec<&str> {
    // E with the date, as E1122; `error:` is the last line of a server that cannot start.
    let is_error = |line: &&str| {
        line.starts_with("error:")
            || line
                .strip_prefix('E')
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let is_noise = |line: &&str| NOISE.iter().any(|noise| line.contains(noise));
    let lines: Vec<_> = log.iter().map(String::as_str).filter(|line| !is_noise(line)).collect();
    let errors: Vec<_> = lines.iter().copied().filter(is_error).collect();
    let shown = if errors.is_empty() { lines } else { errors };
    shown[shown.len().saturating_sub(MAX_LOG_LINES)..].to_vec()
}

fn indented(lines: &[&str]) -> String {
    if lines.is_empty() {
        return " nothing was logged".to_owned();
    }
    lines.iter().map(|line| format!("\n  {line}")).collect()
}

/// The names of the signals that end programs in practice.
fn name(signal: i32) -> Option<&'static str> {
    Some(match Signal::from_named_raw(signal)? {
        Signal::HUP => "SIGHUP",
        Signal::INT => "SIGINT",
        Signal::QUIT => "SIGQUIT",
        Signal::ILL => "SIGILL",
        Signal::ABORT => "SIGABRT",
        Signal::BUS => "SIGBUS",
        Signal::FPE => "SIGFPE",
        Signal::KILL => "SIGKILL",
        Signal::SEGV => "SIGSEGV",
        Signal::PIPE => "SIGPIPE",
        Signal::TERM => "SIGTERM",
        Signal::XCPU => "SIGXCPU",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a Triton without a GPU writes in any case.
    const ALWAYS: [&str; 4] = [
        "W1126 15:33:40.50 32 pinned_memory_manager.cc:273] \"Unable to allocate pinned system memory, pinned memory pool \
         will not be available: CUDA driver version is insufficient for CUDA runtime version\"",
        "E1126 15:33:40.50 32 server.cc:241] \"CudaDriverHelper has not been initialized.\"",
        "Error: Failed to initialize NVML",
        "W1126 15:33:40.50 32 metrics.cc:798] \"DCGM unable to start: DCGM initialization error\"",
    ];

    #[track_caller]
    fn check(ending: Ending, log: &[&str], expected: &[&str], absent: &[&str]) {
        let log: Vec<_> = ALWAYS.iter().chain(log).map(|line| (*line).to_owned()).collect();
        let text = ending.describe(&log);
        for part in expected {
            assert!(text.contains(part), "`{part}` is not in: {text}");
        }
        for part in absent.iter().chain(&["CUDA", "Cuda", "NVML", "DCGM"]) {
            assert!(!text.contains(part), "`{part}` is in: {text}");
        }
    }

    #[test]
    fn a_signal_is_named_with_its_likely_cause() {
        let info = "I1126 15:33:40.50 32 server.cc:1] \"ready\"";
        let killed = ["killed by signal 9 (SIGKILL)", "out of memory", "another process"];
        check(Ending::Signalled(9), &[info], &killed, &["config.pbtxt", "ready"]);
        check(
            Ending::Signalled(15),
            &[info],
            &["signal 15 (SIGTERM)", "another process"],
            &["ready", "memory"],
        );
        let crashed = ["crashed, signal 11 (SIGSEGV)", "backend", "Signal (11) received."];
        check(
            Ending::Signalled(11),
            &["Signal (11) received."],
            &crashed,
            &["config.pbtxt"],
        );
        check(
            Ending::Signalled(6),
            &["double free"],
            &["signal 6 (SIGABRT)", "double free"],
            &[],
        );
        check(
            Ending::Signalled(42),
            &[],
            &["signal 42:", "nothing was logged"],
            &["("],
        );
    }

    #[test]
    fn an_exit_code_comes_with_the_errors_and_a_remedy_for_them() {
        let load =
            "E1126 15:33:40.50 32 model_lifecycle.cc:642] \"failed to load 'pose' version 1: Invalid argument: x\"";
        let creating = "error: creating server: Internal - failed to load all models";
        let expected = ["exited with code 1", load, creating, "config.pbtxt", "--model"];
        check(
            Ending::Exited(1),
            &["I1126 started", load, "| table |", creating],
            &expected,
            &["started", "table"],
        );
        let backend =
            "E1126 1 x.cc:1] \"failed to load 'a' version 1: unable to find backend library for backend 'b'\"";
        check(Ending::Exited(1), &[backend], &["scripts/setup", "config.pbtxt"], &[]);
        let port = "E1126 1 main.cc:1] \"failed to start GRPC service: address already in use\"";
        check(Ending::Exited(1), &[port], &[port], &["config.pbtxt", "scripts/setup"]);
        check(Ending::Exited(0), &["bye"], &["code 0:\n  bye"], &[]);
        check(Ending::Exited(3), &[], &["code 3: nothing was logged"], &[]);
    }

    #[test]
    fn a_long_log_is_cut() {
        let long: Vec<_> = (0..20).map(|n| format!("W{n}")).collect();
        let lines = relevant_lines(&long);
        assert_eq!((lines.len(), lines[0]), (MAX_LOG_LINES, "W8"));
    }
}
