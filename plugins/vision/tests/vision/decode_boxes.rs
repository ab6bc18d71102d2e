//! Boxes of detectors: goldens of every layout, recognition and errors.

use std::fmt::Write;

use crate::outputs::{Output, views};
use expect_test::{Expect, expect};
use vision::Rect;
use vision::decode::{BoxLayout, DecodeOptions, MAX_PEOPLE};
use vision::letterbox::{Fit, Letterbox};

/// 1280×720 in 64×64: a twentieth, 14 rows above. The input has 8·8 + 4·4 + 2·2 = 84 cells.
fn letterbox() -> Letterbox {
    Letterbox::fit(Rect::new(0.0, 0.0, 1280.0, 720.0), 64, 64, Fit::Letterbox).unwrap()
}

const CELLS: usize = 84;

fn check(layout: BoxLayout, output: Output, class: Option<usize>, want: Expect) {
    let outputs = [output];
    let got = match layout.decode(&views(&outputs), &letterbox(), &DecodeOptions::default(), class) {
        Ok(objects) => objects.iter().fold(String::new(), |mut text, object| {
            let Rect {
                left,
                top,
                right,
                bottom,
            } = object.bbox;
            let class = object.class;
            writeln!(
                text,
                "{:.2} {class} [{left:.1} {top:.1} {right:.1} {bottom:.1}]",
                object.score
            )
            .unwrap();
            text
        }),
        Err(error) => error.to_string(),
    };
    want.assert_eq(&got);
}

/// Candidates with a box, objectness and three classes; the others have scores of 0.
fn rows(count: usize, candidates: &[(usize, [f32; 8])]) -> Output {
    let mut values = vec![0.0; count * 8];
    for (row, candidate) in candidates {
        values[row * 8..][..8].copy_from_slice(candidate);
    }
    Output::new("output", &[1, count as i64, 8], values)
}

