//! How many cameras this machine carries: the number is doubled until one suffers, and then bisected.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use super::cell::{Cell, Outcome, Pace, Tenant, Work};
use super::contender::{Contenders, Interrupted};
use super::mode::{Mode, Side};
use super::schedule::Progress;
use crate::machine::Machine;
use crate::report::{Table, markdown};

/// More cameras are not tried.
const MOST: usize = 64;
/// The share of the frames to infer that has to be inferred, and of the frames that have to arrive.
const SHARE: f64 = 0.95;
/// How much older than a single camera's the results may be at the 95th percentile.
const OLDER: f64 = 2.0;
/// Of the cameras that suffer, so many are described.
const NAMED: usize = 4;
/// Share of the inferences a second that settings are made for.
const USED: f64 = 0.9;
/// Every how many frames one is inferred: every one, and sparser.
const INTERVALS: [u32; 3] = [1, 2, 5];
/// The longest time that a number of cameras is tried, and the time before it, in seconds.
const TRIAL: f64 = 12.0;
const SETTLING: f64 = 6.0;

/// Finds the capacity.
pub struct Capacity<'a> {
    contenders: &'a Contenders,
    like: Cell,
    fps: f64,
}

/// What the page is about.
pub struct About<'a> {
    /// The models, in words.
    pub models: &'a str,
    /// The command that measures it.
    pub command: &'a str,
}

/// What was seen with a number of cameras.
#[derive(Clone, Debug)]
struct Trial {
    interval: u32,
    cameras: usize,
    outcome: Outcome,
    /// The cameras that suffer.
    suffering: Vec<usize>,
}

/// The greatest number that is carried, for each interval.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Knee {
    interval: u32,
    cameras: usize,
    /// Whether more than that were tried.
    is_certain: bool,
}

impl<'a> Capacity<'a> {
    /// Cameras of `fps` frames a second; `like` has the rest.
    pub fn new(contenders: &'a Contenders, like: &Cell, fps: f64, mode: Mode) -> Self {
        let like = Cell {
            work: Work::Application(mode),
            pace: Pace::Live(fps),
            seconds: like.seconds.min(TRIAL),
            warm_up: like.seconds.min(SETTLING),
            ..like.clone()
        };
        Self { contenders, like, fps }
    }

    /// Finds it, and writes `capacity.md` into the folder.
    ///
    /// # Errors
    /// If not even one camera can be played, or the page cannot be written.
    pub fn run(&self, about: &About<'_>, machine: &Machine, output: &Path) -> Result<ExitCode> {
        let (mut trials, mut knees) = (Vec::new(), Vec::new());
        let mut progress = Progress::new(INTERVALS.len() * 5);
        let mut start = 1;
        for interval in INTERVALS {
            let knee = match self.knee(interval, start, &mut trials, &mut progress) {
                Ok(knee) => knee,
                Err(error) if error.is::<Interrupted>() && !trials.is_empty() => break,
                Err(error) => return Err(error),
            };
            knees.push(knee);
            // The work of a sparser inference is that of fewer cameras.
            let next = INTERVALS.iter().find(|next| **next > interval);
            let factor = next.map_or(1.0, |next| f64::from(*next) / f64::from(interval));
            start = ((knee.cameras as f64 * factor) as usize).clamp(1, MOST);
        }
        progress.end();
        let text = self.text(&knees, &trials);
        println!("{text}");
        let page = format!(
            "# How many cameras this machine carries\n\n{}\n\nModels: {}.\n\n{text}\n## Machine\n\n{}",
            self.method(),
            about.models,
            markdown::table(&markdown::facts(machine, about.command))
        );
        let file = output.join("capacity.md");
        fs::write(&file, page).with_context(|| format!("cannot write {}", file.display()))?;
        println!("results: {}", file.display());
        Ok(match knees.len() == INTERVALS.len() {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(130),
        })
    }

    fn knee(&self, interval: u32, start: usize, trials: &mut Vec<Trial>, progress: &mut Progress) -> Result<Knee> {
        let one = self.age_of_one(trials);
        let (cameras, is_certain) = knee(start, MOST, |cameras| {
            progress.begin(&format!("{cameras} cameras, every {interval}. frame inferred"));
            let cell = Cell {
                tenants: cameras,
                interval,
                ..self.like.clone()
            };
            let outcome = self.contenders.run(Side::Ours, &cell)?;
            let suffering = suffering(&outcome, self.fps, interval, one.unwrap_or(f64::INFINITY));
            let carried = suffering.is_empty();
            progress.done(if carried { "carried" } else { "too many" });
            trials.push(Trial {
                interval,
                cameras,
                outcome,
                suffering,
            });
            Ok(carried)
        })?;
        Ok(Knee {
            interval,
            cameras,
            is_certain,
        })
    }

