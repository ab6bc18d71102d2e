//! Pose tensors become people: goldens of every layout, and a slow reference, number for number.

use std::fmt::Write;

use crate::outputs::{Output, views};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use vision::decode::{DecodeOptions, Detection, MAX_CANDIDATES, MAX_PEOPLE, PoseLayout};
use vision::letterbox::{Fit, Letterbox};
use vision::{Keypoint, Rect};

/// 1080p in 640×480: a third, 60 rows above.
fn full_hd() -> Letterbox {
    Letterbox::fit(Rect::new(0.0, 0.0, 1920.0, 1080.0), 640, 480, Fit::Letterbox).unwrap()
}

/// 17 keypoints whose x, y and confidence all tell which they are.
fn keypoints() -> impl Iterator<Item = [f32; 3]> {
    (0..17).map(|j| [300.0 + j as f32, 150.0 + 3.0 * j as f32, j as f32 / 100.0])
}

fn row(head: &[f32]) -> Vec<f32> {
    head.iter().copied().chain(keypoints().flatten()).collect()
}

/// One output, without a name, with these rows.
fn rows(shape: &[i64], rows: &[Vec<f32>]) -> Vec<Output> {
    vec![Output::new("output", shape, rows.concat())]
}

fn people(layout: PoseLayout, outputs: &[Output]) -> Vec<Detection> {
    layout
        .decode(&views(outputs), &full_hd(), &DecodeOptions::default())
        .unwrap()
}

fn check(layout: PoseLayout, outputs: &[Output], want: Expect) {
    let got = match layout.decode(&views(outputs), &full_hd(), &DecodeOptions::default()) {
        Ok(people) => people.iter().fold(String::new(), |mut text, person| {
            let Rect {
                left,
                top,
                right,
                bottom,
            } = person.bbox;
            write!(text, "{:.2} [{left} {top} {right} {bottom}]", person.score).unwrap();
            for joint in [Keypoint::Nose, Keypoint::LeftWrist] {
                let k = person.pose.unwrap()[joint as usize];
                write!(
                    text,
                    " {} {} {} {:.2}",
                    joint.name(),
                    k.point.x,
                    k.point.y,
                    k.confidence
                )
                .unwrap();
            }
            text + "\n"
        }),
        Err(error) => error.to_string(),
    };
    want.assert_eq(&got);
}

