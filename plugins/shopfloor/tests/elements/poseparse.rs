//! `poseparse`: model outputs in, people out.

use crate::common::{frame, harness, texts};
use people::{Inference, Scene, SkipReason};
use vision::Rect;
use vision::decode::PoseLayout;
use vision::letterbox::{Fit, Letterbox, Orientation, Presentation};
use vision::{ModelOutput, OutputTensor};

const ROW: usize = 57;

/// Rows of YOLOv7-Pose: centre, size, score; keypoints at the centre.
fn rows(people: &[[f32; 5]]) -> Vec<f32> {
    let row = |[cx, cy, w, h, score]: [f32; 5]| {
        let mut row = vec![cx, cy, w, h, score, 1.0];
        row.extend((0..17).flat_map(|_| [cx, cy, 0.5]));
        row
    };
    people.iter().copied().flat_map(row).collect()
}

fn tensors(values: &[f32], columns: usize) -> ModelOutput {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    ModelOutput {
        model: "pose".into(),
        // three rows of 57 may be those of several layouts
        layout: (columns == ROW).then_some(PoseLayout::Yolov7Pose),
        letterbox: Letterbox {
            transposed: false,
            scale_x: 2.0,
            scale_y: 2.0,
            offset_x: 0.0,
            offset_y: 40.0,
            width: 640.0,
            height: 560.0,
        },
        tensors: vec![OutputTensor {
            name: "output".into(),
            datatype: "FP32",
            shape: vec![1, (values.len() / columns) as i64, columns as i64],
            data: data.into(),
        }],
        ..ModelOutput::default()
    }
}

fn parsed(launch: &str, tensors: ModelOutput) -> Scene {
    let (mut harness, _bus) = harness(launch);
    let mut buffer = frame(0);
    people_meta::add_model_output(buffer.get_mut().unwrap(), tensors);
    let buffer = harness.push_and_pull(buffer).unwrap();
    assert!(
        people_meta::model_outputs(&buffer).is_empty(),
        "model outputs are removed from the buffer"
    );
    Scene::clone(&people_meta::scene(&buffer).expect("the buffer has a scene"))
}

const PEOPLE: [[f32; 5]; 3] = [
    [100.0, 140.0, 40.0, 100.0, 0.9],
    [104.0, 140.0, 40.0, 100.0, 0.8], // the first one again
    [300.0, 240.0, 60.0, 200.0, 0.22],
];

#[test]
fn people_are_filtered_by_score_and_overlap_and_in_frame_pixels() {
    let scene = parsed("poseparse", tensors(&rows(&PEOPLE), ROW));
    assert_eq!(scene.inference, Inference::Done);
    let people: Vec<_> = scene.people.iter().map(|p| (p.bbox, p.score)).collect();
    assert_eq!(people, [(Rect::new(40.0, 25.0, 60.0, 75.0), 0.9)]);
    let wrist = scene.people[0].pose.unwrap()[9].point;
    assert_eq!((wrist.x, wrist.y), (50.0, 50.0));
}

#[test]
fn people_of_turned_frames_are_in_pixels_of_the_stored_frame() {
    let region = Rect::new(0.0, 0.0, 560.0, 640.0);
    let presentation = Presentation {
        orientation: Orientation::ROTATE_90,
        ..Presentation::default()
    };
    let output = ModelOutput {
        letterbox: Letterbox::fit_presented(region, &presentation, 640, 560, Fit::Letterbox).unwrap(),
        ..tensors(&rows(&PEOPLE[..1]), ROW)
    };
    let scene = parsed("poseparse", output);
    assert_eq!(scene.orientation, Orientation::ROTATE_90);
    // upright, it is from (80, 90) to (120, 190); the stored x is the upright y, the stored y runs from right to left
    assert_eq!(scene.people[0].bbox, Rect::new(90.0, 520.0, 190.0, 560.0));
    let wrist = scene.people[0].pose.unwrap()[9].point;
    assert_eq!((wrist.x, wrist.y), (140.0, 540.0));
}

#[test]
fn score_threshold_overrides_the_models() {
    let recommended = || ModelOutput {
        score_threshold: Some(0.2),
        ..tensors(&rows(&PEOPLE), ROW)
    };
    assert_eq!(parsed("poseparse", recommended()).people.len(), 2);
    assert_eq!(parsed("poseparse score-threshold=0.95", recommended()).people.len(), 0);
    assert_eq!(
        parsed("poseparse score-threshold=0.1 iou-threshold=1.0", recommended())
            .people
            .len(),
        3
    );
    assert_eq!(
        parsed(
            "poseparse score-threshold=0.1 iou-threshold=1.0 max-people=1",
            recommended()
        )
        .people
        .len(),
        1
    );
}

