//! What is fuzzed: a function of bytes for each kind of thing that others write and we read.
//!
//! `scripts/fuzz` calls them with what libFuzzer makes up, the tests of this tree with the corpus that was left of it.
//! Each panics where a parser does, and where what a parser gave is not what it promises.

// A fuzz target is a program of its own and calls one of them.
#![allow(dead_code)]

use inference::Contract;
use people::station_file::Stations;

use shopfloor::launch::{Parameters, expand, parse_parameter};
use shopfloor::report::sums::tally;
use shopfloor::report::{ledger, log, source};
use triton::ModelDescription;
use vision::Rect;
use vision::decode::{DecodeOptions, Detection, PoseLayout, TensorView, class_probabilities, f32_tensor, people};
use vision::letterbox::{Fit, Letterbox};

/// A station file.
pub fn stations(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Stations::parse(text) {
        Ok(stations) => {
            for station in stations.iter() {
                let outside = station.polygon.iter().find(|corner| !station.contains(**corner));
                assert_eq!(outside, None, "a corner that is not inside of {station:?}");
            }
            assert_eq!(Stations::parse(&stations.to_json()), Ok(stations), "not read back");
        }
        Err(error) => {
            let line = text.split('\n').nth(error.line - 1);
            let end = line.map(|line| line.chars().count() + 1);
            assert!(end.is_some_and(|end| (1..=end).contains(&error.column)), "{error}");
        }
    }
}

