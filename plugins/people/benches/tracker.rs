//! The tracker: people who walk up and down, with vests.
//!
//! ```text
//! cargo bench -p people --bench tracker
//! ```

#[path = "../../vision/benches/cpu_time/mod.rs"]
mod cpu_time;

use std::sync::Arc;
use std::time::Duration;

use cpu_time::CpuTime;
use criterion::{Criterion, criterion_group, criterion_main};
use people::tracker::{Tracker, TrackerOptions};
use people::{Person, Scene, VestName, VestScores};
use vision::Rect;

/// The `index`-th person at frame `frame`, in 1080p.
fn person(index: usize, frame: u32, labels: &Arc<[VestName]>) -> Person {
    let (column, row) = ((index % 10) as f32, (index / 10) as f32);
    let sway = 40.0 * (frame as f32 * 0.05 + index as f32).sin();
    let center = (120.0 + 180.0 * column + sway, 250.0 + 300.0 * row);
    let own = 1 + index % (labels.len() - 1);
    Person {
        bbox: Rect::from_center(center.0, center.1, 90.0, 240.0),
        score: 0.8,
        vest: Some(VestScores {
            labels: labels.clone(),
            probabilities: (0..labels.len())
                .map(|label| if label == own { 0.9 } else { 0.1 / 7.0 })
                .collect(),
        }),
        ..Person::default()
    }
}

fn tracker(c: &mut Criterion<CpuTime>) {
    let labels: Arc<[VestName]> = ["none", "red", "orange", "yellow", "green", "blue", "purple", "white"]
        .map(Arc::from)
        .into();
    for people in [5, 20, 100] {
        let mut tracker = Tracker::new(TrackerOptions::default());
        tracker.set_frame_size(1920, 1080);
        let mut frame = 0;
        c.bench_function(&format!("tracker/{people} people"), |b| {
            b.iter_batched(
                || {
                    frame += 1;
                    let people = (0..people).map(|index| person(index, frame, &labels)).collect();
                    (
                        Duration::from_millis(100) * frame,
                        Scene {
                            people,
                            ..Scene::default()
                        },
                    )
                },
                |(time, mut scene)| {
                    tracker.update(time, &mut scene);
                    scene
                },
                criterion::BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(name = benches; config = cpu_time::criterion(); targets = tracker);
criterion_main!(benches);
