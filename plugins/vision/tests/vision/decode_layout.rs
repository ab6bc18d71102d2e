//! Recognition of layouts by names, shapes and the size of the input, and tensors from bytes.

use expect_test::expect;
use ndarray::arr2;
use vision::decode::{DecodeError, InputSize, PoseLayout, TensorView, UnknownLayout};

/// Names and shapes.
type Outputs<'a> = &'a [(&'a str, &'a [i64])];

const SQUARE: Option<InputSize> = Some((640, 640));

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn layouts_are_detected_by_name_shape_and_the_inputs_size() {
    use PoseLayout::*;
    let grid: Outputs<'_> = &[
        ("516", &[1, 3, 80, 80, 57]),
        ("output", &[1, 25500, 57]),
        ("528", &[1, 3, 40, 40, 57]),
        ("540", &[1, 3, 20, 20, 57]),
        ("552", &[1, 3, 10, 10, 57]),
    ];
    let heads = [grid[0], grid[2], grid[3], grid[4]];
    let split: Outputs<'_> = &[
        ("boxes", &[1, 25500, 4]),
        ("scores", &[1, 25500, 1]),
        ("kpts", &[1, 25500, 51]),
    ];
    let rfdetr: Outputs<'_> = &[
        ("dets", &[1, 100, 4]),
        ("labels", &[1, 100, 2]),
        ("keypoints", &[1, 100, 17, 8]),
    ];
    let legacy: Outputs<'_> = &[rfdetr[0], rfdetr[1], ("keypoints", &[-1, 100, 34, 8])];
    let rtmo: Outputs<'_> = &[("dets", &[-1, -1, 5]), ("keypoints", &[-1, -1, 17, 3])];
    let detrpose: Outputs<'_> = &[
        ("scores", &[1, 60]),
        ("labels", &[1, 60]),
        ("keypoints", &[1, 60, 17, 2]),
    ];
    let table: [(Outputs<'_>, Option<InputSize>, PoseLayout, &[usize]); 25] = [
        (grid, SQUARE, Yolov7Pose, &[1]),
        (&[("output", &[1, 57375, 57])], Some((960, 960)), Yolov7Pose, &[0]),
        // three grids, and not square
        (&[("output", &[1, 18900, 57])], Some((640, 480)), Yolov7Pose, &[0]),
        (&[("output0", &[-1, 25500, 57])], SQUARE, Yolov7Pose, &[0]),
        (&[("output0", &[1, 300, 57])], SQUARE, Yolo26Pose, &[0]),
        (&[("output0", &[-1, 300, 57])], Some((960, 544)), Yolo26Pose, &[0]),
        (&[("output0", &[1, 25500, 57])], Some((960, 960)), Yolo26Pose, &[0]),
        (&[("detections", &[12, 57])], SQUARE, Yolov7PoseNms, &[0]),
        (&[("detections", &[-1, 57])], None, Yolov7PoseNms, &[0]),
        (&[("detections", &[1, 12, 57])], None, Yolov7PoseNms, &[0]),
        (&[("output", &[0, 57])], SQUARE, Yolov7PoseNms, &[0]),
        (&heads, SQUARE, Yolov7PoseHeads, &[0, 1, 2, 3]),
        (split, SQUARE, DeepstreamPoseSplit, &[0, 1, 2]),
        (&[("output", &[1, 25500, 56])], SQUARE, DeepstreamPose, &[0]),
        (&[("output", &[1, 8400, 56])], SQUARE, DeepstreamPose, &[0]),
        (&[("output0", &[1, 56, 8400])], SQUARE, Yolov8Pose, &[0]),
        (&[("output0", &[1, 56, -1])], None, Yolov8Pose, &[0]),
        (rtmo, SQUARE, Rtmo, &[0, 1]),
        (rfdetr, Some((576, 576)), RfdetrPose, &[0, 1, 2]),
        (legacy, None, RfdetrPose, &[0, 1, 2]),
        (detrpose, SQUARE, Detrpose, &[0, 2]),
        (
            &[("count", &[1]), ("output_0", &[1, 6, 56])],
            SQUARE,
            MovenetMultipose,
            &[1],
        ),
        (&[("output_0", &[1, 6, 56])], None, MovenetMultipose, &[0]),
        (
            &[("output_0", &[1, 1, 17, 3])],
            Some((192, 192)),
            MovenetSinglepose,
            &[0],
        ),
        (&[("output_0", &[-1, 17, 3])], None, MovenetSinglepose, &[0]),
    ];
    for (outputs, input, layout, indices) in table {
        assert_eq!(PoseLayout::detect(outputs, input), Ok(layout), "{outputs:?} {input:?}");
        assert_eq!(layout.find(outputs).as_deref(), Ok(indices), "{outputs:?}");
    }
    assert!(
        PoseLayout::ALL
            .iter()
            .all(|layout| table.iter().any(|row| row.2 == *layout))
    );
}

