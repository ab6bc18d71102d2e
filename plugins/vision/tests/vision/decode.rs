//! Pose tensors become people: goldens of every layout, and a slow reference, number for number.

use std::fmt::Write;

use expect_test::{Expect, expect};
use ndarray::{ArrayD, IxDyn};
use proptest::prelude::*;
use vision::decode::{DecodeOptions, Detection, PoseLayout};
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

fn tensor(shape: &[usize], values: Vec<f32>) -> ArrayD<f32> {
    ArrayD::from_shape_vec(IxDyn(shape), values).unwrap()
}

fn row(head: &[f32]) -> Vec<f32> {
    head.iter().copied().chain(keypoints().flatten()).collect()
}

fn check(layout: PoseLayout, tensor: &ArrayD<f32>, want: Expect) {
    let got = match layout.decode(tensor.view(), &full_hd(), &DecodeOptions::default()) {
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
    let rows = [
        row(&[320.0, 240.0, 40.0, 120.0, 0.5, 0.8]),
        // the same person again, better
        row(&[321.0, 240.0, 40.0, 120.0, 0.9, 1.0]),
        // objectness alone would be enough
        row(&[100.0, 240.0, 40.0, 120.0, 0.9, 0.2]),
        row(&[100.0, 200.0, 20.0, 60.0, 1.0, 0.3]),
    ];
    check(
        PoseLayout::Yolov7Pose,
        &tensor(&[1, 4, 57], rows.concat()),
        expect![[r#"
            0.90 [903 360 1023 720] nose 900 270 0.00 left_wrist 927 351 0.09
            0.30 [270 330 330 510] nose 900 270 0.00 left_wrist 927 351 0.09
        "#]],
    );
}

/// Found by fuzzing.
#[test]
fn an_infinite_score_is_not_a_person() {
    let rows = [row(&[320.0, 240.0, 40.0, 120.0, 1e30, 1e30])];
    check(
        PoseLayout::Yolov7Pose,
        &tensor(&[1, 1, 57], rows.concat()),
        expect![[""]],
    );
}

#[test]
fn yolov7_pose_nms() {
    let rows = [
        row(&[300.0, 180.0, 340.0, 300.0, 0.9, 0.0]),
        row(&[90.0, 170.0, 110.0, 230.0, 0.2, 0.0]),
    ];
    let want = expect![[r#"
        0.90 [900 360 1020 720] nose 900 270 0.00 left_wrist 927 351 0.09
    "#]];
    check(PoseLayout::Yolov7PoseNms, &tensor(&[2, 57], rows.concat()), want);
    check(PoseLayout::Yolov7PoseNms, &tensor(&[0, 57], vec![]), expect![[""]]);
}

#[test]
fn yolov8_pose() {
    // channel first: a candidate is a column
    let rows = [
        row(&[320.0, 240.0, 40.0, 120.0, 0.9]),
        row(&[100.0, 200.0, 20.0, 60.0, 0.1]),
    ];
    let columns = (0..56).flat_map(|i| [rows[0][i], rows[1][i]]).collect();
    check(
        PoseLayout::Yolov8Pose,
        &tensor(&[1, 56, 2], columns),
        expect![[r#"
        0.90 [900 360 1020 720] nose 900 270 0.00 left_wrist 927 351 0.09
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
        &tensor(&[1, 6, 56], person),
        expect![[r#"
        0.90 [900 360 1020 720] nose 900 270 0.00 left_wrist 927 351 0.09
    "#]],
    );
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
    let mut rows = vec![row(&good)];
    for index in [0, 1, 2, 3, 4, 5, 6, 8, 56] {
        rows.extend([f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(|v| spoilt(index, v)));
    }
    rows.extend([spoilt(2, -40.0), spoilt(3, -1.0), spoilt(2, 0.0)]);
    rows.extend([spoilt(0, 3e38), spoilt(2, 3e38), spoilt(6, 3e38)]);
    let spoilt = rows.len();
    let people = |rows: &[Vec<f32>]| {
        let tensor = tensor(&[1, rows.len(), 57], rows.concat());
        PoseLayout::Yolov7Pose
            .decode(tensor.view(), &full_hd(), &DecodeOptions::default())
            .unwrap()
    };
    assert_eq!(people(&rows).len(), 1, "{spoilt} rows");
    assert_eq!(people(&rows[1..]), []);
}

#[test]
fn other_shapes_are_errors() {
    let table: [(PoseLayout, &[usize], bool); 10] = [
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
    ];
    for (layout, shape, fits) in table {
        let zeros = ArrayD::zeros(IxDyn(shape));
        let got = layout.decode(zeros.view(), &full_hd(), &DecodeOptions::default());
        assert_eq!(got.is_ok(), fits, "{layout:?} {shape:?}: {got:?}");
    }
    check(
        PoseLayout::Yolov7Pose,
        &ArrayD::zeros(IxDyn(&[2, 3, 57])),
        expect!["the layout yolov7-pose needs a tensor of [1, N, 57] (a batch of 1), got [2, 3, 57]"],
    );
}

mod reference {
    //! Decoding as a list of numbers and repeated searches for the best.

    use super::*;

    /// Column and scaling of each of a row's values: box edges or centre and size, score, keypoints.
    fn person(layout: PoseLayout, row: &[f32], l: &Letterbox) -> (Rect, f32, Vec<[f32; 3]>) {
        let frame = |x: f32, y: f32| ((x - l.offset_x) / l.scale_x, (y - l.offset_y) / l.scale_y);
        let (edges, score, keypoints) = match layout {
            PoseLayout::Yolov7Pose => (centred(row), row[4] * row[5], &row[6..]),
            PoseLayout::Yolov7PoseNms => ([row[0], row[1], row[2], row[3]], row[4], &row[6..]),
            PoseLayout::Yolov8Pose => (centred(row), row[4], &row[5..]),
            PoseLayout::MovenetMultipose => {
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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn equals_the_reference(
        layout in proptest::sample::select(PoseLayout::ALL.as_slice()),
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
            PoseLayout::Yolov7Pose | PoseLayout::Yolov7PoseNms => 57,
            PoseLayout::Yolov8Pose | PoseLayout::MovenetMultipose => 56,
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
            PoseLayout::Yolov7PoseNms => vec![rows.len(), columns],
            PoseLayout::Yolov8Pose => vec![1, columns, rows.len()],
            _ => vec![1, rows.len(), columns],
        };
        let got = layout.decode(tensor(&shape, values).view(), &letterbox, &options).unwrap();
        let got: Vec<_> = got.iter().map(plain).collect();
        prop_assert_eq!(got, reference::decode(layout, &rows, &letterbox, &options));
    }

    #[test]
    fn no_numbers_panic(
        layout in proptest::sample::select(PoseLayout::ALL.as_slice()),
        shape in proptest::collection::vec(0..60usize, 0..4),
        values in proptest::collection::vec(any::<f32>(), 64),
    ) {
        let count = shape.iter().product();
        let values = values.into_iter().cycle().take(count).collect();
        let options = DecodeOptions { score_threshold: -1.0, ..DecodeOptions::default() };
        if let Ok(people) = layout.decode(tensor(&shape, values).view(), &full_hd(), &options) {
            for person in &people {
                let (bbox, score, pose) = plain(person);
                prop_assert!(bbox.area() > 0.0 && score >= -1.0);
                prop_assert!(pose.iter().flatten().all(|v| v.is_finite()));
            }
        }
    }
}
