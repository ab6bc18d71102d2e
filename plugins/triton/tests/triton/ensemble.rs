//! The ensemble and its steps on the real Triton: no person, one, the maximum number, and one more.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use crate::common::*;
use tempfile::TempDir;
use triton::{DataType, Input, Model, Request, Response};

/// The vest model's maximum batch size, and so the maximum number of people in a frame.
const MAX_PEOPLE: usize = 32;

fn input(model: &Model, name: &str, datatype: DataType, shape: &[usize], bytes: &[u8]) -> Input {
    let mut data = model.lease(bytes.len());
    data.copy_from_slice(bytes);
    Input {
        name: name.into(),
        datatype,
        shape: shape.iter().map(|dim| *dim as i64).collect(),
        data,
    }
}

/// Boxes, vests and the count in a response. Each output has one entry per person, but at least one.
fn people(response: &Response) -> People {
    let count = response.output("count").unwrap();
    assert_eq!((count.datatype, &count.shape[..]), (DataType::Int64, &[1][..]));
    let count = i64::from_ne_bytes(count.data[..].try_into().unwrap()) as usize;
    let entries = count.max(1) as i64;
    let shape = |name| response.output(name).unwrap().shape.clone();
    assert_eq!(shape("boxes"), [entries, 4]);
    assert_eq!(shape("scores"), [entries]);
    assert_eq!(shape("keypoints"), [entries, 17, 3]);
    assert_eq!(shape("vests"), [entries, 8]);
    let [boxes, vests] = ["boxes", "vests"].map(|name| floats(response.output(name).unwrap()));
    for scores in vests.chunks(8) {
        assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{scores:?}");
    }
    (boxes.as_chunks().0.to_vec(), vests.as_chunks().0.to_vec(), count)
}

/// The test image of two men, 256x192 RGB pixels.
fn pixels() -> &'static [u8] {
    let file = include_bytes!("data/people.ppm");
    &file[file.len() - WIDTH * HEIGHT * 3..]
}

/// `worker_ensemble`'s input: black, with columns (from, to) of the test image at the given positions.
fn frame(model: &Model, pieces: &[([usize; 2], [usize; 2])]) -> Input {
    let (image, mut frame) = (pixels(), vec![0; 640 * 480 * 3]);
    for ([from, to], [x, y]) in pieces {
        for row in 0..HEIGHT.min(480 - y) {
            let length = 3 * (to - from);
            frame[((y + row) * 640 + x) * 3..][..length].copy_from_slice(&image[(row * WIDTH + from) * 3..][..length]);
        }
    }
    input(model, "frame", DataType::Uint8, &[1, 480, 640, 3], &frame)
}

const BOTH: [usize; 2] = [0, WIDTH];
/// The man in the blue vest alone.
const BLUE: [usize; 2] = [0, 160];

/// Boxes, vests, and the number of people.
type People = (Vec<[f32; 4]>, Vec<[f32; 8]>, usize);

#[test]
fn a_frame_becomes_people() {
    let model = open(&repository()).model("worker_ensemble", None).unwrap();
    let labels = &model.description().parameters["shopfloor.labels"];
    let labels: Vec<_> = labels.split(',').map(str::trim).collect();
    let infer_frame = |pieces: &[_]| people(&infer(&model, frame(&model, pieces)).unwrap());
    let vest = |scores: &[f32; 8]| {
        let best = (0..8).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap();
        labels[best]
    };

    let (boxes, _, count) = infer_frame(&[]);
    assert_eq!(
        (count, &boxes[..]),
        (0, &[[0.0; 4]][..]),
        "without people, one entry of zeros"
    );

    let (boxes, vests, count) = infer_frame(&[(BLUE, [100, 200])]);
    assert_eq!(count, 1);
    let [left, top, right, bottom] = CROPS[0].map(|edge| edge as f32);
    assert_close(
        &boxes[0],
        &[100.0 + left, 200.0 + top, 100.0 + right, 200.0 + bottom],
        8.0,
    );
    assert_eq!(vest(&vests[0]), "blue");

    // eight men, and four times somebody behind them
    let (boxes, vests, count) = infer_frame(&[
        (BOTH, [20, 20]),
        (BOTH, [340, 20]),
        (BOTH, [20, 260]),
        (BOTH, [340, 260]),
    ]);
    assert_eq!((count, boxes.len()), (12, 12));
    assert!(vests[..8].iter().all(|scores| ["blue", "none"].contains(&vest(scores))));
}

/// The ensemble without its pose model, so that a test can provide the people.
const REST: &str = r#"
name: "rest" platform: "ensemble" max_batch_size: 0
input [ { name: "image" data_type: TYPE_FP32 dims: [ 1, 3, 192, 256 ] },
        { name: "poses" data_type: TYPE_FP32 dims: [ 1, -1, 57 ] } ]
output [ { name: "boxes" data_type: TYPE_FP32 dims: [ -1, 4 ] },
         { name: "scores" data_type: TYPE_FP32 dims: [ -1 ] },
         { name: "keypoints" data_type: TYPE_FP32 dims: [ -1, 17, 3 ] },
         { name: "vests" data_type: TYPE_FP32 dims: [ -1, 8 ] },
         { name: "count" data_type: TYPE_INT64 dims: [ 1 ] } ]
