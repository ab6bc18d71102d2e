//! A made-up factory: what three cameras log of four workers at eight stations in two shifts, with everything that goes wrong
//! in one. It is the same each time.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use people::event::{Assigned, Event, EventKind, LogRecord, Origin, Utc, UtcClock};
use people::{Activity, Totals};

/// The early shift begins: 6:00 in Berlin.
const BEGINNING: &str = "2026-11-26T05:00:00Z";
/// Both shifts, in seconds.
const LENGTH: u32 = 16 * 3600;
const HEARTBEAT: u32 = 10;

/// A station and the worker whom it is assigned to.
type Place = (&'static str, Option<&'static str>);

/// Cameras, their stations, and whom those are assigned to.
const CAMERAS: [(&str, &[Place]); 3] = [
    (
        "hall",
        &[("bench 1", Some("red")), ("bench 2", Some("blue")), ("packing", None)],
    ),
    ("yard", &[("dock", Some("green")), ("scale", None)]),
    (
        "store",
        &[
            ("rack 1", Some("yellow")),
            ("rack 2 & <lift>", Some("blue")),
            ("till", None),
        ],
    ),
];
const WORKERS: [&str; 4] = ["red", "blue", "green", "yellow"];

/// The yard's process is killed, and started again.
pub const KILLED: (u32, u32) = (3 * 3600 + 40 * 60, 3 * 3600 + 52 * 60 + 30);
/// The hall's server is away.
pub const AWAY: (u32, u32) = (5 * 3600, 5 * 3600 + 12 * 60);
/// Somebody else wears a red vest in the yard.
pub const TWICE: (u32, u32) = (6 * 3600, 6 * 3600 + 240);
/// Some lines of the store are lost.
const LOST: std::ops::Range<u64> = 9000..9040;

/// Writes the logs into a folder: of each camera one, of the hall rotated.
pub fn write(folder: &Path) -> Vec<PathBuf> {
    let days = [days(1), days(2), days(3), days(4)];
    let mut paths = Vec::new();
    for (camera, stations) in CAMERAS {
        let mut lines = camera_log(camera, stations, &days);
        let path = folder.join(format!("{camera}.jsonl"));
        match camera {
            "hall" => {
                let rotated = folder.join("hall.jsonl.1");
                let later = lines.split_off(lines.len() / 2);
                fs::write(&rotated, lines.concat()).unwrap();
                lines = later;
                paths.extend([path.clone(), rotated]);
            }
            "store" => {
                lines.drain(LOST.start as usize..LOST.end as usize);
                let again = lines[100..110].to_vec();
                lines.extend(again);
                paths.push(path.clone());
            }
            _ => paths.push(path.clone()),
        }
        fs::write(&path, lines.concat()).unwrap();
    }
    paths
}

/// Where a worker is in each second: the camera, and the station if a hand is in it.
type Day = Vec<Option<(usize, Option<usize>)>>;

/// The days of a worker: work at one of two stations of one's own or of all, walks, and breaks.
fn days(worker: u64) -> Day {
    let mut random = Random(worker * 7919);
    let own: [(usize, usize); 3] = match worker {
        1 => [(0, 0), (0, 0), (0, 2)],
        2 => [(0, 1), (2, 1), (0, 2)],
        3 => [(1, 0), (1, 0), (1, 1)],
        _ => [(2, 0), (2, 2), (1, 1)],
    };
    let mut day = Day::new();
    while day.len() < LENGTH as usize {
        let hour = day.len() % (8 * 3600) / 1800;
        // A break after four hours.
        if hour == 8 {
            day.extend([None; 1800]);
            continue;
        }
        let (camera, station) = own[random.below(3)];
        for _ in 0..1 + random.below(12) {
            let work = 20 + random.below(240);
            day.extend(vec![Some((camera, Some(station))); work]);
            day.extend(vec![Some((camera, None)); 5 + random.below(50)]);
        }
        day.extend(vec![None; random.below(400)]);
    }
    day.truncate(LENGTH as usize);
    day
}

/// A generator of numbers by multiplication, as good as needed here.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// What the log knows of a station.
struct Station {
    name: &'static str,
    assigned: Option<&'static str>,
    state: Activity,
    worker: Option<&'static str>,
    since: u32,
    worker_since: u32,
    totals: Totals,
}

struct Writer {
    run: Arc<str>,
    camera: Arc<str>,
    begun: u32,
    sequence: u64,
    lines: Vec<String>,
}

fn camera_log(camera: &'static str, stations: &[Place], days: &[Day]) -> Vec<String> {
    let index = CAMERAS.iter().position(|(name, _)| *name == camera).unwrap();
    let runs: &[(u32, u32)] = match camera {
        "yard" => &[(0, KILLED.0), (KILLED.1, LENGTH)],
        _ => &[(0, LENGTH)],
    };
    let mut lines = Vec::new();
    for (number, (from, to)) in runs.iter().enumerate() {
        let mut writer = Writer {
            run: format!("{camera}-{number}").into(),
            camera: camera.into(),
            begun: *from,
            sequence: 0,
            lines: Vec::new(),
        };
        let mut stations: Vec<Station> = stations
            .iter()
            .map(|(name, assigned)| Station::new(name, *assigned, *from))
            .collect();
        for station in &stations {
            let event = station.event(*from - writer.begun, station.assigned, EventKind::Start);
            writer.write(event);
        }
        for second in *from + 1..*to {
            for (place, station) in stations.iter_mut().enumerate() {
                let seen = observe(second, index, place, station, days);
                station.observe(seen, second, &mut writer);
            }
        }
        if *to == LENGTH {
            stations.iter_mut().for_each(|station| station.end(LENGTH, &mut writer));
        } else {
            // The process was killed while it wrote.
            writer.lines.push(format!(
                "{{\"schema\":\"shopfloor-activity/2\",\"time\":{}.0,\"sta",
                to - from
            ));
        }
        lines.extend(writer.lines);
    }
    lines
}

