//! A pipeline that sends one frame with metas through GStreamer's own elements.

use std::sync::mpsc;

use gst::prelude::*;

/// The frame's width and height.
pub const SIZE: (u32, u32) = (64, 48);

/// Sends one frame through `elements`, with metas that `put` adds, and returns what `read` finds after them.
pub fn through<T: Send + 'static>(
    elements: &str,
    put: impl Fn(&mut gst::BufferRef) + Send + Sync + 'static,
    read: impl Fn(&gst::BufferRef) -> T + Send + Sync + 'static,
) -> T {
    gst::init().unwrap();
    let (width, height) = SIZE;
    let pipeline = gst::parse::launch(&format!(
        "videotestsrc num-buffers=1 \
         ! video/x-raw,format=I420,width={width},height={height},framerate=5/1,pixel-aspect-ratio=1/1 \
         ! identity name=in ! {elements} ! fakesink name=out"
    ));
    let pipeline = pipeline.unwrap().downcast::<gst::Pipeline>().unwrap();
    let pad = |name: &str, pad: &str| pipeline.by_name(name).unwrap().static_pad(pad).unwrap();
    pad("in", "src").add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        put(info.buffer_mut().unwrap().make_mut());
        gst::PadProbeReturn::Ok
    });
    let (sender, seen) = mpsc::channel();
    pad("out", "sink").add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        sender.send(read(info.buffer().unwrap())).unwrap();
        gst::PadProbeReturn::Ok
    });
    pipeline.set_state(gst::State::Playing).unwrap();
    let last = pipeline.bus().unwrap().timed_pop_filtered(
        gst::ClockTime::from_seconds(20),
        &[gst::MessageType::Eos, gst::MessageType::Error],
    );
    pipeline.set_state(gst::State::Null).unwrap();
    let last = last.expect("neither EOS nor an error within 20 s");
    assert_eq!(last.type_(), gst::MessageType::Eos, "{elements}: {last:?}");
    seen.recv().expect("the frame arrives")
}