/// Nothing is decoded by a guess: a tensor of another meaning would give nobody, or people who are not there.
#[test]
fn shapes_of_several_layouts_are_an_error_that_names_them() {
    let table: [(Outputs<'_>, Option<InputSize>, &str); 7] = [
        (&[("output", &[1, 300, 57])], SQUARE, "yolov7-pose or yolo26-pose"),
        (
            &[("output", &[1, 6, 57])],
            Some((640, 480)),
            "yolov7-pose or yolo26-pose",
        ),
        (&[("output0", &[1, 25500, 57])], None, "yolov7-pose or yolo26-pose"),
        (&[("output0", &[1, -1, 57])], SQUARE, "yolov7-pose or yolo26-pose"),
        (
            &[("output", &[1, 10, 56])],
            SQUARE,
            "deepstream-pose or movenet-multipose",
        ),
        (
            &[("output", &[1, -1, 56])],
            SQUARE,
            "deepstream-pose or movenet-multipose",
        ),
        (&[("output", &[1, 56, 56])], SQUARE, "yolov8-pose or deepstream-pose"),
    ];
    for (outputs, input, layouts) in table {
        match PoseLayout::detect(outputs, input) {
            Err(DecodeError::Ambiguous { layouts: got, .. }) => assert_eq!(got, layouts, "{outputs:?}"),
            other => panic!("{outputs:?}: {other:?}"),
        }
    }
    let error = PoseLayout::detect(table[0].0, SQUARE).unwrap_err();
    expect!["the outputs (output [1, 300, 57]) may be yolov7-pose or yolo26-pose: their shapes are equal, and the number of rows is not that of the grid of an input of 640×640; set shopfloor.output.layout in the model's configuration, or layout= of poseparse"].assert_eq(&error.to_string());
}

#[test]
fn an_unknown_layout_name_is_an_error_that_lists_the_known_ones() {
    let names = PoseLayout::ALL.map(PoseLayout::name).join(", ");
    expect!["yolov7-pose, yolov7-pose-nms, yolov7-pose-heads, deepstream-pose, deepstream-pose-split, yolov8-pose, yolo26-pose, rtmo, rfdetr-pose, detrpose, movenet-multipose, movenet-singlepose"].assert_eq(&names);
    for layout in PoseLayout::ALL {
        assert_eq!(PoseLayout::from_name(layout.name()), Some(layout));
        assert_eq!(layout.name().parse(), Ok(layout));
    }
    assert_eq!(PoseLayout::from_name("yolov9-pose"), None);
    let error: UnknownLayout = "yolov9-pose".parse::<PoseLayout>().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("unknown pose layout 'yolov9-pose'; known layouts: {names}")
    );
}