#[test]
fn yolov7_pose() {
    let candidates = [
        row(&[320.0, 240.0, 40.0, 120.0, 0.5, 0.8]),
        // the same person again, better
        row(&[321.0, 240.0, 40.0, 120.0, 0.9, 1.0]),
        // objectness alone would be enough
        row(&[100.0, 240.0, 40.0, 120.0, 0.9, 0.2]),
        row(&[100.0, 200.0, 20.0, 60.0, 1.0, 0.3]),
    ];
    check(
        PoseLayout::Yolov7Pose,
        &rows(&[1, 4, 57], &candidates),
        expect![[r#"
            0.90 [903 360 1023 720] nose 900 270 0.00 left_wrist 927 351 0.09
            0.30 [270 330 330 510] nose 900 270 0.00 left_wrist 927 351 0.09
        "#]],
    );
}

/// Found by fuzzing.
#[test]
fn an_infinite_score_is_not_a_person() {
    check(
        PoseLayout::Yolov7Pose,
        &rows(&[1, 1, 57], &[row(&[320.0, 240.0, 40.0, 120.0, 1e30, 1e30])]),
        expect![[""]],
    );
}

/// A person and one below the threshold, with boxes by their edges.
fn by_edges() -> [Vec<f32>; 2] {
    [
        row(&[300.0, 180.0, 340.0, 300.0, 0.9, 0.0]),
        row(&[90.0, 170.0, 110.0, 230.0, 0.2, 0.0]),
    ]
}

#[test]
fn yolov7_pose_nms_and_yolo26_pose() {
    for (layout, shape) in [
        (PoseLayout::Yolov7PoseNms, &[2, 57][..]),
        (PoseLayout::Yolo26Pose, &[1, 2, 57]),
    ] {
        let want = expect![[r#"
            0.90 [900 360 1020 720] nose 900 270 0.00 left_wrist 927 351 0.09
        "#]];
        check(layout, &rows(shape, &by_edges()), want);
        check(layout, &rows(&[0, 57], &[]), expect![[""]]);
    }
}

/// A person and one below the threshold, with boxes by their centres and one score.
fn by_centers() -> [Vec<f32>; 2] {
    [
        row(&[320.0, 240.0, 40.0, 120.0, 0.9]),
        row(&[100.0, 200.0, 20.0, 60.0, 0.1]),
    ]
}

#[test]
fn yolov8_pose_and_deepstream_pose() {
    let candidates = by_centers();
    // channel first: a candidate is a column
    let columns: Vec<f32> = (0..56).flat_map(|i| [candidates[0][i], candidates[1][i]]).collect();
    let part = |range: std::ops::Range<usize>| candidates.iter().flat_map(move |row| row[range.clone()].to_vec());
    let split = [
        Output::new("kpts", &[1, 2, 51], part(5..56)),
        Output::new("scores", &[1, 2, 1], part(4..5)),
        Output::new("boxes", &[1, 2, 4], part(0..4)),
    ];
    for (layout, outputs) in [
        (
            PoseLayout::Yolov8Pose,
            vec![Output::new("output0", &[1, 56, 2], columns)],
        ),
        (PoseLayout::DeepstreamPose, rows(&[1, 2, 56], &candidates)),
        (PoseLayout::DeepstreamPoseSplit, split.to_vec()),
    ] {
        check(
            layout,
            &outputs,
            expect![[r#"
                0.90 [900 360 1020 720] nose 900 270 0.00 left_wrist 927 351 0.09
            "#]],
        );
    }
}

/// Before the sigmoid, which is the inverse of this.
fn logit(p: f32) -> f32 {
    (p / (1.0 - p)).ln()
}

/// The raw heads of 640×640 with one person: in the second grid, its cell (20, 12) of 16 pixels, the third anchor.
fn heads() -> Vec<Output> {
    let mut outputs: Vec<Output> = Vec::new();
    for (name, stride) in [("516", 8), ("528", 16), ("540", 32), ("552", 64)] {
        let (side, empty) = (640 / stride, [-20.0; 57]);
        let mut candidates = vec![empty.to_vec(); 3 * side * side];
        if stride == 16 {
            // centre (320, 200), 60×110 of the anchor's 180×137, keypoints relative to the cell
            let size = |share: f32| logit(share.sqrt() / 2.0);
            let mut person = vec![logit(0.25), logit(0.5), size(60.0 / 180.0), size(110.0 / 137.0)];
            person.extend([logit(0.95), logit(0.9)]);
            let point = |v: f32, cell: f32| (v / 16.0 + 0.5 - cell) / 2.0;
            person.extend(keypoints().flat_map(|[x, y, c]| [point(x, 20.0), point(y, 12.0), logit(c.max(1e-3))]));
            candidates[2 * side * side + 12 * side + 20] = person;
        }
        let shape = [1, 3, side as i64, side as i64, 57];
        outputs.push(Output::new(name, &shape, candidates.concat()));
    }
    outputs
}

#[test]
fn yolov7_pose_heads() {
    let letterbox = Letterbox::fit(Rect::new(0.0, 0.0, 1280.0, 1280.0), 640, 640, Fit::Letterbox).unwrap();
    let decode =
        |outputs: &[Output]| PoseLayout::Yolov7PoseHeads.decode(&views(outputs), &letterbox, &DecodeOptions::default());
    let outputs = heads();
    let people = decode(&outputs).unwrap();
    let [person] = &people[..] else {
        panic!("{} people", people.len())
    };
    let near = |got: f32, want: f32| assert!((got - want).abs() < 0.01, "{got}, not {want}");
    near(person.score, 0.95 * 0.9);
    let Rect {
        left,
        top,
        right,
        bottom,
    } = person.bbox;
    // centre ((2 · 0.25 - 0.5 + 20) · 16, (2 · 0.5 - 0.5 + 12) · 16), twice as large in the frame
    for (got, want) in [(left, 580.0), (top, 290.0), (right, 700.0), (bottom, 510.0)] {
        near(got, want);
    }
    for (keypoint, [x, y, c]) in person.pose.unwrap().iter().zip(keypoints()) {
        near(keypoint.point.x, 2.0 * x);
        near(keypoint.point.y, 2.0 * y);
        near(keypoint.confidence, c);
    }
    // the anchors of another network are not known
    let error = decode(&outputs[..3]).unwrap_err().to_string();
    for part in ["640×640", "516 [1, 3, 80, 80, 57]", "--grid"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    // nor has a smaller input such heads
    assert!(
        PoseLayout::Yolov7PoseHeads
            .decode(&views(&outputs), &full_hd(), &DecodeOptions::default())
            .is_err()
    );
}

#[test]
fn rtmo() {
    let [person, other] = by_edges();
    let part = |range: std::ops::Range<usize>| [&person[range.clone()], &other[range]].concat();
    let outputs = [
        Output::new("dets", &[1, 2, 5], part(0..5)),
        Output::new("keypoints", &[1, 2, 17, 3], part(6..57)),
    ];
    check(
        PoseLayout::Rtmo,
        &outputs,
        expect![[r#"
            0.90 [900 360 1020 720] nose 900 270 0.00 left_wrist 927 351 0.09
        "#]],
    );
}

/// The outputs of RF-DETR with keypoints of so many classes, of which the last one is a person; other classes have none.
fn rfdetr(classes: usize, values: usize) -> Vec<Output> {
    let (w, h) = (640.0, 480.0);
    let boxes = [320.0 / w, 240.0 / h, 40.0 / w, 120.0 / h, 0.5, 0.5, 0.1, 0.1];
    let mut labels = vec![logit(0.1); 2 * (classes + 1)];
    labels[classes - 1] = logit(0.9);
    let keypoint = |[x, y, c]: [f32; 3]| {
        let mut all = vec![7.0; values];
        all[..3].copy_from_slice(&[x / w, y / h, logit(c.max(1e-3))]);
        all
    };
    let none = vec![0.0; 17 * (classes - 1) * values];
    let mut all = [none, keypoints().flat_map(keypoint).collect()].concat();
    all.resize(2 * 17 * classes * values, 0.0);
    vec![
        Output::new("dets", &[1, 2, 4], boxes),
        Output::new("labels", &[1, 2, classes as i64 + 1], labels),
        Output::new("keypoints", &[1, 2, 17 * classes as i64, values as i64], all),
    ]
}

#[test]
fn rfdetr_pose() {
    for (classes, values) in [(1, 3), (1, 8), (2, 8)] {
        let people = people(PoseLayout::RfdetrPose, &rfdetr(classes, values));
        let [person] = &people[..] else {
            panic!("{} people of {classes} classes", people.len())
        };
        let near = |got: f32, want: f32| assert!((got - want).abs() < 0.02, "{got}, not {want}");
        near(person.score, 0.9);
        let bbox = person.bbox;
        for (got, want) in [
            (bbox.left, 900.0),
            (bbox.top, 360.0),
            (bbox.right, 1020.0),
            (bbox.bottom, 720.0),
        ] {
            near(got, want);
        }
        let wrist = person.pose.unwrap()[Keypoint::LeftWrist as usize];
        near(wrist.point.x, 927.0);
        near(wrist.point.y, 351.0);
        near(wrist.confidence, 0.09);
    }
}

#[test]
fn detrpose() {
    let positions = keypoints().flat_map(|[x, y, _]| [x, y]).chain([0.0; 34]);
    let outputs = [
        Output::new("scores", &[1, 2], [0.9, 0.1]),
        Output::new("labels", &[1, 2], [1.0, 1.0]),
        Output::new("keypoints", &[1, 2, 17, 2], positions),
    ];
    // no box and no confidences of keypoints: their bounds, and the person's score
    check(
        PoseLayout::Detrpose,
        &outputs,
        expect![[r#"
            0.90 [900 270 948 414] nose 900 270 0.90 left_wrist 927 351 0.90
        "#]],
    );
}

#[test]
fn movenet_multipose() {
    // y before x, fractions of 640×480
    let mut person: Vec<f32> = keypoints().flat_map(|[x, y, c]| [y / 480.0, x / 640.0, c]).collect();
    person.extend([180.0 / 480.0, 300.0 / 640.0, 300.0 / 480.0, 340.0 / 640.0, 0.9]);
    person.extend([0.0; 5 * 56]);
    check(
        PoseLayout::MovenetMultipose,
        &rows(&[1, 6, 56], &[person]),
        expect![[r#"
        0.90 [900 360 1020 720] nose 900 270 0.00 left_wrist 927 351 0.09
    "#]],
    );
}

#[test]
fn movenet_singlepose() {
    let person = |confidence: fn(f32) -> f32| {
        let values = keypoints().flat_map(|[x, y, c]| [y / 480.0, x / 640.0, confidence(c)]);
        vec![Output::new("output_0", &[1, 1, 17, 3], values.collect::<Vec<_>>())]
    };
    // the bounds of keypoints 4 to 16, those with 0.2 and more
    check(
        PoseLayout::MovenetSinglepose,
        &person(|c| 5.0 * c),
        expect![[r#"
            0.40 [915 315 948 414] nose 900 270 0.00 left_wrist 927 351 0.45
        "#]],
    );
    // unsure of everything, for those who look at a person that something else has found
    let options = DecodeOptions {
        score_threshold: 0.0,
        ..DecodeOptions::default()
    };
    let unsure = person(|c| c);
    let found = PoseLayout::MovenetSinglepose.decode(&views(&unsure), &full_hd(), &options);
    assert_eq!(found.unwrap()[0].bbox, Rect::new(900.0, 270.0, 948.0, 414.0));
    assert_eq!(people(PoseLayout::MovenetSinglepose, &unsure), []);
}

#[test]
fn tensors_of_16_bits_give_the_same_people() {
    // numbers that 16 bits hold exactly
    let person = [300.0, 180.0, 340.0, 300.0, 0.875, 0.0];
    let person: Vec<f32> = person.into_iter().chain((0..51).map(|i| i as f32 / 64.0)).collect();
    let full = rows(&[1, 1, 57], &[person]);
    let half: Vec<Output> = full.iter().map(Output::halved).collect();
    let found = people(PoseLayout::Yolo26Pose, &half);
    assert_eq!(found.len(), 1);
    assert_eq!(found, people(PoseLayout::Yolo26Pose, &full));
    let bytes = Output {
        datatype: "INT8",
        ..full[0].clone()
    };
    let error = PoseLayout::Yolo26Pose.decode(&views(&[bytes]), &full_hd(), &DecodeOptions::default());
    expect!["output output has the data type INT8; FP32 and FP16 can be decoded; export the model with one of them"]
        .assert_eq(&error.unwrap_err().to_string());
}

#[test]
fn candidates_that_are_not_people_are_skipped() {
    let good = [320.0, 240.0, 40.0, 120.0, 0.5, 1.0];
    let spoilt = |index: usize, value: f32| {
        let mut row = row(&good);
        row[index] = value;
        row[0] += 1e-3;
        row
    };
    let mut candidates = vec![row(&good)];
    for index in [0, 1, 2, 3, 4, 5, 6, 8, 56] {
        candidates.extend([f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(|v| spoilt(index, v)));
    }
    candidates.extend([spoilt(2, -40.0), spoilt(3, -1.0), spoilt(2, 0.0)]);
    candidates.extend([spoilt(0, 3e38), spoilt(2, 3e38), spoilt(6, 3e38)]);
    let spoilt = candidates.len();
    let people = |candidates: &[Vec<f32>]| {
        people(
            PoseLayout::Yolov7Pose,
            &rows(&[1, candidates.len() as i64, 57], candidates),
        )
    };
    assert_eq!(people(&candidates).len(), 1, "{spoilt} rows");
    assert_eq!(people(&candidates[1..]), []);
}

/// A candidate that overlaps none of the others, of the score of its index.
fn apart(index: usize, score: f32) -> Vec<f32> {
    row(&[40.0 * index as f32, 240.0, 20.0, 60.0, score, 1.0])
}

#[test]
fn only_the_best_candidates_are_compared_and_only_so_many_people_reported() {
    let options = DecodeOptions {
        score_threshold: 0.0,
        iou_threshold: 1.0,
        max_people: usize::MAX,
    };
    let decode = |candidates: &[Vec<f32>]| {
        let outputs = rows(&[1, candidates.len() as i64, 57], candidates);
        PoseLayout::Yolov7Pose
            .decode(&views(&outputs), &full_hd(), &options)
            .unwrap()
    };
    // scores rise, so that the last ones are the best
    let count = MAX_PEOPLE + 44;
    let people = decode(&(0..count).map(|i| apart(i, i as f32)).collect::<Vec<_>>());
    let scores: Vec<f32> = people.iter().map(|person| person.score).collect();
    let best: Vec<f32> = (44..count).rev().map(|score| score as f32).collect();
    assert_eq!(scores, best);
    // The best candidates are no people, and those after them are too many to look at.
    let mut candidates = vec![row(&[0.0, 0.0, -1.0, 1.0, 0.9, 1.0]); MAX_CANDIDATES - 1];
    candidates.extend([apart(1, 0.5), apart(2, 0.4), apart(3, 0.5)]);
    let people = decode(&candidates);
    assert_eq!(people.iter().map(|person| person.score).collect::<Vec<_>>(), [0.5]);
    assert_eq!(people[0].bbox.center().x, 120.0, "of equal scores the first");
}

#[test]
fn other_shapes_are_errors() {
    let table: [(PoseLayout, &[i64], bool); 12] = [
        (PoseLayout::Yolov7Pose, &[1, 3, 57], true),
        (PoseLayout::Yolov7Pose, &[3, 57], true),
        (PoseLayout::Yolov7Pose, &[2, 3, 57], false),
        (PoseLayout::Yolov7Pose, &[1, 3, 56], false),
        (PoseLayout::Yolov7Pose, &[1, 1, 3, 57], false),
        (PoseLayout::Yolov7PoseNms, &[57], false),
        (PoseLayout::Yolov7PoseNms, &[], false),
        (PoseLayout::Yolov8Pose, &[1, 57, 8400], false),
        (PoseLayout::Yolov8Pose, &[1, 56, 0], true),
        (PoseLayout::MovenetMultipose, &[1, 6, 57], false),
        (PoseLayout::MovenetSinglepose, &[1, 1, 17, 3], true),
        (PoseLayout::MovenetSinglepose, &[1, 1, 16, 3], false),
    ];
    let zeros = |shape: &[i64]| {
        let count = shape.iter().product::<i64>() as usize;
        [Output::new("output", shape, vec![0.0; count])]
    };
    for (layout, shape, fits) in table {
        let got = layout.decode(&views(&zeros(shape)), &full_hd(), &DecodeOptions::default());
        assert_eq!(got.is_ok(), fits, "{layout:?} {shape:?}: {got:?}");
    }
    check(
        PoseLayout::Yolov7Pose,
        &zeros(&[2, 3, 57]),
        expect![
            "the layout yolov7-pose needs [1, N, 57] (a batch of 1, and as many rows in each output); got output [2, 3, 57]"
        ],
    );
    // outputs of one candidate each
    let mut outputs = rfdetr(2, 3);
    outputs[1].shape = vec![1, 6, 1];
    let error = PoseLayout::RfdetrPose.decode(&views(&outputs), &full_hd(), &DecodeOptions::default());
    assert!(error.unwrap_err().to_string().ends_with("got labels [1, 6, 1]"));
    outputs[1].shape = vec![1, 2, 3];
    outputs[1].data.truncate(20);
    let error = PoseLayout::RfdetrPose.decode(&views(&outputs), &full_hd(), &DecodeOptions::default());
    assert!(error.unwrap_err().to_string().ends_with("has 24 bytes, got 20 bytes"));
    // fractions of what?
    let unknown = Letterbox::default();
    let got = PoseLayout::MovenetMultipose.decode(&views(&zeros(&[1, 6, 56])), &unknown, &DecodeOptions::default());
    expect![
        "the layout movenet-multipose is relative to the size of the model's input, which is not known; decode with its letterbox"
    ]
    .assert_eq(&got.unwrap_err().to_string());
}

mod reference {
    //! Decoding as a list of numbers and repeated searches for the best.

    use super::*;

    /// Column and scaling of each of a row's values: box edges or centre and size, score, keypoints.
    fn person(layout: PoseLayout, row: &[f32], l: &Letterbox) -> (Rect, f32, Vec<[f32; 3]>) {
        let frame = |x: f32, y: f32| ((x - l.offset_x) / l.scale_x, (y - l.offset_y) / l.scale_y);
        let (edges, score, keypoints) = match layout {
            PoseLayout::Yolov7Pose => (centred(row), row[4] * row[5], &row[6..]),
            PoseLayout::Yolov7PoseNms | PoseLayout::Yolo26Pose => ([row[0], row[1], row[2], row[3]], row[4], &row[6..]),
            PoseLayout::Yolov8Pose | PoseLayout::DeepstreamPose => (centred(row), row[4], &row[5..]),
            _ => {
                let edges = [
                    row[52] * l.width,
                    row[51] * l.height,
                    row[54] * l.width,
                    row[53] * l.height,
                ];
                (edges, row[55], &row[..51])
            }
        };
        let ((left, top), (right, bottom)) = (frame(edges[0], edges[1]), frame(edges[2], edges[3]));
        let keypoints = keypoints.chunks(3).map(|k| {
            let (x, y) = match layout {
                PoseLayout::MovenetMultipose => frame(k[1] * l.width, k[0] * l.height),
                _ => frame(k[0], k[1]),
            };
            [x, y, k[2]]
        });
        (Rect::new(left, top, right, bottom), score, keypoints.collect())
    }

    fn centred(row: &[f32]) -> [f32; 4] {
        let (w, h) = (row[2] / 2.0, row[3] / 2.0);
        [row[0] - w, row[1] - h, row[0] + w, row[1] + h]
    }

    pub fn decode(
        layout: PoseLayout,
        rows: &[Vec<f32>],
        letterbox: &Letterbox,
        options: &DecodeOptions,
    ) -> Vec<(Rect, f32, Vec<[f32; 3]>)> {
        let mut left: Vec<_> = rows.iter().map(|row| person(layout, row, letterbox)).collect();
        left.retain(|(bbox, score, _)| {
            *score >= options.score_threshold && bbox.right > bbox.left && bbox.bottom > bbox.top
        });
        let mut people = Vec::new();
        while !left.is_empty() && people.len() < options.max_people {
            let mut best = 0;
            for i in 1..left.len() {
                if left[i].1 > left[best].1 {
                    best = i;
                }
            }
            let person = left.remove(best);
            left.retain(|(bbox, _, _)| bbox.iou(&person.0) <= options.iou_threshold);
            people.push(person);
        }
        people
    }
}

fn plain(person: &Detection) -> (Rect, f32, Vec<[f32; 3]>) {
    let pose = person
        .pose
        .unwrap()
        .iter()
        .map(|k| [k.point.x, k.point.y, k.confidence])
        .collect();
    (person.bbox, person.score, pose)
}

/// The layouts of one output whose rows have everything.
const OF_ROWS: [PoseLayout; 6] = [
    PoseLayout::Yolov7Pose,
    PoseLayout::Yolov7PoseNms,
    PoseLayout::DeepstreamPose,
    PoseLayout::Yolov8Pose,
    PoseLayout::Yolo26Pose,
    PoseLayout::MovenetMultipose,
];

const NAMES: [&str; 8] = [
    "output0",
    "dets",
    "labels",
    "keypoints",
    "scores",
    "boxes",
    "kpts",
    "detections",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn equals_the_reference(
        layout in proptest::sample::select(OF_ROWS.as_slice()),
        // few values, so that scores tie and boxes coincide; sizes go below zero
        cells in proptest::collection::vec(proptest::collection::vec(-2..9i8, 57), 0..30),
        score_threshold in 0.0..0.9f32,
        iou_threshold in 0.0..1.0f32,
        max_people in 0..12usize,
        region in (-90.0..90.0f32, -90.0..90.0f32, 20.0..2000.0f32, 20.0..2000.0f32),
        fit in proptest::sample::select(vec![Fit::Letterbox, Fit::Stretch]),
    ) {
        let (left, top, w, h) = region;
        let region = Rect::new(left, top, left + w, top + h);
        let letterbox = Letterbox::fit(region, 640, 480, fit).unwrap();
        let options = DecodeOptions { score_threshold, iou_threshold, max_people };
        let columns = match layout {
            PoseLayout::Yolov7Pose | PoseLayout::Yolov7PoseNms | PoseLayout::Yolo26Pose => 57,
            _ => 56,
        };
        let rows: Vec<Vec<f32>> = cells
            .iter()
            .map(|cells| cells[..columns].iter().map(|c| f32::from(*c) / 8.0).collect())
            .collect();
        let values: Vec<f32> = match layout {
            PoseLayout::Yolov8Pose => (0..columns).flat_map(|i| rows.iter().map(move |r| r[i])).collect(),
            _ => rows.concat(),
        };
        let shape = match layout {
            PoseLayout::Yolov7PoseNms => vec![rows.len() as i64, columns as i64],
            PoseLayout::Yolov8Pose => vec![1, columns as i64, rows.len() as i64],
            _ => vec![1, rows.len() as i64, columns as i64],
        };
        let outputs = [Output::new("output", &shape, values)];
        let got = layout.decode(&views(&outputs), &letterbox, &options).unwrap();
        let got: Vec<_> = got.iter().map(plain).collect();
        prop_assert_eq!(got, reference::decode(layout, &rows, &letterbox, &options));
    }

    #[test]
    fn no_numbers_panic(
        layout in proptest::sample::select(PoseLayout::ALL.as_slice()),
        names in proptest::collection::vec(proptest::sample::select(NAMES.as_slice()), 1..5),
        last in proptest::sample::select(vec![&[57][..], &[56], &[17, 3], &[34, 8], &[17, 2], &[4], &[5], &[1], &[51], &[]]),
        leading in proptest::collection::vec(0..60i64, 0..4),
        values in proptest::collection::vec(any::<f32>(), 64),
        letterbox in proptest::sample::select(vec![full_hd(), Letterbox::default()]),
    ) {
        let shape = [&leading[..], last].concat();
        let count = shape.iter().product::<i64>() as usize;
        prop_assume!(count < 200_000);
        let values = values.into_iter().cycle().take(count);
        let outputs: Vec<Output> = names.iter().map(|name| Output::new(name, &shape, values.clone())).collect();
        let options = DecodeOptions { score_threshold: -1.0, ..DecodeOptions::default() };
        if let Ok(people) = layout.decode(&views(&outputs), &letterbox, &options) {
            for person in &people {
                let (bbox, score, pose) = plain(person);
                prop_assert!(bbox.area() > 0.0 && score >= -1.0);
                prop_assert!(pose.iter().flatten().all(|v| v.is_finite()));
            }
        }
    }
}
