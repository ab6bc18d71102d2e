//! `soak-tenants`: cameras that are killed, freeze and send garbage beside one that does not; then many tenants of a tiny model. All
//! of them are played by `shopfloor play`, which is looked at from outside.

mod shop;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

use self::shop::{Camera, Play, Seen};
use super::growth;
use crate::line::{self, Line};
use crate::machine::Machine;
use crate::process::Usage;
use crate::report::{Chart, Folders, Gate, Limit, Report, Sample, Table, Unit};
use crate::repository::{NOTHING, Repository};
use crate::server::{Place, SLOW, SlowServer, TritonServer};
use crate::statistics::{greatest, median};

/// The cameras, in the order of the results.
const CAMERAS: [&str; 4] = ["untouched", "killed", "garbage", "frozen"];
/// How long the server works on a request.
const SERVICE: Duration = Duration::from_millis(100);
/// Time between two kills of a camera.
const KILL_EVERY: Duration = Duration::from_secs(10);
/// How long a killed camera is away.
const AWAY: Duration = Duration::from_secs(3);
/// How long a camera is frozen, and then goes on: longer than the time after which a tenant counts as stalled.
const FROZEN: [Duration; 2] = [Duration::from_secs(15), Duration::from_secs(20)];
/// The option `--stall` of the command.
const STALL: &str = "5";
/// Rates are means over this time.
const WINDOW: Duration = Duration::from_secs(30);
/// A station that no worker is assigned to: the scripted model knows one vest only.
const STATIONS: &str =
    r#"{"stations": [{"name": "bench", "polygon": [[0.2, 0.2], [0.4, 0.2], [0.4, 0.5], [0.2, 0.5]]}]}"#;

/// How long, how many, and what is enough.
#[derive(clap::Args)]
pub struct Options {
    /// Time for which the cameras play, in seconds
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Tenants of a tiny model
    #[arg(long, default_value_t = 64)]
    tenants: usize,
    /// Time for which these play, in seconds
    #[arg(long, default_value_t = 60)]
    many_seconds: u64,
    /// Least share of its fair part that the untouched camera gets, and of its stations' time that is known
    #[arg(long, default_value_t = 0.95)]
    share: f64,
    /// Growth of memory that is not a leak, in MB, from the first third of the time to the last
    #[arg(long, default_value_t = 8.0)]
    memory: f64,
    #[command(flatten)]
    folders: Folders,
}

