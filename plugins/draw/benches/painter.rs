//! The painter: whole scenes on frames of 1080p, and the demo video's size.
//!
//! ```text
//! cargo bench -p draw --bench painter
//! ```

#[path = "../../vision/benches/cpu_time/mod.rs"]
mod cpu_time;

use std::time::Duration;

use cpu_time::CpuTime;
use criterion::{Criterion, criterion_group, criterion_main};
use draw::{Painter, PlaneMut, Style, Surface};
use people::{Activity, Person, Scene, Station, StationStatus, Totals, Track};
use vision::image::{Colorimetry, PixelFormat};
use vision::{KeypointDetection, Point, Rect};

const SIZE: (usize, usize) = (1920, 1080);
/// Of the demo video.
const SMALL: (usize, usize) = (768, 576);
const VESTS: [&str; 7] = ["red", "orange", "yellow", "green", "blue", "purple", "white"];

fn painter(c: &mut Criterion<CpuTime>) {
    let busy = Scene {
        people: (0..10).map(person).collect(),
        stations: (0..3).map(bench).collect(),
        ..Scene::default()
    };
    for format in [
        PixelFormat::I420,
        PixelFormat::Nv12,
        PixelFormat::Rgb,
        PixelFormat::Bgrx,
    ] {
        time(
            c,
            &format!("10 people and 3 stations, {}", format.name()),
            format,
            |_| busy.clone(),
        );
    }
    let people = Scene {
        stations: Vec::new(),
        ..busy.clone()
    };
    time(c, "10 people, I420", PixelFormat::I420, |_| people.clone());
    for format in [PixelFormat::I420, PixelFormat::Nv12] {
        let name = format!("7 people who walk and 3 stations, 768x576 {}", format.name());
        let stations = (0..3).map(bench).collect::<Vec<_>>();
        time_sized(c, &name, (format, SMALL), |number| Scene {
            people: walking(7, number),
            stations: stations.clone(),
            ..Scene::default()
        });
    }
    let name = "6 people who walk, 768x576 I420";
    time_sized(c, name, (PixelFormat::I420, SMALL), |number| Scene {
        people: walking(6, number),
        ..Scene::default()
    });
    for count in [100, 1_000, 10_000] {
        time(
            c,
            &format!("{count} stations in rows, I420"),
            PixelFormat::I420,
            |frame| in_rows(count, frame),
        );
    }
    for count in [10, 100] {
        time(
            c,
            &format!("{count} stations of the whole frame, I420"),
            PixelFormat::I420,
            |frame| whole_frame(count, frame),
        );
    }
}

/// Times the frames of a stream of 1080p, one of which is `scene(number)`, drawn onto one frame.
fn time(c: &mut Criterion<CpuTime>, name: &str, format: PixelFormat, scene: impl Fn(u64) -> Scene) {
    time_sized(c, name, (format, SIZE), scene);
}

/// As [`time`], for frames of any size.
fn time_sized(
    c: &mut Criterion<CpuTime>,
    name: &str,
    (format, size): (PixelFormat, (usize, usize)),
    scene: impl Fn(u64) -> Scene,
) {
    let mut planes: Vec<Vec<u8>> = (0..format.planes())
        .map(|plane| {
            let (columns, rows) = format.plane_size(plane, size.0, size.1);
            vec![120; columns * rows * format.pixel_stride(plane)]
        })
        .collect();
    let mut painter = Painter::new();
    let mut number = 0;
    c.bench_function(&format!("painter/{name}"), |b| {
        b.iter_batched(
            || {
                number += 1;
                scene(number)
            },
            |scene| {
                let planes = planes.iter_mut().enumerate().map(|(plane, data)| {
                    let stride = format.plane_size(plane, size.0, size.1).0 * format.pixel_stride(plane);
                    PlaneMut { data, stride }
                });
                let surface = Surface::new(format, size.0, size.1, planes, Colorimetry::default());
                let mut surface = surface.expect("the planes are a frame");
                painter.paint(&mut surface, Duration::ZERO, Some(&scene), &Style::default());
                scene
            },
            criterion::BatchSize::PerIteration,
        );
    });
}

