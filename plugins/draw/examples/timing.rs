//! Times the drawing of one frame: 10 people with box, skeleton and label, and 3 translucent stations, in 1080p.
//!
//! ```text
//! cargo run --release -p draw --example timing -- [FRAMES [FORMAT]]
//! ```

use std::time::{Duration, Instant};

use draw::{Painter, PlaneMut, Style, Surface};
use people::{Activity, Person, Scene, Station, StationStatus, Totals, Track};
use vision::image::{Colorimetry, PixelFormat};
use vision::{KeypointDetection, Point, Rect};

const SIZE: (usize, usize) = (1920, 1080);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let frames: usize = std::env::args().nth(1).map_or(Ok(100), |n| n.parse())?;
    let scene = scene();
    let wanted = std::env::args().nth(2);
    for format in PixelFormat::ALL {
        if wanted.as_ref().is_some_and(|name| name != format.name()) {
            continue;
        }
        let mut planes: Vec<Vec<u8>> = Vec::new();
        for plane in 0..format.planes() {
            let (columns, rows) = format.plane_size(plane, SIZE.0, SIZE.1);
            planes.push(vec![120; columns * rows * format.pixel_stride(plane)]);
        }
        let mut painter = Painter::new();
        let mut times = Vec::new();
        for _ in 0..frames.max(1) {
            let planes = planes.iter_mut().enumerate().map(|(plane, data)| {
                let stride = format.plane_size(plane, SIZE.0, SIZE.1).0 * format.pixel_stride(plane);
                PlaneMut { data, stride }
            });
            let mut surface = Surface::new(format, SIZE.0, SIZE.1, planes, Colorimetry::default())?;
            let start = Instant::now();
            painter.paint(&mut surface, &scene, &Style::default());
            times.push(start.elapsed());
        }
        times.sort_unstable();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let (least, median) = (times[0], times[times.len() / 2]);
        println!(
            "{:5} least {:.2} ms, median {:.2} ms",
            format.name(),
            ms(least),
            ms(median)
        );
    }
    Ok(())
}

fn scene() -> Scene {
    let vests = ["red", "orange", "yellow", "green", "blue", "purple", "white"];
    Scene {
        people: (0..10).map(|i| person(i, vests.get(i).copied())).collect(),
        stations: (0..3).map(station).collect(),
        ..Scene::default()
    }
}

/// A person of 150×420 pixels, waving.
fn person(index: usize, vest: Option<&str>) -> Person {
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
            worker: vest.map(Into::into),
            confidence: 0.9,
            frames_since_update: 0,
        }),
    }
}

/// A slanted active station of about 400×400 pixels.
fn station(index: usize) -> StationStatus {
    let left = 0.06 + 0.31 * index as f32;
    let polygon = [(0.0, 0.4), (0.2, 0.37), (0.23, 0.73), (0.02, 0.78)];
    StationStatus {
        station: Station {
            name: format!("bench {}", index + 1).into(),
            polygon: polygon.map(|(x, y)| Point::new(left + x, y)).into(),
            vest: Some(["red", "green", "blue"][index].into()),
        }
        .into(),
        activity: Activity::Active,
        worker: None,
        since: Duration::ZERO,
        lasted: Duration::from_secs(12),
        totals: Totals::default(),
    }
}