/// An end-to-end YOLO26 and a grid have equal columns and another meaning.
#[test]
fn the_layout_follows_from_the_inputs_size() {
    let end_to_end = || {
        let mut values: Vec<f32> = rows(&PEOPLE).chunks(ROW).flat_map(edges).collect();
        values.chunks_mut(ROW).for_each(|row| row[5] = 0.0); // the class: a person
        values.resize(300 * ROW, 0.0);
        let mut output = ModelOutput {
            layout: None,
            ..tensors(&values, ROW)
        };
        output.tensors[0].name = "output0".into();
        output
    };
    let scene = parsed("poseparse", end_to_end());
    assert_eq!(scene.people[0].bbox, Rect::new(40.0, 25.0, 60.0, 75.0));
    let grid = || {
        let mut values = rows(&PEOPLE);
        // 80×64, 40×32, 20×16 cells, and three candidates in each
        values.resize(20_160 * ROW, 0.0);
        ModelOutput {
            layout: None,
            letterbox: Letterbox {
                height: 512.0,
                ..tensors(&[], ROW).letterbox
            },
            ..tensors(&values, ROW)
        }
    };
    assert_eq!(
        parsed("poseparse", grid()).people[0].bbox,
        Rect::new(40.0, 25.0, 60.0, 75.0)
    );
}

#[test]
fn people_of_all_regions_are_collected() {
    let (mut harness, _bus) = harness("poseparse");
    let mut buffer = frame(0);
    for x in [100.0, 400.0] {
        people_meta::add_model_output(
            buffer.get_mut().unwrap(),
            tensors(&rows(&[[x, 140.0, 40.0, 100.0, 0.9]]), ROW),
        );
    }
    let buffer = harness.push_and_pull(buffer).unwrap();
    assert_eq!(people_meta::scene(&buffer).unwrap().people.len(), 2);
}

#[test]
fn frames_without_model_outputs_pass_unchanged() {
    let (mut harness, _bus) = harness("poseparse");
    let buffer = harness.push_and_pull(frame(0)).unwrap();
    assert!(people_meta::scene(&buffer).is_none());
    let mut skipped = frame(1);
    let scene = Scene {
        inference: Inference::Skipped(SkipReason::Overload),
        ..Scene::default()
    };
    people_meta::set_scene(skipped.get_mut().unwrap(), scene.clone());
    let buffer = harness.push_and_pull(skipped).unwrap();
    assert_eq!(*people_meta::scene(&buffer).unwrap(), scene);
}

/// A row of YOLOv7-Pose with the box by its edges, as with `--export-nms`.
fn edges(row: &[f32]) -> Vec<f32> {
    let [x, y, w, h] = [row[0], row[1], row[2] / 2.0, row[3] / 2.0];
    [&[x - w, y - h, x + w, y + h], &row[4..]].concat()
}

/// A pose that is recognised by its shape alone.
fn pose() -> ModelOutput {
    let mut pose = ModelOutput {
        layout: None,
        ..tensors(&rows(&PEOPLE), ROW)
    };
    pose.tensors[0].shape.remove(0);
    let values = rows(&PEOPLE).chunks(ROW).flat_map(edges).collect::<Vec<f32>>();
    pose.tensors[0].data = values
        .into_iter()
        .flat_map(f32::to_le_bytes)
        .collect::<Vec<u8>>()
        .into();
    pose
}

/// The outputs of a model that knows nothing of people.
fn other() -> ModelOutput {
    ModelOutput {
        model: "A".into(),
        ..tensors(&[0.0; 24], 8)
    }
}

fn skipped() -> Scene {
    Scene {
        inference: Inference::Skipped(SkipReason::Overload),
        ..Scene::default()
    }
}