    /// The 95th percentile of a single camera's latency, in ms, once one was tried.
    fn age_of_one(&self, trials: &[Trial]) -> Option<f64> {
        let one = trials.iter().find(|trial| trial.cameras == 1);
        one.map(|trial| trial.outcome.latency(|times| times.p95))
    }

    fn method(&self) -> String {
        format!(
            "Cameras of {} frames a second, played from a file by the clock in one process, with {}: each decoded, inferred, tracked \
             and drawn. A number of cameras is carried if each has ≥ {:.0} % of its frames drawn, ≥ {:.0} % of the frames that are to be \
             inferred inferred, and is drawn at the 95th percentile within {OLDER} times a single camera's time. {:.0} s a number.",
            self.fps,
            match self.like.work {
                Work::Application(mode) => mode.name(),
                Work::Decoder => "the decoder alone",
            },
            SHARE * 100.0,
            SHARE * 100.0,
            self.like.seconds
        )
    }

    fn text(&self, knees: &[Knee], trials: &[Trial]) -> String {
        let mut text = markdown::table(&self.summary(knees, trials));
        for knee in knees {
            let above = trials
                .iter()
                .filter(|trial| trial.interval == knee.interval && trial.cameras > knee.cameras);
            if let Some(above) = above.min_by_key(|trial| trial.cameras) {
                let _ = writeln!(text, "\n{}", suffers(above));
            }
        }
        let rate = trials
            .iter()
            .map(|trial| inferences(&trial.outcome))
            .fold(0.0, f64::max);
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let _ = write!(
            text,
            "\nAt most {rate:.1} frames a second were inferred, all cameras together. Settings for more cameras, so that they share nine \
             tenths of that:\n\n{}\nA model's `instance_group` should have as many instances as there are processors ({processors}), each with \
             `intra_op_thread_count` 1; a smaller `shopfloor.input.size` carries more, which `--model small` measures.\n",
            markdown::table(&settings(self.fps, rate))
        );
        text
    }

    fn summary(&self, knees: &[Knee], trials: &[Trial]) -> Table {
        let header = [
            "`inference-interval`",
            "inferred a second, each",
            "cameras carried",
            "p95 until drawn, ms",
            "processors busy",
        ];
        let row = |knee: &Knee| {
            let at = trials
                .iter()
                .find(|trial| trial.interval == knee.interval && trial.cameras == knee.cameras);
            let number = if knee.is_certain {
                knee.cameras.to_string()
            } else {
                format!("{} or more", knee.cameras)
            };
            let value = |value: fn(&Outcome) -> f64, unit: &str| {
                let value = at.map(|trial| value(&trial.outcome));
                value.map_or_else(|| "–".to_owned(), |value| format!("{value:.0}{unit}"))
            };
            vec![
                knee.interval.to_string(),
                format!("{:.1}", self.fps / f64::from(knee.interval)),
                number,
                value(|outcome| outcome.latency(|times| times.p95), ""),
                value(|outcome| outcome.machine_busy.unwrap_or(f64::NAN) * 100.0, " %"),
            ]
        };
        Table {
            header: header.map(str::to_owned).into(),
            rows: knees.iter().map(row).collect(),
        }
    }
}

/// Who suffers with a number of cameras: at most [`NAMED`] are described.
fn suffers(trial: &Trial) -> String {
    let described = trial.suffering.iter().take(NAMED).filter_map(|index| {
        let tenant = trial.outcome.tenants.get(*index)?;
        Some(described(index + 1, tenant))
    });
    let mut described: Vec<_> = described.collect();
    if let Some(others) = trial.suffering.len().checked_sub(NAMED).filter(|others| *others > 0) {
        described.push(format!("{others} more"));
    }
    format!(
        "With {} cameras and `inference-interval={}`, {} suffer: {}.",
        trial.cameras,
        trial.interval,
        trial.suffering.len(),
        described.join("; ")
    )
}

/// The interval that each number of cameras needs where `rate` frames a second can be inferred.
fn settings(fps: f64, rate: f64) -> Table {
    let row = |cameras: &usize| {
        let offered = *cameras as f64 * fps;
        let interval = (offered / (rate * USED)).ceil().max(1.0);
        vec![
            cameras.to_string(),
            format!("`tritoninfer inference-interval={interval}`"),
            format!("{:.1}", fps / interval),
        ]
    };
    Table {
        header: ["cameras", "setting", "inferred a second, each"]
            .map(str::to_owned)
            .into(),
        rows: [1, 2, 4, 8, 16, 32].iter().map(row).collect(),
    }
}

