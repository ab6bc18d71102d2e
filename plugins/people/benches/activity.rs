//! Activity at many stations, with 20 people in view.
//!
//! ```text
//! cargo bench -p people --bench activity
//! ```

#[path = "../../vision/benches/cpu_time/mod.rs"]
mod cpu_time;

use std::sync::Arc;
use std::time::Duration;

use cpu_time::CpuTime;
use criterion::{Criterion, criterion_group, criterion_main};
use people::activity::{ActivityOptions, ActivityTracker};
use people::station_file::Stations;
use people::{Person, Scene, Station, Track};
use vision::{Keypoint, KeypointDetection, Point, Rect};

const FRAME: (u32, u32) = (1920, 1080);
const VESTS: [&str; 5] = ["red", "green", "blue", "white", "yellow"];

/// `count` hexagons in rows, a little apart, over the whole frame.
fn benches_in_rows(count: usize) -> Stations {
    let columns = (count as f32 * 16.0 / 9.0).sqrt().ceil();
    let rows = (count as f32 / columns).ceil();
    let corner = |index: usize, x: f32, y: f32| {
        let (column, row) = (index as f32 % columns, (index as f32 / columns).floor());
        Point::new((column + 0.1 + 0.8 * x) / columns, (row + 0.1 + 0.8 * y) / rows)
    };
    const HEXAGON: [(f32, f32); 6] = [
        (0.2, 0.0),
        (0.8, 0.05),
        (1.0, 0.5),
        (0.75, 1.0),
        (0.25, 0.95),
        (0.0, 0.45),
    ];
    stations(count, |index| HEXAGON.map(|(x, y)| corner(index, x, y)).into())
}

/// `count` stations that all are nearly the whole frame.
fn whole_frames(count: usize) -> Stations {
    stations(count, |_| {
        [(0.01, 0.02), (0.98, 0.01), (0.99, 0.97), (0.02, 0.99)]
            .map(|(x, y)| Point::new(x, y))
            .into()
    })
}

/// Every second one is assigned to a worker.
fn stations(count: usize, polygon: impl Fn(usize) -> Vec<Point>) -> Stations {
    let station = |index: usize| {
        Arc::new(Station {
            name: format!("station {index}").into(),
            polygon: polygon(index),
            vest: index.is_multiple_of(2).then(|| VESTS[index / 2 % VESTS.len()].into()),
        })
    };
    (0..count).map(station).collect()
}

/// 20 people whose hands are all over the frame.
fn people(frame: u32) -> Vec<Person> {
    (0..20)
        .map(|index| {
            let center = Point::new(60.0 + 95.0 * index as f32, 300.0 + 130.0 * (index % 5) as f32);
            let reach = |keypoint: usize| KeypointDetection {
                point: Point::new(
                    center.x + 40.0 * (frame as f32 * 0.1 + keypoint as f32).sin(),
                    center.y + 60.0 * (frame as f32 * 0.07 + keypoint as f32).cos(),
                ),
                confidence: 0.6,
            };
            Person {
                bbox: Rect::from_center(center.x, center.y, 90.0, 240.0),
                score: 0.8,
                pose: Some(std::array::from_fn::<_, { Keypoint::COUNT }, _>(reach)),
                vest: None,
                track: Some(Track {
                    id: index as u64 + 1,
                    worker: VESTS.get(index).map(|vest| (*vest).into()),
                    confidence: 0.9,
                    frames_since_update: 0,
                }),
            }
        })
        .collect()
}

fn activity(c: &mut Criterion<CpuTime>) {
    for (name, stations) in [
        ("3 stations", benches_in_rows(3)),
        ("1,000 stations", benches_in_rows(1_000)),
        ("1,000 stations of the whole frame", whole_frames(1_000)),
        ("10,000 stations", benches_in_rows(10_000)),
        ("10,000 stations of the whole frame", whole_frames(10_000)),
    ] {
        let mut tracker = ActivityTracker::new(stations.clone(), ActivityOptions::default());
        let mut frame = 0;
        c.bench_function(&format!("activity/update, {name}"), |b| {
            b.iter_batched(
                || {
                    frame += 1;
                    (
                        Duration::from_millis(100) * frame,
                        Scene {
                            people: people(frame),
                            ..Scene::default()
                        },
                    )
                },
                |(time, mut scene)| {
                    let events = tracker.update(time, FRAME, &mut scene);
                    (events, scene)
                },
                criterion::BatchSize::SmallInput,
            );
        });
        if stations.len() >= 1_000 {
            c.bench_function(&format!("activity/reload, {name}"), |b| {
                b.iter(|| tracker.set_stations(stations.clone()));
            });
        }
    }
}

criterion_group!(name = benches; config = cpu_time::criterion(); targets = activity);
criterion_main!(benches);
