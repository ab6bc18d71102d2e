//! The decoders of pose tensors.
//!
//! ```text
//! cargo bench -p vision --bench decode
//! ```

mod cpu_time;

use cpu_time::CpuTime;
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{ArrayD, IxDyn};
use vision::Rect;
use vision::decode::{DecodeOptions, PoseLayout};
use vision::letterbox::{Fit, Letterbox};

/// A tensor of `rows` candidates of which every `every`-th is a person, 20 of them side by side.
fn tensor(layout: PoseLayout, rows: usize, every: usize) -> ArrayD<f32> {
    let values = match layout {
        PoseLayout::Yolov7Pose | PoseLayout::Yolov7PoseNms => 57,
        PoseLayout::Yolov8Pose | PoseLayout::MovenetMultipose => 56,
    };
    let by_column = layout == PoseLayout::Yolov8Pose;
    let fractions = layout == PoseLayout::MovenetMultipose;
    let value = |row: usize, value: usize| {
        let found = row.is_multiple_of(every);
        let left = (row / every % 20) as f32 * 30.0;
        let scale = if fractions { 1.0 / 640.0 } else { 1.0 };
        match (layout, value) {
            (PoseLayout::MovenetMultipose, 55) | (_, 4) => {
                if found {
                    0.9
                } else {
                    0.01
                }
            }
            (PoseLayout::Yolov7Pose, 5) => 0.9,
            (PoseLayout::MovenetMultipose, 51..=54) => [100.0, left, 180.0, left + 25.0][value - 51] * scale,
            (PoseLayout::Yolov7PoseNms, 0..=3) => [left, 100.0, left + 25.0, 180.0][value],
            (_, 0..=3) if !fractions => [left + 12.0, 140.0, 25.0, 80.0][value],
            _ => (left + value as f32) * scale,
        }
    };
    let data = |row, column| {
        if by_column {
            value(column, row)
        } else {
            value(row, column)
        }
    };
    let (height, width) = if by_column { (values, rows) } else { (rows, values) };
    let all = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
    let all = all.map(|(row, column)| data(row, column)).collect();
    ArrayD::from_shape_vec(IxDyn(&[1, height, width]), all).expect("the shape holds the values")
}

fn decode(c: &mut Criterion<CpuTime>) {
    let letterbox =
        Letterbox::fit(Rect::new(0.0, 0.0, 1920.0, 1080.0), 640, 640, Fit::Letterbox).expect("sizes are usable");
    for (layout, rows, every) in [
        (PoseLayout::Yolov7Pose, 57_375, 500),
        (PoseLayout::Yolov8Pose, 8_400, 100),
        (PoseLayout::Yolov7PoseNms, 300, 15),
        (PoseLayout::MovenetMultipose, 6, 1),
    ] {
        let tensor = tensor(layout, rows, every);
        let people = layout
            .decode(tensor.view(), &letterbox, &DecodeOptions::default())
            .expect("the shape fits");
        assert!(people.len() >= rows.min(6), "{layout:?}: {} people", people.len());
        c.bench_function(
            &format!("decode/{} {rows} rows, {} people", layout.name(), people.len()),
            |b| {
                b.iter(|| layout.decode(tensor.view(), &letterbox, &DecodeOptions::default()));
            },
        );
    }
}

criterion_group!(name = benches; config = cpu_time::criterion(); targets = decode);
criterion_main!(benches);