#[test]
fn yolox() {
    // the cell (3, 2) of the first grid, of 8 pixels, and (1, 1) of the last, of 32
    let person = [0.5, 0.25, 2.0_f32.ln(), 3.0_f32.ln(), 0.9, 0.8, 0.1, 0.7];
    let other = [0.5, 0.5, 0.0, 0.0, 0.9, 0.1, 0.9, 0.2];
    // in the same place as the first one and worse
    let again = [0.75, 0.125, 0.0, 1.5_f32.ln(), 0.8, 0.8, 0.0, 0.0];
    let output = || rows(CELLS, &[(2 * 8 + 3, person), (64 + 4 + 1, again), (83, other)]);
    // centre ((3 + 0.5) · 8, (2 + 0.25) · 8) = (28, 18), 16×24
    check(
        BoxLayout::Yolox,
        output(),
        Some(0),
        expect![[r#"
            0.72 0 [400.0 -160.0 720.0 320.0]
            "#]],
    );
    check(
        BoxLayout::Yolox,
        output(),
        None,
        expect![[r#"
        0.81 1 [640.0 360.0 1280.0 1000.0]
        0.72 0 [400.0 -160.0 720.0 320.0]
    "#]],
    );
    check(
        BoxLayout::Yolox,
        output(),
        Some(3),
        expect![
            "the layout yolox needs [1, N, 5 + classes] (a batch of 1, and as many rows in each output); got output [1, 84, 8]"
        ],
    );
    check(
        BoxLayout::Yolox,
        rows(80, &[]),
        None,
        expect![
            "the layout yolox needs 84 or 85 rows for an input of 64×64; got 80 rows; correct the model's input size"
        ],
    );
}

#[test]
fn yolov5() {
    let person = [32.0, 32.0, 16.0, 24.0, 0.9, 0.8, 0.1, 0.7];
    // sure of an object, of no class
    let other = [10.0, 32.0, 16.0, 24.0, 0.9, 0.1, 0.1, 0.1];
    check(
        BoxLayout::Yolov5,
        rows(3 * CELLS, &[(7, person), (8, other)]),
        Some(0),
        expect![[r#"
            0.72 0 [480.0 120.0 800.0 600.0]
        "#]],
    );
}

#[test]
fn yolov8() {
    let mut values = vec![0.0; 7 * CELLS];
    for (row, value) in [32.0, 32.0, 16.0, 24.0, 0.1, 0.75, 0.5].into_iter().enumerate() {
        values[row * CELLS + 40] = value;
    }
    let output = || Output::new("output0", &[1, 7, CELLS as i64], values.clone());
    check(
        BoxLayout::Yolov8,
        output(),
        None,
        expect![[r#"
        0.75 1 [480.0 120.0 800.0 600.0]
    "#]],
    );
    check(
        BoxLayout::Yolov8,
        output(),
        Some(2),
        expect![[r#"
        0.50 2 [480.0 120.0 800.0 600.0]
    "#]],
    );
    check(BoxLayout::Yolov8, output(), Some(0), expect![[""]]);
    check(
        BoxLayout::Yolov8,
        output().halved(),
        None,
        expect![[r#"
        0.75 1 [480.0 120.0 800.0 600.0]
    "#]],
    );
}

#[test]
fn yolo26() {
    let objects = [
        [24.0, 20.0, 40.0, 44.0, 0.9, 0.0],
        [24.0, 20.0, 40.0, 43.0, 0.8, 1.0],
        [24.0, 20.0, 40.0, 44.0, 0.7, f32::NAN],
        [24.0, 20.0, 40.0, 44.0, 0.7, -1.0],
        [24.0, 20.0, 24.0, 44.0, 0.7, 0.0],
    ];
    let output = || Output::new("output0", &[1, 5, 6], objects.concat());
    check(
        BoxLayout::Yolo26,
        output(),
        Some(0),
        expect![[r#"
        0.90 0 [480.0 120.0 800.0 600.0]
    "#]],
    );
    // of another class, so it is not the same object again
    check(
        BoxLayout::Yolo26,
        output(),
        None,
        expect![[r#"
        0.90 0 [480.0 120.0 800.0 600.0]
        0.80 1 [480.0 120.0 800.0 580.0]
    "#]],
    );
}

#[test]
fn layouts_are_detected_by_the_number_of_candidates() {
    let detect = |shape: &[i64]| BoxLayout::detect(&[("other", &[1, 9]), ("output", shape)], Some((64, 64)));
    for (shape, layout) in [
        (&[1, 84, 85][..], BoxLayout::Yolox),
        (&[-1, 84, 6], BoxLayout::Yolox),
        // four grids, of which the last one has a single cell
        (&[1, 85, 85], BoxLayout::Yolox),
        (&[1, 252, 85], BoxLayout::Yolov5),
        (&[1, 7, 84], BoxLayout::Yolov8),
        (&[1, 300, 6], BoxLayout::Yolo26),
        (&[1, -1, 6], BoxLayout::Yolo26),
    ] {
        assert_eq!(detect(shape), Ok(layout), "{shape:?}");
    }
    let error = detect(&[1, 8400, 90]).unwrap_err();
    expect!["no output is boxes in a known layout for an input of 64×64 (84 or 85 rows for one candidate a cell); got other [1, 9], output [1, 8400, 90]; expected one of yolox [1, N, 5 + classes]; yolov5 [1, N, 5 + classes]; yolov8 [1, 4 + classes, N]; yolo26 [1, N, 6]"].assert_eq(&error.to_string());
    for layout in BoxLayout::ALL {
        assert_eq!(layout.name().parse(), Ok(layout));
    }
    let unknown = "yolov1".parse::<BoxLayout>().unwrap_err();
    expect!["unknown box layout 'yolov1'; known layouts: yolox, yolov5, yolov8, yolo26"]
        .assert_eq(&unknown.to_string());
}

#[test]
fn everything_above_the_threshold_is_bounded() {
    let values = (0..2_000).flat_map(|i| {
        let x = 3.0 * i as f32;
        [x, 0.0, x + 2.0, 2.0, 0.9, 0.0]
    });
    let outputs = [Output::new("output0", &[1, 2_000, 6], values)];
    let options = DecodeOptions {
        max_people: usize::MAX,
        ..DecodeOptions::default()
    };
    let objects = BoxLayout::Yolo26
        .decode(&views(&outputs), &letterbox(), &options, None)
        .unwrap();
    assert_eq!(objects.len(), MAX_PEOPLE);
    assert!(
        objects.is_sorted_by(|a, b| a.bbox.left < b.bbox.left),
        "the first of equal scores"
    );
}
