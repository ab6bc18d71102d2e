//! The people that Python reads from the regions of interest are those of the elements.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use gst::prelude::*;
use people::{Person, Scene};
use serde::Deserialize;
use shopfloor_tests::root;
use vision::{Keypoint, Rect};

use crate::{FRAMES, clip, init, output_of, run};

/// A frame as `tests/read-regions.py` writes it.
#[derive(Debug, Deserialize)]
struct Frame {
    inference: BTreeMap<String, serde_json::Value>,
    people: Vec<Region>,
}

/// A person.
#[derive(Debug, Deserialize)]
struct Region {
    rect: [f32; 4],
    confidence: f32,
    track: Option<u64>,
    vest: Option<String>,
    keypoints: BTreeMap<String, [f32; 3]>,
}

#[test]
fn python_reads_the_people_of_the_elements() {
    let (_folder, clip) = clip();
    let scenes = scenes_of(&clip);
    let text = output_of(&root().join("tests/read-regions.py"), &[&clip]);
    let frames: Vec<Frame> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((frames.len(), scenes.len()), (FRAMES, FRAMES));
    for (n, (frame, scene)) in frames.iter().zip(&scenes).enumerate() {
        assert_eq!(frame.people.len(), scene.people.len(), "frame {n}");
        for (region, person) in frame.people.iter().zip(&scene.people) {
            check(region, person);
        }
        assert_eq!(frame.inference["inference"], scene.inference.name(), "frame {n}");
        let vests = frame.inference.get("vest-inference").and_then(|name| name.as_str());
        assert_eq!(vests, scene.vest_inference.map(people::Inference::name), "frame {n}");
        // measured in each run anew
        let period = frame.inference.get("inference-period");
        assert!(
            period.is_none_or(|period| period.as_u64().is_some_and(|period| period > 0)),
            "frame {n}"
        );
    }
    let known = |scene: &Scene| scene.people.iter().filter(|person| person.worker().is_some()).count();
    assert!(
        known(&scenes[FRAMES - 1]) >= 3,
        "too few workers are identified for a meaningful test"
    );
}

fn check(region: &Region, person: &Person) {
    let frame = Rect::new(0.0, 0.0, 768.0, 576.0);
    let bbox = person.bbox.intersection(&frame);
    let rect = [bbox.left, bbox.top, bbox.right, bbox.bottom];
    // regions are whole pixels
    assert!(is_near(&region.rect, &rect, 0.51), "{region:?}: {person:?}");
    assert!(
        is_near(&[region.confidence], &[person.score], 1e-3),
        "{region:?}: {person:?}"
    );
    let track = person.track.as_ref();
    assert_eq!(region.track, track.map(|track| track.id));
    let vest = track.map(|track| track.worker.as_deref().unwrap_or("none"));
    assert_eq!(region.vest.as_deref(), vest);
    let joints = if person.pose.is_some() { Keypoint::COUNT } else { 0 };
    assert_eq!(region.keypoints.len(), joints);
    for (joint, keypoint) in Keypoint::ALL.iter().zip(person.pose.iter().flatten()) {
        let expected = [keypoint.point.x, keypoint.point.y, keypoint.confidence];
        assert!(
            is_near(&region.keypoints[joint.name()], &expected, 0.1),
            "{joint:?}: {region:?}: {person:?}"
        );
    }
}

fn is_near(a: &[f32], b: &[f32], by: f32) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= by)
}

/// The people of each frame, from our own meta.
fn scenes_of(clip: &std::path::Path) -> Vec<Arc<Scene>> {
    init();
    let line = format!(
        "filesrc location={} ! decodebin ! tritoninfer ! vesttrack ! fakesink name=end",
        clip.display()
    );
    let pipeline = gst::parse::launch(&line).unwrap().downcast::<gst::Pipeline>().unwrap();
    let scenes = Arc::new(Mutex::new(Vec::new()));
    let shared = scenes.clone();
    let end = pipeline.by_name("end").unwrap().static_pad("sink").unwrap();
    end.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        shared
            .lock()
            .unwrap()
            .extend(people_meta::scene(info.buffer().unwrap()));
        gst::PadProbeReturn::Ok
    });
    run(&pipeline);
    std::mem::take(&mut scenes.lock().unwrap())
}