/// The state of a station and who works there.
fn observe(
    second: u32,
    camera: usize,
    place: usize,
    station: &Station,
    days: &[Day],
) -> (Activity, Option<&'static str>) {
    let is_at = |times: (u32, u32)| (times.0..times.1).contains(&second);
    if camera == 0 && is_at(AWAY) {
        return (Activity::Unknown, None);
    }
    if camera == 1 && place == 1 && is_at(TWICE) {
        return (Activity::Active, Some("red"));
    }
    let here = WORKERS
        .iter()
        .zip(days)
        .filter_map(|(worker, day)| match day[second as usize] {
            Some((at, hand)) if at == camera => Some((*worker, hand == Some(place))),
            _ => None,
        });
    let counts: Vec<(&str, bool)> = here
        .filter(|(worker, _)| station.assigned.is_none_or(|assigned| assigned == *worker))
        .collect();
    let active = || {
        counts
            .iter()
            .filter(|(_, is_active)| *is_active)
            .map(|(worker, _)| *worker)
    };
    let stays = active().find(|worker| Some(*worker) == station.worker);
    match stays.or_else(|| active().next()) {
        Some(worker) => (Activity::Active, Some(worker)),
        None if counts.is_empty() => (Activity::Absent, None),
        None => (Activity::Idle, None),
    }
}

impl Station {
    fn new(name: &'static str, assigned: Option<&'static str>, now: u32) -> Self {
        Self {
            name,
            assigned,
            state: Activity::Absent,
            worker: None,
            since: now,
            worker_since: now,
            totals: Totals::default(),
        }
    }

    fn event(&self, time: u32, worker: Option<&'static str>, kind: EventKind) -> Event {
        Event {
            time: Duration::from_secs(time.into()),
            station: self.name.into(),
            worker: worker.map(Into::into),
            kind,
        }
    }

    fn assigned(&self) -> Assigned {
        self.assigned.map(Into::into).into()
    }

    fn observe(&mut self, (state, worker): (Activity, Option<&'static str>), now: u32, writer: &mut Writer) {
        self.count(1);
        let time = now - writer.begun;
        let lasted = |since: u32| Duration::from_secs((now - since).into());
        if state != self.state {
            let kind = EventKind::Change {
                state,
                previous: self.state,
                lasted: lasted(self.since),
                totals: self.totals,
            };
            let whose = worker.or(self.worker);
            writer.write(self.event(time, whose, kind));
            (self.state, self.worker, self.since, self.worker_since) = (state, whose, now, now);
        } else if state == Activity::Active && worker != self.worker {
            let kind = EventKind::Handover {
                from: self.worker.map(Into::into),
                lasted: lasted(self.worker_since),
            };
            writer.write(self.event(time, worker, kind));
            (self.worker, self.worker_since) = (worker, now);
        }
        if time.is_multiple_of(HEARTBEAT) {
            let kind = EventKind::Heartbeat {
                state,
                lasted: lasted(self.since),
                totals: self.totals,
                assigned: self.assigned(),
            };
            writer.write(self.event(time, self.worker, kind));
        }
    }

    fn count(&mut self, seconds: u64) {
        let totals = &mut self.totals;
        *match self.state {
            Activity::Active => &mut totals.active,
            Activity::Idle => &mut totals.idle,
            Activity::Absent => &mut totals.absent,
            Activity::Unknown => &mut totals.unknown,
        } += Duration::from_secs(seconds);
    }

    fn end(&mut self, now: u32, writer: &mut Writer) {
        self.count(1);
        let kind = EventKind::End {
            state: self.state,
            lasted: Duration::from_secs((now - self.since).into()),
            totals: self.totals,
            assigned: self.assigned(),
        };
        writer.write(self.event(now - writer.begun, self.worker, kind));
    }
}

impl Writer {
    fn write(&mut self, event: Event) {
        let beginning: Timestamp = BEGINNING.parse().unwrap();
        let running = SignedDuration::try_from(event.time).unwrap() + SignedDuration::from_secs(self.begun.into());
        let record = LogRecord {
            event,
            stream: Some(self.camera.clone()),
            origin: Origin {
                utc: Some(Utc {
                    time: beginning + running,
                    clock: UtcClock::Host,
                }),
                stream_id: Some(format!("{}/001", self.camera).into()),
                run: Some(self.run.clone()),
                sequence: Some(self.sequence),
            },
        };
        self.sequence += 1;
        self.lines.push(record.to_json() + "\n");
    }
}
