//! The decoders of poses and boxes, from the bytes of a response.
//!
//! ```text
//! cargo bench -p vision --bench decode
//! ```

mod cpu_time;

use cpu_time::CpuTime;
use criterion::{Criterion, criterion_group, criterion_main};
use vision::Rect;
use vision::decode::{BoxLayout, DecodeOptions, PoseLayout, TensorView};
use vision::letterbox::{Fit, Letterbox};

/// The values of one of 20 people side by side, by the letters of columns: centre, size, edges, score, keypoint's x, y and
/// confidence, and numbers that are nothing of these.
fn value(letter: u8, person: usize, is_found: bool) -> f32 {
    let left = 30.0 * person as f32;
    match letter {
        b'x' => left + 12.0,
        b'y' => 140.0,
        b'w' => 25.0,
        b'h' => 80.0,
        b'l' => left,
        b't' => 100.0,
        b'r' => left + 25.0,
        b'b' => 180.0,
        b'1' => 0.9,
        _ if is_found => 0.9,
        _ => 0.01,
    }
}

/// A tensor of `rows` candidates, of which every `every`-th is a person.
fn tensor(rows: usize, every: usize, letters: &str, by_column: bool, scale: f32) -> Vec<u8> {
    let letters = letters.as_bytes();
    let at = |row: usize, column: usize| {
        let value = value(letters[column], row / every % 20, row.is_multiple_of(every));
        if b"xywhltrb".contains(&letters[column]) {
            value * scale
        } else {
            value
        }
    };
    let values: Vec<f32> = if by_column {
        let columns = 0..letters.len();
        columns
            .flat_map(|column| (0..rows).map(move |row| at(row, column)))
            .collect()
    } else {
        (0..rows)
            .flat_map(|row| (0..letters.len()).map(move |column| at(row, column)))
            .collect()
    };
    values.into_iter().flat_map(f32::to_le_bytes).collect()
}

fn view<'a>(name: &'a str, shape: &'a [i64], data: &'a [u8]) -> TensorView<'a> {
    TensorView {
        name,
        datatype: "FP32",
        shape,
        data,
    }
}

fn square() -> Letterbox {
    Letterbox::fit(Rect::new(0.0, 0.0, 1920.0, 1080.0), 640, 640, Fit::Letterbox).expect("sizes are usable")
}

fn poses(c: &mut Criterion<CpuTime>) {
    let options = DecodeOptions::default();
    let keypoints = "xy1".repeat(17);
    let with_keypoints = |head: &str| format!("{head}{keypoints}");
    for (layout, rows, every, letters, fraction) in [
        (PoseLayout::Yolov7Pose, 57_375, 500, with_keypoints("xywhs1"), 1.0),
        // everything above the threshold
        (PoseLayout::Yolov7Pose, 57_375, 1, with_keypoints("xywhs1"), 1.0),
        (PoseLayout::Yolov8Pose, 8_400, 100, with_keypoints("xywhs"), 1.0),
        (PoseLayout::Yolo26Pose, 300, 15, with_keypoints("ltrbs0"), 1.0),
        (
            PoseLayout::MovenetMultipose,
            6,
            1,
            format!("{}tlbrs", "yx1".repeat(17)),
            1.0 / 640.0,
        ),
    ] {
        let by_column = layout == PoseLayout::Yolov8Pose;
        let data = tensor(rows, every, &letters, by_column, fraction);
        let (rows, columns) = (rows as i64, letters.len() as i64);
        let shape = if by_column {
            [1, columns, rows]
        } else {
            [1, rows, columns]
        };
        let outputs = [view("output", &shape, &data)];
        let decode = || layout.decode(&outputs, &square(), &options).expect("the shape fits");
        let people = decode().len();
        assert!(people >= rows.min(6) as usize, "{layout:?}: {people} people");
        let name = format!("decode/{} {rows} rows, every {every}th, {people} people", layout.name());
        c.bench_function(&name, |b| b.iter(decode));
    }
}

/// The raw heads of 960×960 with a score of 0.95 · 0.95 for each 500th candidate.
fn heads(c: &mut Criterion<CpuTime>) {
    let letterbox = Letterbox::fit(Rect::new(0.0, 0.0, 1920.0, 1080.0), 960, 960, Fit::Letterbox).expect("usable");
    let heads: Vec<([i64; 5], Vec<u8>)> = [8, 16, 32, 64]
        .map(|stride| {
            let side = 960 / stride;
            let rows = 3 * side * side;
            let value = |row: usize, column: usize| match column {
                4 | 5 if row.is_multiple_of(500) => 3.0_f32,
                4 | 5 => -6.0,
                _ => 0.1,
            };
            let values = (0..rows).flat_map(|row| (0..57).map(move |column| value(row, column)));
            let shape = [1, 3, side as i64, side as i64, 57];
            (shape, values.flat_map(f32::to_le_bytes).collect())
        })
        .into();
    let outputs: Vec<TensorView<'_>> = heads.iter().map(|(shape, data)| view("head", shape, data)).collect();
    let options = DecodeOptions::default();
    let decode = || {
        let people = PoseLayout::Yolov7PoseHeads.decode(&outputs, &letterbox, &options);
        people.expect("the shapes fit")
    };
    assert!(decode().len() > 6);
    c.bench_function("decode/yolov7-pose-heads 57375 rows", |b| b.iter(decode));
}

fn boxes(c: &mut Criterion<CpuTime>) {
    let options = DecodeOptions::default();
    let classes = "0".repeat(79);
    for (layout, letters, class) in [
        (BoxLayout::Yolox, format!("0000s1{classes}"), Some(0)),
        (BoxLayout::Yolox, format!("0000s1{classes}"), None),
        (BoxLayout::Yolov8, format!("xywhs{classes}"), Some(0)),
    ] {
        let by_column = layout == BoxLayout::Yolov8;
        let data = tensor(8_400, 100, &letters, by_column, 1.0);
        let columns = letters.len() as i64;
        let shape = if by_column {
            [1, columns, 8_400]
        } else {
            [1, 8_400, columns]
        };
        let outputs = [view("output", &shape, &data)];
        let decode = || {
            layout
                .decode(&outputs, &square(), &options, class)
                .expect("the shape fits")
        };
        assert!(decode().len() > 6, "{layout:?}: {} objects", decode().len());
        let which = class.map_or("all classes".to_owned(), |class| format!("class {class}"));
        c.bench_function(&format!("decode/{} 8400 rows, {which}", layout.name()), |b| {
            b.iter(decode)
        });
    }
}

criterion_group!(name = benches; config = cpu_time::criterion(); targets = poses, heads, boxes);
criterion_main!(benches);
