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
use vision::decode::{
    BoxLayout, DecodeOptions, Detection, InputSize, MAX_PEOPLE, PoseLayout, TensorView, class_probabilities, people,
};
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
    const CLASSES: usize = 3;
    let kind = usize::from(kind);
    let poses = PoseLayout::ALL.len();
    let boxes = poses + BoxLayout::ALL.len();
    if let Some(layout) = PoseLayout::ALL.get(kind) {
        pose(*layout, [fit, scale, claim], data);
    } else if let Some(layout) = BoxLayout::ALL.get(kind - poses) {
        detector(*layout, [fit, scale, claim, count], data);
    } else if kind == boxes {
        let shape = claimed(&[rows(data, CLASSES), CLASSES as i64], claim);
        let logits = TensorView {
            name: "logits",
            datatype: "FP32",
            shape: &shape,
            data: whole(data, CLASSES),
        };
        let Ok(logits) = logits.to_array() else { return };
        for vest in class_probabilities(logits.view(), CLASSES)
            .into_iter()
            .flatten()
            .flatten()
        {
            let sum: f32 = vest.iter().sum();
            assert!((sum - 1.0).abs() < 1e-3, "{vest:?}");
        }
    } else {
        let outputs = parts(data, count, claim, CLASSES as i64);
        let outputs: Vec<_> = outputs.iter().map(Part::output).collect();
        if let Ok(found) = people(&outputs, &letterbox(fit, scale, (640, 480)), CLASSES) {
            check(&found, usize::from(count).min(MAX_PEOPLE));
        }
    }
}

/// The shape of an output, given the number of candidates.
enum Form {
    /// `[1, N, …]` with these dimensions at the end.
    Rows(&'static [i64]),
    /// `[1, values, N]`.
    Columns(i64),
    /// The shape itself.
    Fixed(&'static [i64]),
}

impl Form {
    fn shape(&self, rows: i64) -> Vec<i64> {
        match self {
            Self::Rows(row) => [&[1, rows], *row].concat(),
            Self::Columns(values) => vec![1, *values, rows],
            Self::Fixed(shape) => shape.to_vec(),
        }
    }

    /// Elements of a candidate.
    fn values(&self) -> usize {
        let product = |dims: &[i64]| dims.iter().product::<i64>() as usize;
        match self {
            Self::Rows(row) => product(row),
            Self::Columns(values) => *values as usize,
            Self::Fixed(_) => 0,
        }
    }
}

/// The outputs of a pose network.
fn forms(layout: PoseLayout) -> &'static [(&'static str, Form)] {
    use Form::{Columns, Fixed, Rows};
    match layout {
        PoseLayout::Yolov7Pose | PoseLayout::Yolo26Pose => &[("output0", Rows(&[57]))],
        PoseLayout::Yolov7PoseNms => &[("detections", Rows(&[57]))],
        PoseLayout::Yolov7PoseHeads => &[
            ("a", Fixed(&[1, 3, 8, 8, 57])),
            ("b", Fixed(&[1, 3, 4, 4, 57])),
            ("c", Fixed(&[1, 3, 2, 2, 57])),
            ("d", Fixed(&[1, 3, 1, 1, 57])),
        ],
        PoseLayout::DeepstreamPose | PoseLayout::MovenetMultipose => &[("output", Rows(&[56]))],
        PoseLayout::DeepstreamPoseSplit => &[("boxes", Rows(&[4])), ("scores", Rows(&[1])), ("kpts", Rows(&[51]))],
        PoseLayout::Yolov8Pose => &[("output0", Columns(56))],
        PoseLayout::Rtmo => &[("dets", Rows(&[5])), ("keypoints", Rows(&[17, 3]))],
        PoseLayout::RfdetrPose => &[
            ("dets", Rows(&[4])),
            ("labels", Rows(&[2])),
            ("keypoints", Rows(&[34, 8])),
        ],
        PoseLayout::Detrpose => &[("scores", Rows(&[])), ("keypoints", Rows(&[17, 2]))],
        PoseLayout::MovenetSinglepose => &[("output_0", Rows(&[17, 3]))],
    }
}

