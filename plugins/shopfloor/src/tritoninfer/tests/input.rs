//! Accepted formats and how they reach the model: directly, converted, or decoded.

use std::sync::mpsc::{Receiver, channel};

use gst::prelude::*;

use super::script::{FRAME, Script, launch, texts};
use crate::tritoninfer::TritonInfer;

const RAW: &str = "video/x-raw,format=I420,width=64,height=64,framerate=10/1";

/// A pipeline around the element `t`, whose model responds at once, and the buffers that arrive at the sink `out`.
fn pipeline(line: &str) -> (gst::Pipeline, Receiver<gst::Buffer>) {
    let pipeline: gst::Pipeline = launch(line);
    let element = pipeline.by_name("t").unwrap().downcast::<TritonInfer>().unwrap();
    Script::default().serve(&element, "");
    let (sender, arrived) = channel();
    let sink = pipeline.by_name("out").unwrap().static_pad("sink").unwrap();
    sink.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let _ = sender.send(info.buffer().unwrap().clone());
        gst::PadProbeReturn::Ok
    });
    (pipeline, arrived)
}

/// Plays to the end; the error that ended it, if one did.
fn play(pipeline: &gst::Pipeline) -> Option<gst::message::Error<gst::Message>> {
    let _ = pipeline.set_state(gst::State::Playing);
    let wanted = [gst::MessageType::Eos, gst::MessageType::Error];
    let bus = pipeline.bus().unwrap();
    let message = bus.timed_pop_filtered(gst::ClockTime::from_seconds(60), &wanted);
    pipeline.set_state(gst::State::Null).unwrap();
    match message.expect("the pipeline ends").view() {
        gst::MessageView::Error(error) => Some(error.to_owned()),
        _ => None,
    }
}