fn described(number: usize, tenant: &Tenant) -> String {
    format!(
        "camera {number} has {:.1} frames a second, {:.0} % of them inferred, p95 {:.0} ms",
        tenant.fps,
        100.0 * tenant.inferred as f64 / tenant.frames.max(1) as f64,
        tenant.latency_ms.p95.unwrap_or(f64::NAN)
    )
}

/// Inferences a second, all cameras together.
fn inferences(outcome: &Outcome) -> f64 {
    outcome
        .tenants
        .iter()
        .map(|tenant| tenant.inferred as f64 / tenant.seconds)
        .sum()
}

/// The cameras that suffer; `one`: the 95th percentile of a single camera's latency, in ms.
fn suffering(outcome: &Outcome, fps: f64, interval: u32, one: f64) -> Vec<usize> {
    let suffers = |tenant: &Tenant| {
        let due = fps * tenant.seconds;
        let is_late = tenant.latency_ms.p95.is_none_or(|p95| p95 > OLDER * one);
        // One frame of each kind may be on its way at either end.
        let inferred = tenant.inferred as f64 + 1.0 < SHARE * due / f64::from(interval);
        (tenant.frames as f64 + 1.0) < SHARE * due || inferred || is_late
    };
    let tenants = outcome.tenants.iter().enumerate();
    tenants
        .filter(|(_, tenant)| suffers(tenant))
        .map(|(index, _)| index)
        .collect()
}

/// The greatest number up to `most` that is carried, from `start` on by doubling and bisecting; and whether a greater one was
/// found not to be.
fn knee(start: usize, most: usize, mut carries: impl FnMut(usize) -> Result<bool>) -> Result<(usize, bool)> {
    let (mut good, mut next) = (0, start.clamp(1, most));
    let mut bad = loop {
        if !carries(next)? {
            break next;
        }
        good = next;
        if next == most {
            return Ok((most, false));
        }
        next = (next * 2).min(most);
    };
    // Of many cameras, a tenth more or less is exact enough.
    while bad - good > (good / 10).max(1) {
        let middle = usize::midpoint(good, bad);
        if carries(middle)? { good = middle } else { bad = middle }
    }
    Ok((good, true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::results::tests::outcome;

    #[test]
    fn the_knee_is_found_from_below_and_from_above() {
        let check = |capacity: usize, start: usize, expected: (usize, bool), most_trials: usize| {
            let mut trials = 0;
            let found = knee(start, 64, |cameras| {
                trials += 1;
                Ok(cameras <= capacity)
            });
            assert_eq!(found.unwrap(), expected, "{capacity} from {start}");
            assert!(trials <= most_trials, "{trials} trials for {capacity} from {start}");
        };
        check(1, 1, (1, true), 2);
        check(11, 1, (11, true), 8);
        check(11, 20, (11, true), 6);
        check(40, 1, (40, true), 10);
        check(0, 1, (0, true), 1);
        check(0, 8, (0, true), 4);
        check(100, 1, (64, false), 7);
        check(100, 48, (64, false), 2);
        assert!(knee(1, 64, |_| anyhow::bail!("no")).is_err());
    }

    #[test]
    fn settings_divide_what_can_be_inferred() {
        let rows = settings(10.0, 20.0).rows;
        let intervals: Vec<_> = rows.iter().map(|row| row[1].as_str()).collect();
        assert_eq!(intervals[0], "`tritoninfer inference-interval=1`");
        assert_eq!(intervals[2], "`tritoninfer inference-interval=3`");
        let trial = Trial {
            interval: 1,
            cameras: 6,
            outcome: outcome(6, 5.0, 1.0, 1.0),
            suffering: (0..6).collect(),
        };
        let text = suffers(&trial);
        assert!(
            text.contains("6 suffer: camera 1 has 5.0") && text.ends_with("; 2 more."),
            "{text}"
        );
    }

    #[test]
    fn a_camera_suffers_by_frames_inferences_or_age() {
        // Two cameras of 10 frames a second over 10 s, all inferred, p95 150 ms.
        let good = outcome(2, 10.0, 1.0, 1.0);
        let check = |change: fn(&mut Tenant), interval: u32, one: f64, expected: &[usize]| {
            let mut outcome = good.clone();
            change(&mut outcome.tenants[1]);
            assert_eq!(suffering(&outcome, 10.0, interval, one), expected);
        };
        check(|_| {}, 1, 100.0, &[]);
        check(|_| {}, 1, 70.0, &[0, 1]);
        check(|tenant| tenant.inferred = 90, 1, 100.0, &[1]);
        check(|tenant| tenant.inferred = 50, 2, 100.0, &[]);
        check(|tenant| tenant.frames = 90, 1, 100.0, &[1]);
        check(|tenant| tenant.latency_ms.p95 = None, 1, 100.0, &[1]);
    }
}