ensemble_scheduling { step ["#;

/// A repository with the project's models and with `rest`: the ensemble's own steps after the pose model.
fn repository_with_rest() -> TempDir {
    let (own, theirs) = (TempDir::new().unwrap(), fs::canonicalize(repository()).unwrap());
    for model in ["vest_resnet18", "worker_detect", "worker_crop", "worker_softmax"] {
        symlink(theirs.join(model), own.path().join(model)).unwrap();
    }
    let config = fs::read_to_string(theirs.join("worker_ensemble/config.pbtxt")).unwrap();
    let (_, steps) = config
        .split_once("output_map { key: \"poses\" value: \"poses\" }\n    },")
        .unwrap();
    let (steps, _) = steps.split_once("\nparameters").unwrap();
    fs::create_dir_all(own.path().join("rest/1")).unwrap();
    fs::write(own.path().join("rest/config.pbtxt"), format!("{REST}{steps}")).unwrap();
    own
}

/// `n` people in the pose model's layout, with different scores and positions.
fn poses(n: usize) -> Vec<[f32; 57]> {
    let pose = |i: usize| {
        let mut row = [0.0; 57];
        // the best is neither first nor last
        let score = 0.46 + 0.005 * ((i * 13) % n) as f32;
        row[..6].copy_from_slice(&[
            20.0 + 30.0 * (i % 8) as f32,
            20.0 + 30.0 * (i / 8) as f32,
            16.0,
            24.0,
            score,
            1.0,
        ]);
        row
    };
    (0..n).map(pose).collect()
}

fn ask(model: &Model, poses: &[[f32; 57]]) -> People {
    let planes = (0..3).flat_map(|channel| pixels().iter().skip(channel).step_by(3));
    let image: Vec<u8> = planes
        .flat_map(|value| (f32::from(*value) / 255.0).to_le_bytes())
        .collect();
    let rows: Vec<u8> = poses.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
    let inputs = vec![
        input(model, "image", DataType::Fp32, &[1, 3, HEIGHT, WIDTH], &image),
        input(model, "poses", DataType::Fp32, &[1, poses.len(), 57], &rows),
    ];
    let response = send(model, Request::new(inputs));
    people(&response.recv_timeout(PATIENCE).expect("a response").unwrap())
}

#[test]
fn the_people_with_the_highest_scores_are_kept_up_to_the_batch_size() {
    let own = repository_with_rest();
    let model = open(own.path()).model("rest", None).unwrap();
    for n in [1, 2, 20, 21, MAX_PEOPLE - 1, MAX_PEOPLE, MAX_PEOPLE + 1, 2 * MAX_PEOPLE] {
        let poses = poses(n);
        let (boxes, _, count) = ask(&model, &poses);
        assert_eq!(count, n.min(MAX_PEOPLE), "of {n}");
        let mut best = poses;
        best.sort_by(|a, b| b[4].total_cmp(&a[4]));
        for (found, [x, y, width, height, ..]) in boxes.iter().zip(best) {
            let (w, h) = (width / 2.0, height / 2.0);
            assert_eq!(*found, [x - w, y - h, x + w, y + h], "of {n}");
        }
    }
    let unlikely: Vec<_> = poses(3).into_iter().map(|row| row.map(|value| 0.1 * value)).collect();
    let (boxes, _, count) = ask(&model, &unlikely);
    assert_eq!((count, &boxes[..]), (0, &[[0.0; 4]][..]), "all are below the threshold");
}

#[test]
fn crops_match_the_input_of_the_vest_model() {
    let own = repository_with_rest();
    let model = open(own.path()).model("rest", None).unwrap();
    let men = CROPS.map(|edges| {
        let [left, top, right, bottom] = edges.map(|edge| edge as f32);
        let mut row = [0.0; 57];
        row[..6].copy_from_slice(&[
            (left + right) / 2.0,
            (top + bottom) / 2.0,
            right - left,
            bottom - top,
            0.5,
            1.0,
        ]);
        row
    });
    let (_, vests, count) = ask(&model, &men);
    assert_eq!(count, 2);
    for (vest, logits) in vests.iter().zip(LOGITS.chunks(8)) {
        let sum: f32 = logits.iter().map(|logit| logit.exp()).sum();
        let expected: Vec<f32> = logits.iter().map(|logit| logit.exp() / sum).collect();
        // the golden logits are for crops sampled by nearest neighbour
        assert_close(vest, &expected, 0.05);
    }
}

#[test]
fn an_ensemble_and_its_steps_may_be_opened_and_dropped_independently() {
    let own = TempDir::new().unwrap();
    for entry in fs::read_dir(fs::canonicalize(repository()).unwrap()).unwrap().flatten() {
        symlink(entry.path(), own.path().join(entry.file_name())).unwrap();
    }
    let server = open(own.path());
    let ask = |ensemble: &Arc<Model>| people(&infer(ensemble, frame(ensemble, &[(BLUE, [100, 200])])).unwrap()).2;
    let pose = |model: &Arc<Model>| infer(model, pose_input(model)).map(|_| ()).unwrap();

    let (network, ensemble) = (
        server.model("movenet_multipose", None).unwrap(),
        server.model("worker_ensemble_movenet", None).unwrap(),
    );
    assert_eq!(ask(&ensemble), 1);
    drop(network);
    assert_eq!(ask(&ensemble), 1, "after its pose model was dropped");
    let network = server.model("movenet_multipose", None).unwrap();
    drop(ensemble);
    pose(&network);
    let ensemble = server.model("worker_ensemble_movenet", None).unwrap();
    assert_eq!(ask(&ensemble), 1, "opened again");
    pose(&network);
}

#[test]
fn closing_a_server_does_not_affect_other_servers() {
    let (first, second) = (repository_with_rest(), repository_with_rest());
    let (first, second) = (open(first.path()), open(second.path()));
    let (one, other) = (first.model("rest", None).unwrap(), second.model("rest", None).unwrap());
    assert_eq!(ask(&one, &poses(3)).2, 3);
    drop((first, one));
    assert_eq!(ask(&other, &poses(3)).2, 3);
}
