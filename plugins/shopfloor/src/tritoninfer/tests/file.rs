//! Streams that are not live: every frame is inferred, whatever the server does.

use std::time::{Duration, Instant};

use gst::prelude::*;
use people::{Inference, SkipReason};
use triton::{Code, Error};

use super::script::{Texts, away, file, frame, number, tensors, texts, texts_until};

fn is_inferred(buffer: &gst::BufferRef) -> bool {
    !people_meta::model_outputs(buffer).is_empty()
}

fn refused(code: Code) -> Error {
    Error::Infer {
        model: "scripted".into(),
        code,
        message: "why".into(),
    }
}

#[test]
fn every_frame_is_inferred_after_the_server_was_away() {
    let (file, script) = file("");
    let pushing = file.push(0..20);
    script.take(9).into_iter().for_each(|pending| pending.fail(away()));
    script.set_away(true);
    let Texts { warnings, .. } = texts_until(&file.bus, |texts| !texts.warnings.is_empty());
    assert!(
        warnings[0].contains("The stream waits until the server responds."),
        "{warnings:?}"
    );
    assert!(file.try_pull().is_none() && !pushing.is_finished());
    script.release();
    script.set_away(false);
    for n in 0..20 {
        let buffer = file.pull();
        assert!(number(&buffer) == n && is_inferred(&buffer), "{n}");
    }
    pushing.join().unwrap().unwrap();
    texts_until(&file.bus, |texts| !texts.infos.is_empty());
}

#[test]
fn failures_that_may_pass_hold_a_frame() {
    for error in [
        away(),
        Error::ServerStopped,
        refused(Code::Unavailable),
        refused(Code::NotFound),
        Error::DeadlineExceeded,
    ] {
        let (file, script) = file("");
        let pushing = file.push(0..1);
        for _ in 0..3 {
            script.take(1).remove(0).fail(error.clone());
        }
        script.take(1).remove(0).respond();
        assert!(is_inferred(&file.pull()), "{error}");
        pushing.join().unwrap().unwrap();
    }
}

#[test]
fn a_frame_that_the_model_fails_on_is_retried_once_and_holds_nothing() {
    let (file, script) = file("");
    let pushing = file.push(0..2);
    let mut both = script.take(2);
    both.remove(1).respond();
    both.remove(0).fail(refused(Code::Internal));
    let again = script.take(1).remove(0);
    assert_eq!(again.firsts, [0]);
    again.fail(refused(Code::Internal));
    let poison = file.pull();
    let scene = people_meta::scene(&poison).unwrap();
    assert_eq!(scene.inference, Inference::Skipped(SkipReason::Failed));
    assert!(is_inferred(&file.pull()));
    pushing.join().unwrap().unwrap();
    let Texts { warnings, .. } = texts_until(&file.bus, |texts| !texts.warnings.is_empty());
    assert!(
        warnings.len() == 1 && warnings[0].contains("INTERNAL: why"),
        "{warnings:?}"
    );
}

#[test]
fn a_slow_server_is_waited_for() {
    let (file, script) = file("");
    let pushing = file.push(0..1);
    let pending = script.take(1).remove(0);
    assert_eq!(pending.timeout, None, "a file has no deadline");
    assert!(pending.probe_after >= Some(Duration::from_secs(5)));
    pending.respond();
    assert!(is_inferred(&file.pull()));
    pushing.join().unwrap().unwrap();
}

#[test]
fn a_hold_ends_when_failures_are_to_pass() {
    let (file, script) = file("");
    let pushing = file.push(0..12);
    script.take(8).into_iter().for_each(|pending| pending.fail(away()));
    script.set_away(true);
    texts_until(&file.bus, |texts| !texts.warnings.is_empty());
    file.element.set_property_from_str("on-error", "pass");
    for n in 0..12 {
        let buffer = file.pull();
        assert!(number(&buffer) == n && !is_inferred(&buffer), "{n}");
    }
    pushing.join().unwrap().unwrap();
}

#[test]
fn on_error_fail_ends_the_stream_at_once() {
    for error in [away(), Error::DeadlineExceeded, refused(Code::Internal)] {
        let (file, script) = file("on-error=fail");
        let pushing = file.push(0..1);
        script.take(1).remove(0).fail(error.clone());
        let Texts { errors, .. } = texts_until(&file.bus, |texts| !texts.errors.is_empty());
        assert!(errors[0].contains(&error.to_string()), "{errors:?}");
        pushing.join().unwrap().unwrap();
    }
}

