//! Shows the progress of each tenant: bars on a terminal, otherwise a plain line every few seconds.

use std::io::Write;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a plain line is written.
const PLAIN_EVERY: Duration = Duration::from_secs(5);
/// How long a tenant must have played before its pace is used for an estimate.
const MIN_PLAYING: Duration = Duration::from_secs(1);

/// How far a tenant has come.
#[derive(Clone, Debug, Default)]
pub struct TenantProgress {
    /// Frames shown so far.
    pub frames: u64,
    /// Since the first frame.
    pub playing: Duration,
    /// Workers seen so far, where the pipeline has a vesttrack.
    pub workers: Option<Vec<String>>,
    /// The stream's position and duration, where it has an end.
    pub position: Option<(Duration, Duration)>,
}

impl TenantProgress {
    /// Mean frames a second since the first frame.
    fn fps(&self) -> f64 {
        match self.playing.as_secs_f64() {
            seconds if seconds > 0.0 && self.frames > 1 => (self.frames - 1) as f64 / seconds,
            _ => 0.0,
        }
    }

    /// Share of the stream that was played, 0..1, where the stream has an end.
    fn fraction(&self) -> Option<f64> {
        let (position, duration) = self.position?;
        (!duration.is_zero()).then(|| (position.as_secs_f64() / duration.as_secs_f64()).clamp(0.0, 1.0))
    }

    /// Time until the end, at the mean pace since the first frame.
    fn time_left(&self) -> Option<Duration> {
        let played = self.fraction().filter(|played| *played > 0.0)?;
        let is_settled = self.playing >= MIN_PLAYING;
        is_settled.then(|| self.playing.mul_f64((1.0 - played) / played))
    }

    /// Per cent and time left where the stream has an end, then [`describe`](Self::describe).
    pub fn describe_with_end(&self) -> String {
        let percent = self.fraction().map(|played| format!("{:.0} %, ", 100.0 * played));
        let left = self.time_left().map(|left| format!("{} left, ", rounded(left)));
        let [percent, left] = [percent, left].map(Option::unwrap_or_default);
        format!("{percent}{left}{}", self.describe())
    }

    /// For people: frames, rate, workers.
    pub fn describe(&self) -> String {
        let workers = match &self.workers {
            None => String::new(),
            Some(workers) if workers.is_empty() => ", no worker seen yet".to_owned(),
            Some(workers) => format!(", workers seen: {}", workers.join(" ")),
        };
        format!("{} frames, {:.1} fps{workers}", self.frames, self.fps())
    }
}

/// One bar or line a tenant.
pub struct Progress {
    bars: MultiProgress,
    tenants: Vec<Bar>,
}

struct Bar {
    name: String,
    bar: ProgressBar,
    written: Instant,
}

impl Progress {
    /// Progress goes to stderr: stdout is for results.
    pub fn new() -> Self {
        Self {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            tenants: Vec::new(),
        }
    }

    /// The bar of a tenant, made when it is shown first.
    fn bar(&mut self, name: &str) -> &mut Bar {
        let index = self.tenants.iter().position(|tenant| tenant.name == name);
        let index = index.unwrap_or_else(|| {
            let bar = self.bars.add(ProgressBar::new(0).with_prefix(name.to_owned()));
            bar.set_style(open_style());
            self.tenants.push(Bar {
                name: name.to_owned(),
                bar,
                written: Instant::now(),
            });
            self.tenants.len() - 1
        });
        &mut self.tenants[index]
    }

    /// Writes a line that stays.
    pub fn print_line(&self, line: &str) {
        self.bars.suspend(|| to_stderr(line));
    }

    /// Shows the progress of a tenant.
    pub fn show(&mut self, name: &str, progress: &TenantProgress) {
        let tenant = self.bar(name);
        if tenant.bar.is_hidden() {
            if tenant.written.elapsed() >= PLAIN_EVERY {
                tenant.written = Instant::now();
                to_stderr(&format!("{}: {}", tenant.name, progress.describe_with_end()));
            }
            return;
        }
        if let Some((position, duration)) = progress.position {
            if tenant.bar.length() == Some(0) {
                tenant.bar.set_style(bar_style());
            }
            tenant.bar.set_length(millis(duration));
            tenant.bar.set_position(millis(position));
        }
        tenant.bar.set_message(progress.describe_with_end());
        tenant.bar.tick();
    }

    /// Takes the tenant's bar away.
    pub fn clear(&mut self, name: &str) {
        self.tenants.retain(|tenant| {
            if tenant.name == name {
                tenant.bar.finish_and_clear();
                self.bars.remove(&tenant.bar);
            }
            tenant.name != name
        });
    }
}

/// Writes a line to standard error. That nobody reads it any more is no reason to end.
pub fn to_stderr(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A duration for people: seconds up to two minutes, then minutes.
fn rounded(time: Duration) -> String {
    match time.as_secs_f64().round() as u64 {
        seconds @ 0..=120 => format!("{seconds} s"),
        seconds => format!("{} min", (seconds + 30) / 60),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// For a stream without an end, or without a known one.
fn open_style() -> ProgressStyle {
    style("{prefix} {spinner} {msg}")
}

fn bar_style() -> ProgressStyle {
    style("{prefix} {bar:30} {msg}")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_and_time_left_are_of_the_stream() {
        let check = |playing: f64, position: Option<(u64, u64)>, expected: &str| {
            let progress = TenantProgress {
                frames: 1,
                playing: Duration::from_secs_f64(playing),
                workers: None,
                position: position.map(|(at, of)| (Duration::from_secs(at), Duration::from_secs(of))),
            };
            assert_eq!(progress.describe_with_end(), format!("{expected}1 frames, 0.0 fps"));
        };
        check(53.0, Some((43, 100)), "43 %, 70 s left, ");
        check(600.0, Some((50, 100)), "50 %, 10 min left, ");
        check(0.5, Some((1, 100)), "1 %, ");
        check(9.0, Some((0, 100)), "0 %, ");
        check(9.0, Some((101, 100)), "100 %, 0 s left, ");
        check(9.0, Some((3, 0)), "");
        check(9.0, None, "");
    }
}