/// Names, shapes and data of outputs of such forms, of as many candidates as there is data for; one has a wrong shape, perhaps. What
/// the data does not reach is data again.
fn outputs(forms: &[(&'static str, Form)], claim: u8, data: &[u8]) -> Vec<(&'static str, Vec<i64>, Vec<u8>)> {
    let values: usize = forms.iter().map(|(_, form)| form.values()).sum();
    let rows = rows(data, values.max(1));
    let mut elements = data.iter().copied().cycle();
    let each = forms.iter().enumerate().map(|(index, (name, form))| {
        let shape = form.shape(rows);
        let size = 4 * shape.iter().product::<i64>() as usize;
        let data = elements.by_ref().take(size).collect();
        let is_wrong = usize::from(claim) % forms.len() == index;
        let shape = if is_wrong { claimed(&shape, claim) } else { shape };
        (*name, shape, data)
    });
    each.collect()
}

fn pose(layout: PoseLayout, [fit, scale, claim]: [u8; 3], data: &[u8]) {
    // of the raw heads, or as large as cameras' networks
    let input = if layout == PoseLayout::Yolov7PoseHeads {
        (64, 64)
    } else {
        (640, 480)
    };
    let letterbox = letterbox(fit, scale, input);
    let outputs = outputs(forms(layout), claim, data);
    // Bytes are elements of either size.
    let datatype = if claim & 64 == 0 { "FP32" } else { "FP16" };
    let views: Vec<TensorView<'_>> = outputs
        .iter()
        .map(|(name, shape, data)| TensorView {
            name,
            datatype,
            shape,
            data: if datatype == "FP32" {
                data
            } else {
                &data[..data.len() / 2]
            },
        })
        .collect();
    let shapes: Vec<(&str, &[i64])> = views.iter().map(|view| (view.name, view.shape)).collect();
    let detected = PoseLayout::detect(&shapes, letterbox.input_size());
    // As `poseparse` does: the layout that was told, else the one that the shapes tell.
    for layout in [Ok(layout), detected].into_iter().flatten() {
        let options = DecodeOptions::default();
        if let Ok(found) = layout.decode(&views, &letterbox, &options) {
            check(&found, options.max_people);
            assert!(
                found.iter().all(|person| person.score >= options.score_threshold),
                "{found:?}"
            );
        }
    }
}

/// Boxes of three classes in 64×64, whose grids have 84 cells.
fn detector(layout: BoxLayout, [fit, scale, claim, class]: [u8; 4], data: &[u8]) {
    let input = (64, 64);
    let forms = match layout {
        BoxLayout::Yolox => [("output", Form::Fixed(&[1, 84, 8]))],
        BoxLayout::Yolov5 => [("output", Form::Rows(&[8]))],
        BoxLayout::Yolov8 => [("output0", Form::Columns(7))],
        BoxLayout::Yolo26 => [("output0", Form::Rows(&[6]))],
    };
    let outputs = outputs(&forms, claim, data);
    let views: Vec<TensorView<'_>> = outputs
        .iter()
        .map(|(name, shape, data)| TensorView {
            name,
            datatype: "FP32",
            shape,
            data,
        })
        .collect();
    let shapes: Vec<(&str, &[i64])> = views.iter().map(|view| (view.name, view.shape)).collect();
    let class = Some(usize::from(class)).filter(|class| *class < 4);
    for layout in [Ok(layout), BoxLayout::detect(&shapes, Some(input))]
        .into_iter()
        .flatten()
    {
        let options = DecodeOptions::default();
        let Ok(found) = layout.decode(&views, &letterbox(fit, scale, input), &options, class) else {
            continue;
        };
        assert!(found.len() <= options.max_people);
        for object in &found {
            assert!(object.bbox.area() > 0.0 && object.bbox.area().is_finite(), "{object:?}");
            assert!(
                object.score >= options.score_threshold && object.score.is_finite(),
                "{object:?}"
            );
            assert!(class.is_none_or(|class| class == object.class), "{object:?}");
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
fn letterbox(fit: u8, scale: u8, (width, height): InputSize) -> Letterbox {
    let (fit, piece) = (if fit & 1 == 0 { Fit::Letterbox } else { Fit::Stretch }, f32::from(fit));
    let region = Rect::new(-piece, piece / 2.0, 1920.0 - 7.0 * piece, 1080.0);
    let letterbox = Letterbox::fit(region, width, height, fit).unwrap_or_default();
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
            datatype: "FP32",
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