/// What ends a hold.
type End = fn(&super::script::File);

#[test]
fn a_stop_or_a_flush_ends_a_hold_promptly() {
    let ends: [(&str, End); 3] = [
        ("NULL", |file| _ = file.element.set_state(gst::State::Null)),
        ("READY", |file| _ = file.element.set_state(gst::State::Ready)),
        ("FLUSH", |file| {
            _ = file.source.push_event(gst::event::FlushStart::new())
        }),
    ];
    for (name, end) in ends {
        let (file, script) = file("");
        let pushing = file.push(0..20);
        script.take(8).into_iter().for_each(|pending| pending.fail(away()));
        script.set_away(true);
        texts_until(&file.bus, |texts| !texts.warnings.is_empty());
        let start = Instant::now();
        end(&file);
        assert_eq!(pushing.join().unwrap(), Err(gst::FlowError::Flushing), "{name}");
        // It waits for nothing; the bound only distinguishes this from a timeout of seconds.
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "{name}: {:?}",
            start.elapsed()
        );
    }
}

#[test]
fn a_late_sink_does_not_make_the_source_drop_frames_of_a_file() {
    let qos = || {
        let late = gst::event::Qos::builder(gst::QOSType::Underflow, 2.0, 1_000_000);
        late.build()
    };
    let (file, _script) = file("");
    let source = file.element.static_pad("src").unwrap();
    source.send_event(qos());
    let passed: Vec<_> = file.upstream.try_iter().map(|event| event.type_()).collect();
    assert!(!passed.contains(&gst::EventType::Qos), "{passed:?}");

    let (mut harness, _bus, _script) = tensors("");
    harness.push_upstream_event(qos());
    let upstream = std::iter::from_fn(|| harness.try_pull_upstream_event());
    assert!(
        upstream
            .map(|event| event.type_())
            .any(|kind| kind == gst::EventType::Qos),
        "a camera may drop"
    );
}

#[test]
fn a_broken_contract_at_the_start_ends_the_stream_but_not_later() {
    let (file_at_start, script) = file("");
    let pushing = file_at_start.push(0..1);
    script.take(1).remove(0).fail(refused(Code::InvalidArg));
    texts_until(&file_at_start.bus, |texts| !texts.errors.is_empty());
    pushing.join().unwrap().unwrap();

    let (file, script) = file("");
    let pushing = file.push(0..2);
    let mut both = script.take(2);
    both.remove(0).respond();
    both.remove(0).fail(refused(Code::InvalidArg));
    script.take(1).remove(0).respond();
    assert!(is_inferred(&file.pull()) && is_inferred(&file.pull()));
    pushing.join().unwrap().unwrap();
    assert!(texts(&file.bus).errors.is_empty());
}

#[test]
fn eos_waits_for_held_frames() {
    let (file, script) = file("");
    file.push(0..1).join().unwrap().unwrap();
    script.take(1).remove(0).fail(away());
    assert!(file.source.push_event(gst::event::Eos::new()));
    assert_eq!(file.source.push(frame(1)), Err(gst::FlowError::Eos));
    script.take(1).remove(0).respond();
    assert!(is_inferred(&file.pull()));
}

#[test]
fn a_server_that_never_answers_is_given_up_when_failures_are_to_pass() {
    let (file, script) = file("timeout=600000");
    let pushing = file.push(0..20);
    let pending = script.take(8);
    std::thread::sleep(Duration::from_millis(1100)); // longer than a response may take before it is suspicious
    file.element.set_property_from_str("on-error", "pass");
    for n in 0..20 {
        let buffer = file.pull();
        assert!(number(&buffer) == n && !is_inferred(&buffer), "{n}");
    }
    pushing.join().unwrap().unwrap();
    drop(pending);
}

#[test]
fn an_allocation_query_does_not_wait_for_held_frames() {
    let (file, script) = file("");
    file.push(0..1).join().unwrap().unwrap();
    let pending = script.take(1);
    let sink = file.element.static_pad("sink").unwrap();
    let mut query = gst::query::Allocation::new(sink.current_caps().as_ref(), true);
    assert!(sink.query(&mut query));
    drop(pending);
}
