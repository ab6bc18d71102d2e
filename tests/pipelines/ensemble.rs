//! One request per frame instead of many: the ensemble's people and events are those of the decoupled line.

use std::sync::{Arc, LazyLock, mpsc};
use std::time::Duration;

use inference::{Contract, Task};
use people::Inference;
use shopfloor_tests::root;
use triton::{Endpoint, InProcess, Input, Model, Request, Server};
use vision::decode::{self, DecodeOptions, Detection, PoseLayout, TensorView};
use vision::letterbox::Letterbox;

use crate::distance::{Distance, check_people};
use crate::play::{self, CLIP, FRAME, Run};
use crate::{decoupled, golden, truth};

/// `tritoninfer` without `model`: its default is the ensemble.
pub static RUN: LazyLock<Run> = LazyLock::new(|| play::clip("tritoninfer timeout=60000"));

/// How far the ensemble's people may be from those of the decoupled line: it crops from the letterboxed image, the
/// decoupled line from the frame. The network is calibrated to be undecided where it errs, and there it follows small differences.
const LIMIT: Distance = Distance {
    pixels: 1.0,
    probability: 0.15,
};

#[test]
fn every_frame_is_inferred() {
    assert_eq!(RUN.failed, None);
    assert_eq!(RUN.scenes.len(), CLIP);
    assert!(RUN.scenes.iter().all(|scene| scene.inference == Inference::Done));
}

#[test]
fn people_are_those_of_the_decoupled_line() {
    let (count, _) = check_people(&RUN.found, &decoupled::RUN.found[..CLIP], LIMIT);
    assert!(count > 3 * CLIP, "only {count} people were compared");
}

#[test]
fn events_are_those_of_the_decoupled_line() {
    golden::check(&RUN.edges, FRAME * CLIP as u32);
}

#[test]
fn people_match_the_truth_as_well_as_those_of_the_decoupled_line() {
    let (ensemble, decoupled) = (truth::score(&RUN.scenes), truth::score(&decoupled::RUN.scenes[..CLIP]));
    println!("{ensemble:?}, the decoupled line {decoupled:?}");
    assert!(ensemble.vests > decoupled.vests - 0.01, "{ensemble:?}, {decoupled:?}");
    assert!(ensemble.mistaken < 0.01, "{ensemble:?}");
    assert!(
        ensemble.precision > decoupled.precision - 0.01,
        "{ensemble:?}, {decoupled:?}"
    );
    assert!(ensemble.recall > decoupled.recall - 0.01, "{ensemble:?}, {decoupled:?}");
}

/// A model of the repository, such as a step of the ensemble on its own.
pub fn model(name: &str) -> Arc<Model> {
    let endpoint = Endpoint::InProcess(InProcess {
        repository: root().join("model_repository"),
        install_dir: root().join(".triton"),
    });
    Server::open(&endpoint).unwrap().model(name, None).unwrap()
}

#[test]
fn the_detect_steps_find_the_same_people_as_the_decoder() {
    for (step, pose) in [
        ("worker_detect", "person_pose"),
        ("worker_detect_movenet", "movenet_multipose"),
    ] {
        let task = Contract::read(model(pose).description()).unwrap().task;
        let Task::Pose {
            score_threshold: Some(threshold),
            ..
        } = task
        else {
            panic!("{task:?}")
        };
        finds_the_same_people(&model(step), threshold);
    }
}

/// The people that a step takes at most: the batch of the vest model.
const MOST: usize = 32;

fn finds_the_same_people(model: &Model, score_threshold: f32) {
    let options = DecodeOptions {
        score_threshold,
        max_people: MOST,
        ..DecodeOptions::default()
    };
    // Numbers that look random and are the same on every machine.
    let mut state = 1_u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as f32 / 65_536.0
    };
    let mut counts = Vec::new();
    for n in (0..100).chain([300]) {
        let rows: Vec<f32> = (0..n).flat_map(|_| row(&mut random)).collect();
        let bytes: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
        let shape = [1, n as i64, 57];
        let output = TensorView {
            name: "output",
            datatype: "FP32",
            shape: &shape,
            data: &bytes,
        };
        let expected = PoseLayout::Yolov7Pose
            .decode(&[output], &Letterbox::default(), &options)
            .unwrap();
        let got = detect(model, &shape, &bytes);
        let plain = |people: Vec<Detection>| {
            people
                .into_iter()
                .map(|p| (p.bbox, p.score, p.pose))
                .collect::<Vec<_>>()
        };
        assert_eq!(plain(got), plain(expected.clone()), "{n} rows");
        counts.push(expected.len());
    }
    for count in [0, 1, 20, 21, MOST] {
        assert!(counts.contains(&count), "no case with {count} people among {counts:?}");
    }
}

/// A candidate: of few scores, so that they tie, and few places, so that boxes overlap; some are not people.
fn row(random: &mut impl FnMut() -> f32) -> [f32; 57] {
    let mut row = [0.0; 57];
    row.fill_with(|| 600.0 * random());
    for edge in &mut row[..2] {
        *edge = 16.0 * (random() * 20.0).floor();
    }
    row[2..4].fill_with(|| 8.0 * (random() * 12.0).floor());
    row[4] = (random() * 8.0).floor() / 8.0;
    row[5] = if random() < 0.8 { 1.0 } else { 0.2 };
    if random() < 0.1 {
        let at = (random() * 57.0) as usize;
        row[at] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][at % 3];
    }
    row
}

/// The people that the step finds, with vests of no meaning.
fn detect(model: &Model, shape: &[i64], rows: &[u8]) -> Vec<Detection> {
    let mut data = model.lease(rows.len());
    data.copy_from_slice(rows);
    let spec = &model.description().inputs[0];
    let input = Input {
        name: spec.name.clone(),
        datatype: spec.datatype,
        shape: shape.to_vec(),
        data,
    };
    let (sender, receiver) = mpsc::channel();
    model.infer(Request::new(vec![input]), move |reply| drop(sender.send(reply)));
    let reply = receiver.recv_timeout(Duration::from_secs(120)).unwrap().unwrap();
    let people = reply.outputs[0].shape[0];
    let vests = vec![0; 4 * people as usize];
    let shape = [people, 1];
    let vests = TensorView {
        name: "vests",
        datatype: "FP32",
        shape: &shape,
        data: &vests,
    };
    let outputs = reply.outputs.iter().map(|output| TensorView {
        name: &output.name,
        datatype: output.datatype.name(),
        shape: &output.shape,
        data: &output.data,
    });
    let outputs: Vec<_> = outputs.chain([vests]).collect();
    decode::people(&outputs, &Letterbox::default(), 1).unwrap()
}

#[test]
fn the_ensembles_have_the_contract_of_their_networks() {
    has_contract_of("worker_ensemble", "person_pose");
    has_contract_of("worker_ensemble_movenet", "movenet_multipose");
}

fn has_contract_of(ensemble: &str, pose: &str) {
    let (ensemble, pose, vest) = (model(ensemble), model(pose), model("vest_resnet18"));
    let contract = |model: &Model| Contract::read(model.description()).unwrap();
    let labels = |model: &Model| match contract(model).task {
        Task::People { labels } | Task::Vest { labels, .. } => labels,
        task => panic!("{task:?}"),
    };
    assert_eq!(labels(&ensemble), labels(&vest));
    let fit = |model: &Model| {
        let format = contract(model).image.format;
        (format.width, format.height, format.fit, format.pad, format.order)
    };
    assert_eq!(fit(&ensemble), fit(&pose));
}
