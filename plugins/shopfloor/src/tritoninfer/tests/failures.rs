//! A server that does not respond, or not as expected.

use gst::prelude::*;
use people::{Inference, SkipReason};
use triton::{Code, Error};

use super::script::{Texts, element, frame, frame_of_people, tensors, texts, texts_until, vests};

fn broken_contract() -> Error {
    Error::Infer {
        model: "scripted".into(),
        code: Code::InvalidArg,
        message: "unexpected shape".into(),
    }
}

#[test]
fn a_failure_posts_one_warning_and_its_end_one_info() {
    let (mut harness, bus, script) = tensors("on-overload=block");
    for n in 0..4 {
        harness.push(frame(n)).unwrap();
    }
    for (n, pending) in script.take(4).into_iter().enumerate() {
        if n < 2 {
            pending.fail(Error::DeadlineExceeded)
        } else {
            pending.respond()
        }
    }
    for n in 0..4 {
        let buffer = harness.pull().unwrap();
        let mark = people_meta::scene(&buffer).map(|scene| scene.inference);
        assert_eq!(
            mark,
            (n < 2).then_some(Inference::Skipped(SkipReason::Failed)),
            "frame {n}"
        );
    }
    let Texts { warnings, infos, .. } = texts_until(&bus, |texts| !texts.infos.is_empty());
    assert_eq!((warnings.len(), infos.len()), (1, 1), "{warnings:?} {infos:?}");
    assert!(
        warnings[0].contains("timeout") && warnings[0].contains("without inference"),
        "{warnings:?}"
    );
    assert_eq!(harness.element().unwrap().property::<String>("status"), "ready");
}

#[test]
fn status_has_the_reason_of_a_failure() {
    let (mut harness, _bus, script) = tensors("on-overload=block");
    harness.push(frame(0)).unwrap();
    script.take(1).remove(0).fail(Error::ServerStopped);
    harness.pull().unwrap();
    assert!(
        harness
            .element()
            .unwrap()
            .property::<String>("status")
            .contains("stopped")
    );
}

#[test]
fn a_broken_contract_ends_the_stream_with_one_error() {
    let (mut harness, bus, script) = tensors("on-overload=block");
    harness.push(frame(0)).unwrap();
    harness.push(frame(1)).unwrap();
    script
        .take(2)
        .into_iter()
        .for_each(|pending| pending.fail(broken_contract()));
    let eos = std::iter::from_fn(|| harness.pull_event().ok()).find(|event| event.type_() == gst::EventType::Eos);
    assert!(eos.is_some());
    let errors = texts_until(&bus, |texts| !texts.errors.is_empty()).errors;
    assert!(
        errors.len() == 1 && errors[0].contains("unexpected shape"),
        "{errors:?}"
    );
    assert_eq!(harness.push(frame(2)), Err(gst::FlowError::Error));
}

#[test]
fn on_error_decides_what_an_error_does() {
    let (mut harness, bus, script) = tensors("on-overload=block on-error=pass");
    harness.push(frame(0)).unwrap();
    script.take(1).remove(0).fail(broken_contract());
    harness.pull().unwrap();
    assert_eq!(texts(&bus).errors.len(), 0);

    let (mut harness, bus, script) = tensors("on-overload=block on-error=fail");
    harness.push(frame(0)).unwrap();
    script.take(1).remove(0).fail(Error::DeadlineExceeded);
    let eos = std::iter::from_fn(|| harness.pull_event().ok()).find(|event| event.type_() == gst::EventType::Eos);
    assert!(eos.is_some());
    assert_eq!(texts_until(&bus, |texts| !texts.errors.is_empty()).errors.len(), 1);
}

#[test]
fn people_are_kept_when_the_vest_request_fails() {
    let (mut harness, _bus, script) = vests("on-overload=block");
    harness.push(frame_of_people(0, 1)).unwrap();
    script.take(1).remove(0).fail(Error::DeadlineExceeded);
    let buffer = harness.pull().unwrap();
    let scene = people_meta::scene(&buffer).unwrap();
    assert_eq!((scene.inference, scene.people.len()), (Inference::Done, 1));
    assert!(scene.people[0].vest.is_none());
}

#[test]
fn frames_without_people_post_one_warning() {
    let (mut harness, bus, _script) = vests("on-overload=block");
    for n in 0..3 {
        harness.push_and_pull(frame(n)).unwrap();
    }
    let warnings = texts(&bus).warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("poseparse"), "{warnings:?}");
}

#[test]
fn a_vest_model_needs_inference_region_people() {
    let parameters = r#""shopfloor.labels": {"string_value": "none,red"}"#;
    let (element, bus, _script) = element("", parameters);
    assert!(element.set_state(gst::State::Ready).is_err());
    let errors = texts(&bus).errors;
    assert!(
        errors.len() == 1 && errors[0].contains("inference-region=people"),
        "{errors:?}"
    );
}

#[test]
fn invalid_servers_and_repositories_are_reported() {
    gst::init().unwrap();
    crate::plugin_register_static().unwrap();
    for (properties, named) in [
        ("server=ftp://x", "ftp://x"),
        ("model-repository=/no/such/models", "/no/such/models"),
    ] {
        let element = gst::parse::launch(&format!("tritoninfer {properties}")).unwrap();
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        assert!(element.set_state(gst::State::Ready).is_err());
        let errors = texts(&bus).errors;
        assert!(errors.len() == 1 && errors[0].contains(named), "{errors:?}");
    }
}

#[test]
fn unreadable_frames_post_one_warning() {
    // DL Streamer's spelling of the region selects the same
    for region in ["roi", "roi-list"] {
        unreadable_frames(&format!("on-overload=block inference-region={region}"));
    }
}

fn unreadable_frames(properties: &str) {
    let (mut harness, bus, script) = tensors(properties);
    let with_empty_region = |n| {
        let mut buffer = frame(n);
        let region = (0, 0, 0, 0);
        gst_video::VideoRegionOfInterestMeta::add(buffer.get_mut().unwrap(), "empty", region);
        buffer
    };
    for n in 0..5 {
        let buffer = harness.push_and_pull(with_empty_region(n)).unwrap();
        let scene = people_meta::scene(&buffer).unwrap();
        assert_eq!(scene.inference, Inference::Skipped(SkipReason::Failed));
    }
    let warnings = texts(&bus).warnings;
    assert!(
        warnings.len() == 1 && warnings[0].contains("Cannot read a frame"),
        "{warnings:?}"
    );
    assert_eq!(script.waiting(), 0);
}