/// Every buffer that arrived has the model's outputs, in order.
#[track_caller]
fn check(arrived: &Receiver<gst::Buffer>, frames: usize) {
    let arrived: Vec<_> = arrived.try_iter().collect();
    assert!(
        arrived
            .iter()
            .all(|buffer| people_meta::model_outputs(buffer).len() == 1),
        "a frame was not inferred"
    );
    let times: Vec<_> = arrived.iter().map(|buffer| buffer.pts().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(arrived.len(), frames);
}

#[test]
fn video_of_every_kind_reaches_the_model() {
    for way in [
        "",
        "! videoconvert ! video/x-raw,format=I420_10LE",
        "! videoconvert ! video/x-raw,format=YUY2",
        "! jpegenc",
        "! x264enc tune=zerolatency ! h264parse",
        "! x265enc tune=zerolatency ! h265parse",
        "! x264enc tune=zerolatency ! rtph264pay",
        "! x265enc tune=zerolatency ! rtph265pay",
        "! jpegenc ! rtpjpegpay",
    ] {
        let source = format!("videotestsrc num-buffers=12 ! {RAW} {way}");
        let (pipeline, arrived) = pipeline(&format!(
            "{source} ! tritoninfer model=scripted name=t on-overload=block ! fakesink name=out"
        ));
        // the pipeline can be restarted
        for _ in 0..2 {
            assert_eq!(play(&pipeline).map(|error| error.error()), None, "{way}");
            check(&arrived, 12);
        }
    }
}

#[test]
fn one_kind_follows_another() {
    let ways = [
        "! jpegenc",
        "",
        "! x264enc bframes=2",
        "! videoconvert ! video/x-raw,format=YUY2",
        "! jpegenc",
    ];
    let sources: Vec<_> = ways
        .iter()
        .map(|way| format!("videotestsrc num-buffers=9 ! {RAW} {way} ! c."))
        .collect();
    let (pipeline, arrived) = pipeline(&format!(
        "concat name=c ! tritoninfer model=scripted name=t on-overload=block ! fakesink name=out {}",
        sources.join(" ")
    ));
    assert!(play(&pipeline).is_none());
    let arrived: Vec<_> = arrived.try_iter().collect();
    assert_eq!(arrived.len(), 9 * ways.len());
    assert!(
        arrived
            .iter()
            .all(|buffer| people_meta::model_outputs(buffer).len() == 1)
    );
}

#[test]
fn a_flush_passes_the_decoder() {
    let (pipeline, arrived) = pipeline(&format!(
        "videotestsrc num-buffers=30 ! {RAW} ! jpegenc ! tritoninfer model=scripted name=t on-overload=block ! fakesink name=out"
    ));
    pipeline.set_state(gst::State::Paused).unwrap();
    pipeline.state(gst::ClockTime::from_seconds(60)).0.unwrap();
    pipeline.seek_simple(gst::SeekFlags::FLUSH, FRAME * 20).unwrap();
    pipeline.state(gst::ClockTime::from_seconds(60)).0.unwrap();
    assert!(play(&pipeline).is_none());
    let after = arrived.try_iter().skip_while(|buffer| buffer.pts() < Some(FRAME * 20));
    assert!(after.count() >= 10);
}

#[test]
fn formats_without_conversion_are_preferred() {
    let (pipeline, arrived) = pipeline(
        "videotestsrc num-buffers=1 ! tritoninfer model=scripted name=t ! video/x-raw,format=NV12,width=48 ! fakesink name=out",
    );
    let sink = pipeline.by_name("t").unwrap().static_pad("sink").unwrap();
    let taken = sink.query_caps(None);
    let first = taken.structure(0).unwrap();
    assert_eq!(
        (first.get::<&str>("format"), first.get::<i32>("width")),
        (Ok("NV12"), Ok(48))
    );
    assert!(play(&pipeline).is_none());
    check(&arrived, 1);
}

#[test]
fn a_stream_is_linked_by_its_caps() {
    let element: TritonInfer = launch("tritoninfer");
    let sink = element.static_pad("sink").unwrap();
    let takes = |caps: &str| sink.query_accept_caps(&caps.parse().unwrap());
    for caps in [
        "application/x-rtp, media=video, encoding-name=H264, clock-rate=90000",
        "video/x-h265, stream-format=byte-stream",
        "image/jpeg, width=640, height=480",
        "video/x-raw, format=P010_10LE, width=64, height=64, framerate=25/1",
    ] {
        assert!(takes(caps), "{caps}");
    }
    for caps in [
        "application/x-rtp, media=audio, encoding-name=PCMA, clock-rate=8000",
        "audio/x-raw, format=S16LE",
        "video/x-raw(memory:GLMemory), format=RGBA, width=64, height=64, framerate=25/1",
        "application/json",
    ] {
        assert!(!takes(caps), "{caps}");
    }
}

#[test]
fn an_empty_stream_ends() {
    let (pipeline, _) = pipeline("fakesrc num-buffers=0 ! tritoninfer model=scripted name=t ! fakesink name=out");
    assert!(play(&pipeline).is_none());
}

#[test]
fn buffers_without_caps_are_an_error() {
    let (pipeline, _) =
        pipeline("fakesrc num-buffers=3 format=time ! tritoninfer model=scripted name=t ! fakesink name=out");
    let error = play(&pipeline).expect("an error, since there are no caps");
    assert_eq!(error.src().unwrap().name(), "t");
    assert!(error.error().to_string().contains("caps"), "{error:?}");
}

#[test]
fn foreign_streams_are_an_error_that_names_the_type_and_the_remedy() {
    let media = concat!(env!("CARGO_MANIFEST_DIR"), "/../../media/vests.mp4");
    let folder = tempfile::TempDir::new().unwrap();
    let file = |name: &str, source: &str| {
        let path = folder.path().join(name).to_str().unwrap().to_owned();
        let pipeline: gst::Pipeline = launch(&format!("{source} ! filesink location={path}"));
        assert!(play(&pipeline).is_none());
        path
    };
    let jpeg = file("one.jpg", "videotestsrc num-buffers=1 ! jpegenc");
    let wave = file("one.wav", "audiotestsrc num-buffers=9 ! wavenc");
    for (source, facts) in [
        (format!("filesrc location={media}"), ["video/quicktime", "decodebin"]),
        (
            format!("filesrc location={media} ! typefind"),
            ["video/quicktime", "decodebin"],
        ),
        (
            format!("filesrc location={media} ! queue"),
            ["video/quicktime", "decodebin"],
        ),
        (format!("filesrc location={jpeg}"), ["image/jpeg", "decodebin"]),
        (format!("filesrc location={wave}"), ["audio/x-wav", "decodebin"]),
        (
            format!("filesrc location={wave} ! typefind"),
            ["audio/x-wav", "decodebin"],
        ),
        (
            "fakesrc sizetype=fixed sizemax=9 filltype=zero".to_owned(),
            ["unknown type", "decodebin"],
        ),
    ] {
        let (pipeline, _) = pipeline(&format!(
            "{source} ! tritoninfer model=scripted name=t ! fakesink name=out"
        ));
        let error = play(&pipeline).unwrap_or_else(|| panic!("{source} is not refused"));
        assert_eq!(error.src().unwrap().name(), "t", "{source}: {error:?}");
        let text = error.error().to_string();
        assert!(facts.iter().all(|fact| text.contains(fact)), "{source}: {text}");
    }
}

#[test]
fn a_blocked_decoder_does_not_hold_a_stop() {
    // the model does not respond, so the decoder waits for the core, and the next stream for the decoder
    let pipeline: gst::Pipeline = launch(&format!(
        "concat name=c ! tritoninfer model=scripted name=t on-overload=block max-in-flight=1 ! fakesink \
         videotestsrc num-buffers=20 ! {RAW} ! jpegenc ! c. videotestsrc ! {RAW} ! c."
    ));
    let script = Script::default();
    script.serve(&pipeline.by_name("t").unwrap().downcast().unwrap(), "");
    script.hold();
    pipeline.set_state(gst::State::Playing).unwrap();
    drop(script.take(1));
    pipeline.set_state(gst::State::Null).unwrap();
    assert!(texts(&pipeline.bus().unwrap()).errors.is_empty());
}