/// What Triton says about a model: its metadata on the first line, its configuration below.
pub fn contracts(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (metadata, config) = text.split_once('\n').unwrap_or((text, "{}"));
    let description = match ModelDescription::from_json(metadata, config) {
        Ok(description) => description,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    match Contract::read(&description) {
        Ok(Contract { image, .. }) => {
            assert!(image.format.width > 0 && image.format.height > 0, "{image:?}");
            assert!(image.format.std.iter().all(|std| *std != 0.0), "{image:?}");
            let elements: i64 = image.shape(1).iter().product();
            let size = image.datatype().size().expect("images are numbers") as i64;
            assert_eq!(i64::try_from(image.byte_size(1)), Ok(elements * size), "{image:?}");
            assert!(
                image.byte_size(image.max_batch()) >= image.byte_size(1).min(1),
                "{image:?}"
            );
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A launch file, and an option `--set` for one.
pub fn launch(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok((name, _)) = parse_parameter(text) {
        assert!(!name.is_empty());
    }
    let given = Parameters::from([("input".to_owned(), r#"${input} "\"#.to_owned())]);
    let Ok((_, names)) = expand(text, &given) else { return };
    // With a value for each, none is missing, and which ones there are does not depend on that.
    let all: Parameters = names.iter().map(|name| (name.clone(), "1".to_owned())).collect();
    let (_, again) = expand(text, &all).expect("every parameter has a value");
    assert_eq!(names, again);
}

/// A log of activity, the ledger of it, and the sums.
pub fn activity(bytes: &[u8]) {
    let part = source::Part {
        path: "log".into(),
        log: "log".into(),
        content: log::parse(bytes),
    };
    let book = ledger::join(vec![part]);
    for ledger in book.clock.iter().chain(&book.running) {
        let Some(range) = ledger.range() else { continue };
        let tally = tally(ledger, range);
        let workers = tally.workers.iter().map(|worker| &worker.sums);
        for sums in workers.chain(tally.stations.iter().map(|station| &station.sums)) {
            let mut latest = range.from;
            for span in &sums.spans {
                assert!(latest <= span.range.from && span.range.from < span.range.to, "{sums:?}");
                latest = span.range.to;
            }
            assert!(latest <= range.to, "{sums:?}");
            assert!(
                sums.coverage().is_none_or(|share| (0.0..=1.0).contains(&share)),
                "{sums:?}"
            );
        }
    }
}

/// A model's answer: five bytes that say what it claims to be, then its elements.
pub fn tensors(bytes: &[u8]) {
    let Some((&[kind, fit, scale, claim, count], data)) = bytes.split_first_chunk() else {
        return;
    };
    let letterbox = letterbox(fit, scale);
    const CLASSES: usize = 3;
    let layout = PoseLayout::ALL.get(usize::from(kind)).copied();
    match (layout, kind) {
        (Some(layout), _) => pose(layout, claim, data, &letterbox),
        (None, 4) => {
            let shape = [rows(data, CLASSES), CLASSES as i64];
            let Ok(logits) = f32_tensor(&claimed(&shape, claim), whole(data, CLASSES)) else {
                return;
            };
            for vest in class_probabilities(logits.view(), CLASSES)
                .into_iter()
                .flatten()
                .flatten()
            {
                let sum: f32 = vest.iter().sum();
                assert!((sum - 1.0).abs() < 1e-3, "{vest:?}");
            }
        }
        _ => {
            let outputs = parts(data, count, claim, CLASSES as i64);
            let outputs: Vec<_> = outputs.iter().map(Part::output).collect();
            if let Ok(found) = people(&outputs, &letterbox, CLASSES) {
                check(&found, usize::from(count));
            }
        }
    }
}

fn pose(layout: PoseLayout, claim: u8, data: &[u8], letterbox: &Letterbox) {
    let columns = match layout {
        PoseLayout::Yolov7Pose | PoseLayout::Yolov7PoseNms => 57,
        PoseLayout::Yolov8Pose | PoseLayout::MovenetMultipose => 56,
    };
    let (rows, wide) = (rows(data, columns), columns as i64);
    let shape = match layout {
        PoseLayout::Yolov7PoseNms => vec![rows, wide],
        PoseLayout::Yolov8Pose => vec![1, wide, rows],
        PoseLayout::Yolov7Pose | PoseLayout::MovenetMultipose => vec![1, rows, wide],
    };
    let shape = claimed(&shape, claim);
    let tensors: [(&str, &[i64]); 2] = [("raw", &[1, 3, 20, 20, 57]), ("output", &shape)];
    // As `poseparse` does: the layout that was told, else the one that the shape tells.
    let told = layout.find(&tensors).map(|index| (layout, index));
    for (layout, index) in [told, PoseLayout::detect(&tensors)].into_iter().flatten() {
        assert!(index < tensors.len());
        let Ok(tensor) = f32_tensor(tensors[index].1, whole(data, columns)) else {
            continue;
        };
        let options = DecodeOptions::default();
        if let Ok(found) = layout.decode(tensor.view(), letterbox, &options) {
            check(&found, options.max_people);
            assert!(
                found.iter().all(|person| person.score >= options.score_threshold),
                "{found:?}"
            );
        }
    }
}

/// Whoever reads people relies on this.
fn check(found: &[Detection], most: usize) {
    assert!(found.len() <= most);
    for person in found {
        let Rect {
            left,
            top,
            right,
            bottom,
        } = person.bbox;
        assert!(
            [left, top, right, bottom, person.score]
                .iter()
                .all(|value| value.is_finite()),
            "{person:?}"
        );
        assert!(person.bbox.area() > 0.0, "{person:?}");
        let keypoints = person.pose.iter().flatten();
        for value in keypoints.flat_map(|keypoint| [keypoint.point.x, keypoint.point.y, keypoint.confidence]) {
            assert!(value.is_finite(), "{person:?}");
        }
    }
}

/// Of a frame or a piece of one, perhaps scaled since.
fn letterbox(fit: u8, scale: u8) -> Letterbox {
    let (fit, piece) = (if fit & 1 == 0 { Fit::Letterbox } else { Fit::Stretch }, f32::from(fit));
    let region = Rect::new(-piece, piece / 2.0, 1920.0 - 7.0 * piece, 1080.0);
    let letterbox = Letterbox::fit(region, 640, 480, fit).unwrap_or_default();
    let factor = 2.0_f32.powi(i32::from(scale as i8));
    letterbox.of_scaled_frame(factor, 1.0 / factor)
}

/// The shape, or one that has a dimension wrong.
fn claimed(shape: &[i64], claim: u8) -> Vec<i64> {
    let mut shape = shape.to_vec();
    match claim {
        0..128 => {}
        128..144 => shape.push(1),
        144..160 => shape.clear(),
        _ => {
            let index = usize::from(claim) % shape.len();
            shape[index] = [-1, 0, 2, i64::MAX, 56, 57][usize::from(claim >> 2) % 6];
        }
    }
    shape
}

fn rows(data: &[u8], columns: usize) -> i64 {
    (data.len() / (4 * columns)) as i64
}

/// As much of the data as makes whole rows.
fn whole(data: &[u8], columns: usize) -> &[u8] {
    &data[..data.len() - data.len() % (4 * columns)]
}

/// An output of a model that gives people whole.
struct Part<'a> {
    name: &'static str,
    shape: Vec<i64>,
    data: &'a [u8],
}

impl Part<'_> {
    fn output(&self) -> TensorView<'_> {
        TensorView {
            name: self.name,
            shape: &self.shape,
            data: self.data,
        }
    }
}

/// The data dealt out to the outputs, from the front; `count` takes the first eight bytes.
fn parts(data: &[u8], rows: u8, claim: u8, labels: i64) -> Vec<Part<'_>> {
    let (first, mut rest) = data.split_at(data.len().min(8));
    let mut parts = vec![Part {
        name: "count",
        shape: vec![1],
        data: first,
    }];
    let rows = i64::from(rows);
    for (index, (name, row)) in [
        ("boxes", &[4][..]),
        ("scores", &[]),
        ("keypoints", &[17, 3]),
        ("vests", &[labels]),
    ]
    .into_iter()
    .enumerate()
    {
        let shape: Vec<i64> = std::iter::once(rows).chain(row.iter().copied()).collect();
        let size = 4 * shape.iter().product::<i64>() as usize;
        let (data, after) = rest.split_at(rest.len().min(size));
        rest = after;
        let shape = if usize::from(claim & 3) == index {
            claimed(&shape, claim)
        } else {
            shape
        };
        parts.push(Part { name, shape, data });
    }
    parts
}