/// A person of 150×420 pixels, waving.
fn person(index: usize) -> Person {
    const JOINTS: [(u8, u8); 17] = [
        (50, 9),
        (54, 7),
        (46, 7),
        (58, 8),
        (42, 8),
        (72, 20),
        (28, 20),
        (84, 34),
        (16, 34),
        (92, 48),
        (6, 18),
        (64, 52),
        (36, 52),
        (66, 74),
        (33, 73),
        (68, 96),
        (30, 96),
    ];
    let (left, top) = (60.0 + 180.0 * index as f32, 200.0 + 60.0 * (index % 5) as f32);
    let pose = JOINTS.map(|(x, y)| KeypointDetection {
        point: Point::new(left + f32::from(x) * 1.5, top + f32::from(y) * 4.2),
        confidence: 0.6,
    });
    Person {
        bbox: Rect::new(left, top, left + 150.0, top + 420.0),
        score: 0.8,
        pose: Some(pose),
        vest: None,
        track: Some(Track {
            id: index as u64,
            worker: VESTS.get(index).map(|vest| (*vest).into()),
            confidence: 0.9,
            frames_since_update: 0,
        }),
    }
}

/// People of 31×84 pixels, as the demo video's are on average, at frame `number`: each walks by half a pixel a frame.
fn walking(count: usize, number: u64) -> Vec<Person> {
    let steps = (number % 180) as f32;
    let moved = |index: usize| {
        let mut person = person(index);
        let (left, top) = (20.0 + 104.0 * index as f32, 150.0 + 40.0 * (index % 4) as f32);
        let shift = Point::new(left + 0.5 * steps, top + 0.25 * steps);
        let at = Point::new(person.bbox.left, person.bbox.top);
        let scaled = |p: Point| Point::new((p.x - at.x) * 0.21 + shift.x, (p.y - at.y) * 0.2 + shift.y);
        let (low, high) = (scaled(at), scaled(Point::new(person.bbox.right, person.bbox.bottom)));
        person.bbox = Rect::new(low.x, low.y, high.x, high.y);
        for keypoint in person.pose.iter_mut().flatten() {
            keypoint.point = scaled(keypoint.point);
        }
        person
    };
    (0..count).map(moved).collect()
}

/// A slanted active station of about 400×400 pixels.
fn bench(index: usize) -> StationStatus {
    let left = 0.06 + 0.31 * index as f32;
    let polygon = [(0.0, 0.4), (0.2, 0.37), (0.23, 0.73), (0.02, 0.78)];
    let polygon = polygon.map(|(x, y)| Point::new(left + x, y));
    status(
        format!("bench {}", index + 1),
        &polygon,
        Some(VESTS[index]),
        Activity::Active,
        12,
    )
}

fn status(name: String, polygon: &[Point], vest: Option<&str>, activity: Activity, seconds: u64) -> StationStatus {
    StationStatus {
        station: Station {
            name: name.into(),
            polygon: polygon.to_vec(),
            vest: vest.map(Into::into),
        }
        .into(),
        activity,
        worker: None,
        since: Duration::ZERO,
        lasted: Duration::from_secs(seconds),
        totals: Totals::default(),
    }
}

/// `count` small stations in rows over the frame at frame `number` of 25 a second: a twentieth is active, a few are unknown,
/// and their clocks do not tick at the same time.
fn in_rows(count: usize, number: u64) -> Scene {
    let columns = (count as f32 * 16.0 / 9.0).sqrt().ceil();
    let rows = (count as f32 / columns).ceil();
    let station = |index: usize| {
        let (column, row) = (index as f32 % columns, (index as f32 / columns).floor());
        let corners = [(0.1, 0.1), (0.9, 0.15), (0.85, 0.9), (0.15, 0.85)];
        let polygon = corners.map(|(x, y)| Point::new((column + x) / columns, (row + y) / rows));
        let activity = match index % 20 {
            0 => Activity::Active,
            1 => Activity::Unknown,
            2..10 => Activity::Idle,
            _ => Activity::Absent,
        };
        let vest = index.is_multiple_of(2).then(|| VESTS[index / 2 % VESTS.len()]);
        status(
            format!("station {index}"),
            &polygon,
            vest,
            activity,
            (number + index as u64) / 25,
        )
    };
    Scene {
        stations: (0..count).map(station).collect(),
        ..Scene::default()
    }
}

/// `count` active stations that all are nearly the whole frame.
fn whole_frame(count: usize, number: u64) -> Scene {
    let polygon = [(0.01, 0.02), (0.98, 0.01), (0.99, 0.97), (0.02, 0.99)].map(|(x, y)| Point::new(x, y));
    let station = |index: usize| {
        let vest = Some(VESTS[index % VESTS.len()]);
        status(
            format!("station {index}"),
            &polygon,
            vest,
            Activity::Active,
            number / 25,
        )
    };
    Scene {
        stations: (0..count).map(station).collect(),
        ..Scene::default()
    }
}

criterion_group!(name = benches; config = cpu_time::criterion(); targets = painter);
criterion_main!(benches);