#[test]
fn an_unreadable_export_is_an_error_with_a_remedy() {
    let table: [Outputs<'_>; 4] = [
        &[],
        &[("num_dets", &[1, 1]), ("det_boxes", &[1, 100, 4])],
        &[("output", &[4, 7])],
        &[("output", &[1, 25200, 85])],
    ];
    let mut got: Vec<String> = table
        .iter()
        .map(|outputs| PoseLayout::detect(outputs, SQUARE).unwrap_err().to_string())
        .collect();
    let missing = PoseLayout::Yolov8Pose.find(&[("output", &[1, 25500, 57])]);
    got.push(missing.unwrap_err().to_string());
    let missing = PoseLayout::Rtmo.find(&[("dets", &[1, 50, 5])]);
    got.push(missing.unwrap_err().to_string());
    expect![[r#"
        no output is a pose in a known layout; got no outputs; expected one of yolov7-pose [1, N, 57]; yolov7-pose-nms [N, 57]; yolov7-pose-heads four [1, 3, H, W, 57]; deepstream-pose [1, N, 56]; deepstream-pose-split boxes [1, N, 4], scores [1, N, 1], kpts [1, N, 51]; yolov8-pose [1, 56, N]; yolo26-pose [1, 300, 57]; rtmo dets [1, N, 5], keypoints [1, N, 17, 3]; rfdetr-pose dets [1, N, 4], labels [1, N, classes], keypoints [1, N, 17 × classes, values]; detrpose scores [1, N], keypoints [1, N, 17, 2]; movenet-multipose [1, 6, 56]; movenet-singlepose [1, 1, 17, 3]
        the model looks exported by YOLOv7's main branch with `--end2end` (num_dets [1, 1], det_boxes [1, 100, 4]), whose NMS takes keypoints for class scores and drops them; export it from the `pose` branch with `--grid`
        the model looks exported by YOLOv7's main branch with `--end2end` (output [4, 7]), whose NMS takes keypoints for class scores and drops them; export it from the `pose` branch with `--grid`
        no output is a pose in a known layout; got output [1, 25200, 85]; expected one of yolov7-pose [1, N, 57]; yolov7-pose-nms [N, 57]; yolov7-pose-heads four [1, 3, H, W, 57]; deepstream-pose [1, N, 56]; deepstream-pose-split boxes [1, N, 4], scores [1, N, 1], kpts [1, N, 51]; yolov8-pose [1, 56, N]; yolo26-pose [1, 300, 57]; rtmo dets [1, N, 5], keypoints [1, N, 17, 3]; rfdetr-pose dets [1, N, 4], labels [1, N, classes], keypoints [1, N, 17 × classes, values]; detrpose scores [1, N], keypoints [1, N, 17, 2]; movenet-multipose [1, 6, 56]; movenet-singlepose [1, 1, 17, 3]
        no outputs have the layout yolov8-pose, [1, 56, N]; got output [1, 25500, 57]; set another layout or `auto`
        no outputs have the layout rtmo, dets [1, N, 5], keypoints [1, N, 17, 3]; got dets [1, 50, 5]; set another layout or `auto`"#]].assert_eq(&got.join("\n"));
}

fn view<'a>(shape: &'a [i64], data: &'a [u8]) -> TensorView<'a> {
    TensorView {
        name: "output",
        datatype: "FP32",
        shape,
        data,
    }
}

#[test]
fn tensor_bytes_need_not_be_aligned() {
    let bytes: Vec<u8> = [0.0f32, 1.5, -2.0, f32::MAX]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    for shift in 0..4 {
        let shifted = [&vec![0xFF; shift][..], &bytes].concat();
        let got = view(&[2, 2], &shifted[shift..]).to_array().unwrap();
        assert_eq!(got, arr2(&[[0.0, 1.5], [-2.0, f32::MAX]]).into_dyn());
    }
    assert_eq!(view(&[0, 57], &[]).to_array().unwrap().shape(), [0, 57]);
}

#[test]
fn bytes_must_match_their_shape() {
    let shapes: [&[i64]; 5] = [&[2, 3], &[-1, 4], &[i64::MAX, 9], &[], &[0, 4]];
    let got = shapes.map(|shape| view(shape, &[0; 16]).to_array().unwrap_err().to_string());
    expect![[r#"
        a tensor of FP32 and shape [2, 3] has 24 bytes, got 16 bytes
        a tensor of FP32 and shape [-1, 4] has no negative dimensions, got 16 bytes
        a tensor of FP32 and shape [9223372036854775807, 9] has more bytes than memory, got 16 bytes
        a tensor of FP32 and shape [] has 4 bytes, got 16 bytes
        a tensor of FP32 and shape [0, 4] has 0 bytes, got 16 bytes"#]]
    .assert_eq(&got.join("\n"));
    assert!(view(&[0, i64::MAX, i64::MAX], &[]).to_array().is_err());
}