/// Runs it, and writes and prints the result.
pub fn run(options: &Options, root: &Path) -> Result<ExitCode> {
    line::init()?;
    let machine = Machine::read(root)?;
    let cameras = Cameras::play(options, root)?;
    let many = Many::play(options, root)?;
    let report = report(options, &cameras, &many);
    let command = format!(
        "scripts/soak tenants --seconds {} --tenants {} --many-seconds {}",
        options.seconds, options.tenants, options.many_seconds
    );
    options.folders.publish(&report, root, &machine, &command)?;
    println!(
        "== result: {}",
        options.folders.output(root).join("soak-tenants.md").display()
    );
    Ok(if report.is_met() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What the process used, and how many connections it had, second by second.
#[derive(Default)]
struct Watched {
    usage: Vec<Usage>,
    connections: Vec<f64>,
}

impl Watched {
    fn look(&mut self, play: &Play, port: u16) -> Result<()> {
        self.usage.push(play.usage()?);
        self.connections.push(play.connections(port)? as f64);
        Ok(())
    }
}

/// The four cameras.
struct Cameras {
    /// Requests a second that the server answers for one file alone.
    capacity: f64,
    seen: BTreeMap<String, Seen>,
    /// Inferred frames a second of the untouched camera, in each window.
    windows: Vec<f64>,
    watched: Watched,
    kills: u64,
    /// Share of the untouched camera's time in which the states of its stations were known, of the worst station.
    coverage: f64,
    status: Option<i32>,
}

impl Cameras {
    fn play(options: &Options, root: &Path) -> Result<Self> {
        let server = SlowServer::start(SERVICE, 1)?;
        let capacity = capacity(&server.url)?;
        let scratch = tempfile::tempdir()?;
        let folder = tempfile::tempdir()?;
        let kind = |name: &str| if name == "garbage" { "garbage" } else { "picture" };
        let started = CAMERAS.iter().map(|name| Camera::start(root, kind(name)));
        let mut cameras = started.collect::<Result<Vec<_>>>()?;
        fs::write(folder.path().join("stations.json"), STATIONS)?;
        for (name, camera) in CAMERAS.iter().zip(&cameras) {
            let launch = format!(
                "rtspsrc location={} protocols=tcp latency=100 ! tritoninfer server={} model={SLOW} ! vesttrack \
                 ! activityzone stations=stations.json ! fakesink",
                camera.url(),
                server.url
            );
            fs::write(folder.path().join(format!("{name}.launch")), launch)?;
        }
        let mut play = Play::start(folder.path(), scratch.path(), &["--stall", STALL])?;
        let plays = |all: &BTreeMap<String, Seen>, name: &str| all.get(name).is_some_and(|seen| seen.inferred > 0);
        play.wait("three cameras are inferred", |all| {
            ["untouched", "killed", "frozen"].iter().all(|name| plays(all, name))
        })?;
        let begin = Instant::now();
        let mut watched = Watched::default();
        let kills = suffer(options, &mut cameras, &play, &mut watched, port(&server.url)?)?;
        let end = Instant::now();
        let seen = play.all();
        let status = play.end()?;
        let untouched = seen.get("untouched").cloned().unwrap_or_default();
        Ok(Self {
            capacity,
            windows: windows(&untouched, begin, end),
            seen,
            watched,
            kills,
            coverage: coverage(&scratch.path().join("events.jsonl"), "untouched")?,
            status,
        })
    }

    fn restarts(&self, name: &str) -> f64 {
        self.seen.get(name).map_or(f64::NAN, |seen| seen.restarts as f64)
    }

    /// The lowest rate of the untouched camera, of a quarter of what the server can.
    fn least_share(&self) -> f64 {
        let least = self.windows.iter().copied().reduce(f64::min).unwrap_or(f64::NAN);
        least / (self.capacity / CAMERAS.len() as f64)
    }
}

/// Kills one camera and freezes another one, again and again; returns the number of kills.
fn suffer(options: &Options, cameras: &mut [Camera], play: &Play, watched: &mut Watched, port: u16) -> Result<u64> {
    let [_, killed, _, frozen] = cameras else {
        anyhow::bail!("four cameras are needed")
    };
    let progress = progress(options.seconds, "cameras are killed, freeze and send garbage")?;
    let begin = Instant::now();
    let mut kills = 0;
    let (mut is_away, mut is_frozen) = (false, false);
    while begin.elapsed() < Duration::from_secs(options.seconds) {
        let now = begin.elapsed();
        let into = |period: Duration| now.as_secs_f64() % period.as_secs_f64();
        let away = into(KILL_EVERY) < AWAY.as_secs_f64();
        if away != is_away {
            is_away = away;
            if away {
                kills += 1;
                killed.kill();
            } else {
                killed.live()?;
            }
        }
        let freeze = into(FROZEN[0] + FROZEN[1]) < FROZEN[0].as_secs_f64();
        if freeze != is_frozen {
            is_frozen = freeze;
            if freeze { frozen.freeze()? } else { frozen.thaw()? }
        }
        watched.look(play, port)?;
        progress.set_position(now.as_secs());
        thread::sleep(Duration::from_secs(1));
    }
    progress.finish_and_clear();
    Ok(kills)
}

/// Many tenants of the model that does nothing, on a `tritonserver`.
struct Many {
    seen: BTreeMap<String, Seen>,
    watched: Watched,
    status: Option<i32>,
}

impl Many {
    fn play(options: &Options, root: &Path) -> Result<Self> {
        let repository = Repository::make(&root.join("model_repository"))?;
        let scratch = tempfile::tempdir()?;
        let place = Place::find(&root.join(".triton"), &repository.path(), scratch.path())?;
        let _server = TritonServer::ready(&place, &[NOTHING])?;
        let folder = tempfile::tempdir()?;
        for number in 1..=options.tenants {
            let launch = format!(
                "videotestsrc is-live=true ! video/x-raw,format=I420,width=64,height=48,framerate=2/1 \
                 ! tritoninfer server={} model={NOTHING} ! fakesink",
                place.url()
            );
            fs::write(folder.path().join(format!("tenant-{number}.launch")), launch)?;
        }
        let mut play = Play::start(folder.path(), scratch.path(), &[])?;
        play.wait("all tenants are inferred", |all| {
            all.values().filter(|seen| seen.inferred > 0).count() == options.tenants
        })?;
        let port = port(&place.url())?;
        let progress = progress(options.many_seconds, "many tenants play")?;
        let mut watched = Watched::default();
        for second in 0..options.many_seconds {
            watched.look(&play, port)?;
            progress.set_position(second);
            thread::sleep(Duration::from_secs(1));
        }
        progress.finish_and_clear();
        let seen = play.all();
        Ok(Self {
            seen,
            watched,
            status: play.end()?,
        })
    }

    /// Tenants that play, and were never started again.
    fn playing(&self) -> f64 {
        let plays = |seen: &&Seen| seen.state == "playing" && seen.restarts == 0;
        self.seen.values().filter(plays).count() as f64
    }

    /// Share of its frames that were inferred, of the worst tenant.
    fn inferred(&self) -> f64 {
        let shares = self
            .seen
            .values()
            .map(|seen| seen.inferred as f64 / seen.frames.max(1) as f64);
        shares.reduce(f64::min).unwrap_or(f64::NAN)
    }
}

fn progress(seconds: u64, what: &'static str) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{elapsed_precise} {bar:20} {pos}/{len} s {wide_msg}")?;
    Ok(ProgressBar::new(seconds).with_style(style).with_message(what))
}

/// Requests a second that the server answers for a file alone, which always has the next one ready.
fn capacity(url: &str) -> Result<f64> {
    const MEASURED: Duration = Duration::from_secs(10);
    let line = Line::build(&format!(
        "videotestsrc name=in ! video/x-raw,format=I420,width=640,height=480,framerate=10/1 \
         ! tritoninfer name=element server={url} model={SLOW} ! fakesink name=out"
    ))?;
    line.play()?;
    let inferred = || line.watch().inferred();
    while inferred() < 10 {
        line.has_ended()?;
        thread::sleep(Duration::from_millis(10));
    }
    let (before, begin) = (inferred(), Instant::now());
    thread::sleep(MEASURED);
    let rate = (inferred() - before) as f64 / begin.elapsed().as_secs_f64();
    line.stop();
    Ok(rate)
}

fn port(url: &str) -> Result<u16> {
    let (_, port) = url.rsplit_once(':').context("the server's address has no port")?;
    Ok(port.parse()?)
}

/// The rate in each whole window; of a short run, in its halves.
fn windows(seen: &Seen, begin: Instant, end: Instant) -> Vec<f64> {
    let window = WINDOW.min((end - begin) / 2);
    let starts = (0..)
        .map(|n| begin + window * n)
        .take_while(|start| *start + window <= end);
    starts.map(|start| seen.rate(start, start + window)).collect()
}

/// The share of a tenant's time in which the state was known, of the worst station: by the totals in the log.
fn coverage(log: &Path, tenant: &str) -> Result<f64> {
    let text = fs::read_to_string(log).with_context(|| format!("cannot read {}", log.display()))?;
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let totals = lines.filter(|line| line["kind"] == "totals" && line["stream"] == tenant);
    let shares = totals.filter_map(|line| line["totals"]["coverage"].as_f64());
    Ok(shares.reduce(f64::min).unwrap_or(f64::NAN))
}

fn report(options: &Options, cameras: &Cameras, many: &Many) -> Report {
    let fair = cameras.capacity / CAMERAS.len() as f64;
    Report {
        name: "soak-tenants",
        title: "Cameras that fail beside one that does not, and many tenants",
        method: format!(
            "`shopfloor play FOLDER --stall {STALL}` with four cameras of 640×480, 10 fps, H.264 by RTSP over TCP from servers \
             on this machine, for {} s, on a scripted server that takes {} ms for each request and one at a time. A file alone gets {:.2} requests a second \
             there; the fair share of a camera is a quarter, {fair:.2}. One camera is killed (SIGKILL) every {} s ({} times) and back {} s later; one sends H.264 of \
             which half of the bytes are replaced by random ones; one is frozen (SIGSTOP) for {} s and goes on for {} s. Then {} tenants of 2 fps on a `tritonserver` with a \
             model that does nothing, for {} s. Rates are of windows of {} s, from `--json`; memory, threads, descriptors and connections are \
             those of the process, second by second.",
            options.seconds,
            SERVICE.as_millis(),
            cameras.capacity,
            KILL_EVERY.as_secs(),
            cameras.kills,
            AWAY.as_secs(),
            FROZEN[0].as_secs(),
            FROZEN[1].as_secs(),
            options.tenants,
            options.many_seconds,
            WINDOW.as_secs(),
        ),
        table: table(cameras),
        gates: [camera_gates(options, cameras), many_gates(options, many)].concat(),
        samples: samples(cameras, many),
        chart: Chart {
            title: "Inferred frames a second".into(),
            bars: bars(cameras, fair),
        },
    }
}

fn camera_gates(options: &Options, cameras: &Cameras) -> Vec<Gate> {
    let mut gates = fault_gates(options, cameras);
    gates.extend(resource_gates(options, cameras));
    gates
}

/// What the cameras that fail do to the one that does not, and what becomes of them.
fn fault_gates(options: &Options, cameras: &Cameras) -> Vec<Gate> {
    let count = |what, limit, value| Gate::new(what, limit, Unit::Count, value);
    vec![
        Gate::new(
            "untouched camera: lowest inferred rate, of its fair share",
            Limit::AtLeast(options.share),
            Unit::Ratio,
            cameras.least_share(),
        ),
        Gate::new(
            "untouched camera: time in which its stations' states were known",
            Limit::AtLeast(options.share),
            Unit::Share,
            cameras.coverage,
        ),
        count(
            "untouched camera: restarts",
            Limit::AtMost(0.0),
            cameras.restarts("untouched"),
        ),
        count(
            "killed camera: restarts",
            Limit::AtLeast(2.0),
            cameras.restarts("killed"),
        ),
        count(
            "camera with garbage: restarts",
            Limit::AtLeast(1.0),
            cameras.restarts("garbage"),
        ),
        count(
            "frozen camera: restarts",
            Limit::AtLeast(1.0),
            cameras.restarts("frozen"),
        ),
    ]
}

/// What the process of the cameras uses, and how it ended.
fn resource_gates(options: &Options, cameras: &Cameras) -> Vec<Gate> {
    let count = |what, limit, value| Gate::new(what, limit, Unit::Count, value);
    let watched = &cameras.watched;
    let mut gates = vec![count(
        "cameras: greatest number of connections to the server",
        Limit::AtMost(1.0),
        greatest(&watched.connections),
    )];
    let names = [
        "cameras: memory, growth from the first third to the last",
        "cameras: threads, of the first third's",
        "cameras: descriptors, of the first third's",
    ];
    gates.extend(growth::gates(&watched.usage, names, options.memory, 1.1));
    gates.push(count(
        "cameras: ends that were not orderly",
        Limit::AtMost(0.0),
        disorder(cameras.status),
    ));
    gates
}

fn many_gates(options: &Options, many: &Many) -> Vec<Gate> {
    let count = |what, limit, value| Gate::new(what, limit, Unit::Count, value);
    let watched = &many.watched;
    let mut gates = vec![
        count(
            "many: tenants that play and were never restarted",
            Limit::AtLeast(options.tenants as f64),
            many.playing(),
        ),
        Gate::new(
            "many: inferred frames of the worst tenant",
            Limit::AtLeast(options.share),
            Unit::Share,
            many.inferred(),
        ),
        count(
            "many: greatest number of connections to the server",
            Limit::AtMost(1.0),
            greatest(&watched.connections),
        ),
    ];
    let names = [
        "many: memory, growth from the first third to the last",
        "many: threads, of the first third's",
        "many: descriptors, of the first third's",
    ];
    gates.extend(growth::gates(&watched.usage, names, options.memory, 1.0));
    gates.push(count(
        "many: ends that were not orderly",
        Limit::AtMost(0.0),
        disorder(many.status),
    ));
    gates
}

/// 130 is the status after SIGTERM if all files are finished.
fn disorder(status: Option<i32>) -> f64 {
    f64::from(u8::from(status != Some(130)))
}

fn table(cameras: &Cameras) -> Table {
    let header = ["camera", "restarts", "inferred in all", "state at the end"];
    let row = |name: &&str| {
        let seen = cameras.seen.get(*name).cloned().unwrap_or_default();
        let inferred = seen.history.last().map_or(0, |(_, all)| *all);
        [
            name.to_string(),
            seen.restarts.to_string(),
            inferred.to_string(),
            seen.state,
        ]
        .to_vec()
    };
    Table {
        header: header.map(str::to_owned).to_vec(),
        rows: CAMERAS.iter().map(row).collect(),
    }
}

fn bars(cameras: &Cameras, fair: f64) -> Vec<(String, f64)> {
    let least = cameras.windows.iter().copied().reduce(f64::min).unwrap_or_default();
    vec![
        ("fair share".into(), fair),
        ("untouched: lowest window".into(), least),
        ("untouched: median window".into(), median(&cameras.windows)),
    ]
}

fn samples(cameras: &Cameras, many: &Many) -> Vec<Sample> {
    let windows = cameras.windows.iter().enumerate().map(|(n, rate)| Sample {
        case: "untouched".into(),
        round: n + 1,
        quantity: "inferred a second",
        value: *rate,
    });
    let uses = [("cameras", &cameras.watched), ("many", &many.watched)];
    let uses = uses.into_iter().flat_map(|(case, watched)| {
        watched.usage.iter().enumerate().flat_map(move |(n, usage)| {
            let values = [
                ("memory MB", usage.memory as f64 / 1e6),
                ("threads", usage.threads as f64),
                ("descriptors", usage.descriptors as f64),
            ];
            values.map(|(quantity, value)| Sample {
                case: case.to_owned(),
                round: n + 1,
                quantity,
                value,
            })
        })
    });
    windows.chain(uses).collect()
}
