//! Shows how far each tenant is: bars that move on a terminal, else a plain line now and then.

use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a plain line is written.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// How far a tenant is.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Frames shown so far.
    pub frames: u64,
    /// Since the first frame.
    pub playing: Duration,
    /// Workers seen so far, where the pipeline tells identities.
    pub workers: Option<Vec<String>>,
    /// The stream's position and duration, where it has an end.
    pub position: Option<(Duration, Duration)>,
}

impl Standing {
    /// Mean frames a second since the first frame.
    fn fps(&self) -> f64 {
        match self.playing.as_secs_f64() {
            seconds if seconds > 0.0 && self.frames > 1 => (self.frames - 1) as f64 / seconds,
            _ => 0.0,
        }
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
    pub fn new(names: impl Iterator<Item = String>) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let tenants = names
            .map(|name| {
                let bar = bars.add(ProgressBar::new(0).with_prefix(name.clone()));
                bar.set_style(open_style());
                Bar {
                    name,
                    bar,
                    written: Instant::now(),
                }
            })
            .collect();
        Self { bars, tenants }
    }

    /// Writes a line that stays.
    pub fn say(&self, line: &str) {
        self.bars.suspend(|| eprintln!("{line}"));
    }

    /// Shows where tenant `index` stands.
    pub fn show(&mut self, index: usize, standing: &Standing) {
        let tenant = &mut self.tenants[index];
        if tenant.bar.is_hidden() {
            if tenant.written.elapsed() >= PLAIN_EVERY {
                tenant.written = Instant::now();
                eprintln!("{}: {}", tenant.name, standing.describe());
            }
            return;
        }
        if let Some((position, duration)) = standing.position {
            if tenant.bar.length() == Some(0) {
                tenant.bar.set_style(bar_style());
            }
            tenant.bar.set_length(millis(duration));
            tenant.bar.set_position(millis(position));
        }
        tenant.bar.set_message(standing.describe());
        tenant.bar.tick();
    }

    /// The tenant is done: its bar gives way to a line that stays.
    pub fn finish(&mut self, index: usize, verdict: &str) {
        let tenant = &self.tenants[index];
        tenant.bar.finish_and_clear();
        self.say(&format!("{}: {verdict}", tenant.name));
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// For a stream that has no end, or none known yet.
fn open_style() -> ProgressStyle {
    style("{prefix} {spinner} {msg}")
}

fn bar_style() -> ProgressStyle {
    style("{prefix} {bar:30} {percent:>3} % {msg}")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
