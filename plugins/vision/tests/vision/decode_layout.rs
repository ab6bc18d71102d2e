//! Recognition of layouts by names and shapes, and tensors from bytes.

use expect_test::expect;
use ndarray::arr2;
use vision::decode::{PoseLayout, UnknownLayout, f32_tensor};

/// Names and shapes.
type Outputs<'a> = &'a [(&'a str, &'a [i64])];

#[test]
fn layouts_are_detected_by_name_and_shape() {
    let grid: Outputs<'_> = &[
        ("516", &[1, 3, 80, 80, 57]),
        ("output", &[1, 25500, 57]),
        ("528", &[1, 3, 40, 40, 57]),
        ("540", &[1, 3, 20, 20, 57]),
        ("552", &[1, 3, 10, 10, 57]),
    ];
    let table: [(Outputs<'_>, PoseLayout, usize); 9] = [
        (grid, PoseLayout::Yolov7Pose, 1),
        (&[("output", &[1, 6, 57])], PoseLayout::Yolov7Pose, 0),
        (&[("output", &[1, -1, 57])], PoseLayout::Yolov7Pose, 0),
        (&[("detections", &[12, 57])], PoseLayout::Yolov7PoseNms, 0),
        (&[("detections", &[1, 12, 57])], PoseLayout::Yolov7PoseNms, 0),
        (&[("output", &[0, 57])], PoseLayout::Yolov7PoseNms, 0),
        (&[("output0", &[1, 56, 8400])], PoseLayout::Yolov8Pose, 0),
        (&[("output0", &[1, 56, -1])], PoseLayout::Yolov8Pose, 0),
        (
            &[("count", &[1]), ("output_0", &[1, 6, 56])],
            PoseLayout::MovenetMultipose,
            1,
        ),
    ];
    for (tensors, layout, index) in table {
        assert_eq!(PoseLayout::detect(tensors), Ok((layout, index)), "{tensors:?}");
        assert_eq!(layout.find(tensors), Ok(index), "{tensors:?}");
    }
}

#[test]
fn an_unknown_layout_name_is_an_error_that_lists_the_known_ones() {
    let names = "yolov7-pose yolov7-pose-nms yolov8-pose movenet-multipose";
    assert_eq!(PoseLayout::ALL.map(PoseLayout::name).join(" "), names);
    for layout in PoseLayout::ALL {
        assert_eq!(PoseLayout::from_name(layout.name()), Some(layout));
        assert_eq!(layout.name().parse(), Ok(layout));
    }
    assert_eq!(PoseLayout::from_name("yolov9-pose"), None);
    let error: UnknownLayout = "yolov9-pose".parse::<PoseLayout>().unwrap_err();
    expect![
        "unknown pose layout 'yolov9-pose'; known layouts: yolov7-pose, yolov7-pose-nms, yolov8-pose, movenet-multipose"
    ]
    .assert_eq(&error.to_string());
}

#[test]
fn an_unreadable_export_is_an_error_with_a_remedy() {
    let table: [Outputs<'_>; 5] = [
        &[],
        &[("a", &[1, 3, 80, 80, 57]), ("b", &[1, 3, 40, 40, 57])],
        &[("num_dets", &[1, 1]), ("det_boxes", &[1, 100, 4])],
        &[("output", &[4, 7])],
        &[("output", &[1, 25200, 85])],
    ];
    let mut got: Vec<String> = table
        .iter()
        .map(|tensors| PoseLayout::detect(tensors).unwrap_err().to_string())
        .collect();
    let missing = PoseLayout::Yolov8Pose.find(&[("output", &[1, 25500, 57])]);
    got.push(missing.unwrap_err().to_string());
    expect![[r#"
        no output is a pose in a known layout; got no outputs; expected one of yolov7-pose [1, N, 57], yolov7-pose-nms [N, 57], yolov8-pose [1, 56, N], movenet-multipose [1, N, 56]
        the model outputs the raw heads of YOLOv7-Pose (a [1, 3, 80, 80, 57], b [1, 3, 40, 40, 57]); export it with `--grid` so that its output is [1, N, 57]
        the model looks exported by YOLOv7's main branch with `--end2end` (num_dets [1, 1], det_boxes [1, 100, 4]), whose NMS takes keypoints for class scores and drops them; export it from the `pose` branch with `--grid`
        the model looks exported by YOLOv7's main branch with `--end2end` (output [4, 7]), whose NMS takes keypoints for class scores and drops them; export it from the `pose` branch with `--grid`
        no output is a pose in a known layout; got output [1, 25200, 85]; expected one of yolov7-pose [1, N, 57], yolov7-pose-nms [N, 57], yolov8-pose [1, 56, N], movenet-multipose [1, N, 56]
        no output has the layout yolov8-pose, [1, 56, N]; got output [1, 25500, 57]; set another layout or `auto`"#]].assert_eq(&got.join("\n"));
}

#[test]
fn tensor_bytes_need_not_be_aligned() {
    let bytes: Vec<u8> = [0.0f32, 1.5, -2.0, f32::MAX]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    for shift in 0..4 {
        let shifted = [&vec![0xFF; shift][..], &bytes].concat();
        let got = f32_tensor(&[2, 2], &shifted[shift..]).unwrap();
        assert_eq!(got, arr2(&[[0.0, 1.5], [-2.0, f32::MAX]]).into_dyn());
    }
    assert_eq!(f32_tensor(&[0, 57], &[]).unwrap().shape(), [0, 57]);
}

#[test]
fn bytes_must_match_their_shape() {
    let shapes: [&[i64]; 5] = [&[2, 3], &[-1, 4], &[i64::MAX, 9], &[], &[0, 4]];
    let got = shapes.map(|shape| f32_tensor(shape, &[0; 16]).unwrap_err().to_string());
    expect![[r#"
        an FP32 tensor of shape [2, 3] has 24 bytes, got 16 bytes
        an FP32 tensor of shape [-1, 4] has no negative dimensions, got 16 bytes
        an FP32 tensor of shape [9223372036854775807, 9] has more bytes than memory, got 16 bytes
        an FP32 tensor of shape [] has 4 bytes, got 16 bytes
        an FP32 tensor of shape [0, 4] has 0 bytes, got 16 bytes"#]]
    .assert_eq(&got.join("\n"));
    assert!(f32_tensor(&[0, i64::MAX, i64::MAX], &[]).is_err());
}