#[test]
fn outputs_of_other_models_stay_on_the_frame() {
    let declared = || tensors(&rows(&PEOPLE), ROW);
    for (launch, outputs, scene, people, left, warnings) in [
        ("poseparse", vec![pose(), other()], None, Some(1), 1, 0),
        ("poseparse", vec![other(), pose()], None, Some(1), 1, 0),
        ("poseparse", vec![other(), declared(), other()], None, Some(1), 2, 0),
        (
            "poseparse layout=yolov7-pose-nms",
            vec![other(), pose()],
            None,
            Some(1),
            1,
            0,
        ),
        ("poseparse", vec![other(), pose()], Some(skipped()), Some(1), 1, 0), // skipped by A, not by the pose model
        ("poseparse", vec![other()], Some(skipped()), Some(0), 1, 0),         // skipped by the pose model
        (
            "poseparse layout=yolov7-pose",
            vec![other()],
            Some(skipped()),
            Some(0),
            1,
            0,
        ),
        ("poseparse", vec![other()], None, None, 1, 1),
        ("poseparse", vec![other(), other()], None, None, 2, 1),
    ] {
        let (mut harness, bus) = harness(launch);
        let what = format!(
            "{launch}, {:?}",
            outputs.iter().map(|output| &*output.model).collect::<Vec<_>>()
        );
        // the second frame is not reported again
        for n in 0..2 {
            let mut buffer = frame(n);
            let frame = buffer.get_mut().unwrap();
            outputs
                .iter()
                .for_each(|output| people_meta::add_model_output(frame, output.clone()));
            if let Some(scene) = &scene {
                people_meta::set_scene(frame, scene.clone());
            }
            let buffer = harness.push_and_pull(buffer).unwrap();
            let found = people_meta::scene(&buffer).map(|scene| scene.people.len());
            let models: Vec<_> = people_meta::model_outputs(&buffer);
            assert_eq!((found, models.len()), (people, left), "{what}");
            assert!(models.iter().all(|output| &*output.model == "A"), "{what}");
        }
        let texts = texts(&bus, gst::MessageType::Warning);
        assert_eq!(texts.len(), warnings, "{what}: {texts:?}");
        for text in texts {
            for part in ["'A'", "[1, 3, 8]", "yolov8-pose [1, 56, N]", "layout="] {
                assert!(text.contains(part), "{part}: {text}");
            }
        }
    }
}

#[test]
fn the_inference_period_is_on_the_scene() {
    let period = Some(std::time::Duration::from_millis(1200));
    let scene = parsed(
        "poseparse",
        ModelOutput {
            inference_period: period,
            ..tensors(&rows(&PEOPLE), ROW)
        },
    );
    assert_eq!((scene.inference_period, scene.vest_inference), (period, None));
}

#[test]
fn undecodable_poses_are_an_error_that_names_model_shape_and_property() {
    let declared = ModelOutput {
        layout: Some(PoseLayout::Yolov8Pose),
        ..tensors(&[0.0; 24], 8)
    };
    let mut raw_head = tensors(&[0.0; ROW], ROW);
    raw_head.tensors[0].shape = vec![1, 1, 1, 1, ROW as i64];
    // 300 rows, not the grid of 640×560 pixels
    let ambiguous = ModelOutput {
        layout: None,
        ..tensors(&[0.0; 300 * ROW], ROW)
    };
    let mut integers = tensors(&[0.0; ROW], ROW);
    integers.tensors[0].datatype = "INT32";
    let broken = ModelOutput {
        tensors: vec![OutputTensor {
            data: vec![0; 5].into(),
            ..tensors(&[0.0; ROW], ROW).tensors[0].clone()
        }],
        ..tensors(&[0.0; ROW], ROW)
    };
    for (launch, output, facts) in [
        (
            "poseparse",
            declared,
            &["[1, 3, 8]", "yolov8-pose", "[1, 56, N]", "layout=auto"][..],
        ),
        (
            "poseparse",
            raw_head,
            &["[1, 1, 1, 1, 57]", "yolov7-pose", "layout=auto"],
        ),
        (
            "poseparse",
            ambiguous,
            &["yolov7-pose or yolo26-pose", "[1, 300, 57]", "640×560", "layout=auto"],
        ),
        ("poseparse", integers, &["INT32", "FP32 and FP16", "layout=auto"]),
        ("poseparse", broken, &["[1, 1, 57]", "5 bytes", "layout=auto"]),
        (
            "poseparse layout=yolov8-pose",
            tensors(&[0.0; 24], 8),
            &["[1, 3, 8]", "[1, 56, N]", "layout=yolov8-pose"],
        ),
    ] {
        let (mut harness, bus) = harness(launch);
        let mut buffer = frame(0);
        people_meta::add_model_output(buffer.get_mut().unwrap(), output);
        assert_eq!(harness.push(buffer), Err(gst::FlowError::Error), "{facts:?}");
        let errors = texts(&bus, gst::MessageType::Error);
        assert_eq!(errors.len(), 1);
        for part in facts
            .iter()
            .chain(&["Cannot decode people from the outputs of model 'pose': "])
        {
            assert!(errors[0].contains(part), "{part}: {errors:?}");
        }
    }
}
