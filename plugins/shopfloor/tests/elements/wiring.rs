//! Lines with a missing or misplaced element: one warning in the whole line, by the element that can be moved or fixed.

use std::sync::Arc;

use gst::prelude::*;
use people::{Inference, Person, Scene};
use vision::{ModelOutput, Point};

use crate::common::{caps, frame, init, person, texts};

/// Half of the frame, red's or anyone's.
const RED: &str = r#"activityzone stations="{\"stations\": [{\"name\": \"bench\", \"vest\": \"red\", \"polygon\": [[0, 0], [1, 0], [1, 1]]}]}""#;
const ANYONE: &str =
    r#"activityzone stations="{\"stations\": [{\"name\": \"bench\", \"polygon\": [[0, 0], [1, 0], [1, 1]]}]}""#;

/// What the elements before a line have put on the frames.
#[derive(Clone, Copy)]
enum Frames {
    Bare,
    /// Outputs that no element has decoded.
    Outputs,
    /// Two people, with or without vests.
    People {
        vests: bool,
    },
    /// Two people, and a model's outputs for each.
    Unlabelled,
}

fn outputs(buffer: &mut gst::BufferRef) {
    let model = Arc::from("gloves");
    people_meta::add_model_output(
        buffer,
        ModelOutput {
            model,
            ..ModelOutput::default()
        },
    );
}

fn made(n: u64, frames: Frames) -> gst::Buffer {
    let mut buffer = frame(n);
    let inner = buffer.get_mut().unwrap();
    let two = |vests: bool| {
        let one = |x| Person {
            vest: person(x, "red", Point::default()).vest.filter(|_| vests),
            ..person(x, "red", Point::default())
        };
        Scene {
            vest_inference: vests.then_some(Inference::Done),
            people: vec![one(80.0), one(240.0)],
            ..Scene::default()
        }
    };
    match frames {
        Frames::Bare => {}
        Frames::Outputs => outputs(inner),
        Frames::People { vests } => people_meta::set_scene(inner, two(vests)),
        Frames::Unlabelled => {
            people_meta::set_scene(inner, two(false));
            outputs(inner);
            outputs(inner);
        }
    }
    buffer
}

/// The warnings of a line at `count` frames, a tenth of a second each, and at the end of the stream.
fn warnings(line: &str, frames: Frames, count: u64) -> Vec<String> {
    init();
    let bin = gst::parse::bin_from_description(line, true).unwrap();
    let bus = gst::Bus::new();
    bin.set_bus(Some(&bus));
    let mut harness = gst_check::Harness::with_element(&bin, Some("sink"), Some("src"));
    harness.set_src_caps(caps("I420"));
    harness.play();
    for n in 0..count {
        harness.push_and_pull(made(n, frames)).unwrap();
    }
    harness.push_event(gst::event::Eos::new());
    // Queues pass it on by threads of their own.
    while harness.pull_event().unwrap().type_() != gst::EventType::Eos {}
    let texts = texts(&bus, gst::MessageType::Warning);
    drop(harness);
    // The harness has only the pads.
    bin.set_state(gst::State::Null).unwrap();
    texts
}

#[track_caller]
fn check(line: &str, frames: Frames, facts: &[&str]) {
    for count in [3, 40] {
        let warnings = warnings(line, frames, count);
        let expected = usize::from(!facts.is_empty());
        assert_eq!(warnings.len(), expected, "{line}, {count} frames: {warnings:?}");
        for fact in facts {
            assert!(warnings[0].contains(fact), "{line}: `{fact}` is not in {warnings:?}");
        }
    }
}

#[test]
fn frames_that_were_never_inferred_are_one_warning() {
    let no_inference = |name| ["no tritoninfer is upstream", name];
    check("vesttrack", Frames::Bare, &no_inference("vesttrack"));
    check("overlay", Frames::Bare, &no_inference("overlay"));
    check(
        "poseparse ! vesttrack ! overlay",
        Frames::Bare,
        &no_inference("poseparse"),
    );
    check(
        &format!("queue ! vesttrack ! queue ! {RED} ! overlay"),
        Frames::Bare,
        &no_inference("vesttrack"),
    );
    check(
        &format!("identity ! {ANYONE} ! identity ! overlay"),
        Frames::Bare,
        &no_inference("activityzone"),
    );
}

#[test]
fn a_missing_poseparse_is_one_warning() {
    for line in [
        "vesttrack",
        "overlay",
        &format!("{RED} ! overlay"),
        &format!("vesttrack ! {RED} ! overlay"),
    ] {
        check(line, Frames::Outputs, &["'gloves'", "poseparse"]);
    }
}

#[test]
fn a_missing_vesttrack_is_one_warning() {
    for station in [RED, ANYONE] {
        check(
            &format!("{station} ! overlay"),
            Frames::People { vests: true },
            &["Put vesttrack before activityzone"],
        );
    }
    check(
        &format!("{RED} ! vesttrack"),
        Frames::People { vests: true },
        &["Move activityzone behind vesttrack"],
    );
}

#[test]
fn people_without_vests_are_one_warning_where_vests_are_needed() {
    check(
        &format!("vesttrack ! {RED} ! overlay"),
        Frames::Unlabelled,
        &["'gloves'", "shopfloor.labels", "visitor"],
    );
    check(
        &format!("vesttrack ! {RED} ! overlay"),
        Frames::People { vests: false },
        &["no vest model is upstream"],
    );
    check(
        &format!("vesttrack ! {ANYONE} ! overlay"),
        Frames::People { vests: false },
        &[],
    );
}

#[test]
fn an_overlay_before_other_elements_is_one_warning() {
    let vests = Frames::People { vests: true };
    check(
        &format!("overlay ! vesttrack ! {RED}"),
        vests,
        &["overlay is before activityzone"],
    );
    check("vesttrack ! tee name=t ! overlay", vests, &[]);
    check(&format!("overlay ! vesttrack ! {RED} ! overlay"), vests, &[]);
}

#[test]
fn complete_lines_have_no_warning() {
    check(
        &format!("vesttrack ! {RED} ! overlay"),
        Frames::People { vests: true },
        &[],
    );
    check(
        &format!("queue ! vesttrack ! identity ! {ANYONE} ! videoconvert ! overlay"),
        Frames::People { vests: true },
        &[],
    );
    check("overlay", Frames::People { vests: false }, &[]);
}
