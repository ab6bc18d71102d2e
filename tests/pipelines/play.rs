//! One pass over the demo video, or over its first ten seconds, and everything that the tests look at afterwards.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gst::prelude::*;
use people::Scene;
use shopfloor_tests::root;

use crate::init;

/// The video's length, in frames.
pub const FRAMES: usize = 735;
/// A clip's length: the video's first ten seconds, in which every state of a station occurs.
pub const CLIP: usize = 100;
/// How long a frame lasts.
pub const FRAME: Duration = Duration::from_millis(100);
/// The frame of the README's image: three stations active, every worker named.
pub const IMAGE: usize = 194;

/// A station's change of state, as a golden line has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    pub station: String,
    /// `PREVIOUS to STATE`.
    pub change: String,
    /// Since the video's start.
    pub time: Duration,
}

/// The results of one pass.
#[derive(Default)]
pub struct Run {
    /// The scene of each frame as it comes from the models, before `vesttrack`.
    pub found: Vec<Arc<Scene>>,
    /// The scene of each frame at the line's end.
    pub scenes: Vec<Arc<Scene>>,
    pub edges: Vec<Edge>,
    /// The messages with the sums of each station.
    pub totals: Vec<gst::Structure>,
    /// Frame `IMAGE` as drawn: RGB, 768×576.
    pub image: Vec<u8>,
    /// The error that ended the line, if one did.
    pub failed: Option<String>,
}

/// Plays the whole video through a line with `inference` in it.
pub fn whole(inference: &str) -> Run {
    play(inference, usize::MAX)
}

/// Plays the first `CLIP` frames through a line with `inference` in it.
pub fn clip(inference: &str) -> Run {
    play(inference, CLIP)
}

fn play(inference: &str, frames: usize) -> Run {
    init();
    let root = root();
    let launch = format!(
        "filesrc location={video} ! decodebin ! identity name=decoded ! {inference} ! queue ! vesttrack name=track \
         ! activityzone stations={stations} ! overlay ! videoconvert ! video/x-raw,format=RGB \
         ! fakesink name=out sync=false",
        video = root.join("media/vests.mp4").display(),
        stations = root.join("pipelines/stations/demo.json").display(),
    );
    let pipeline = gst::parse::launch(&launch)
        .unwrap()
        .downcast::<gst::Pipeline>()
        .unwrap();
    end_after(frames, &sink(&pipeline, "decoded"));
    let found = scenes_at(&pipeline, "track");
    let scenes = scenes_at(&pipeline, "out");
    let image = Arc::new(Mutex::new(Vec::new()));
    let (shared, frame) = (image.clone(), AtomicUsize::new(0));
    sink(&pipeline, "out").add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if frame.fetch_add(1, Ordering::Relaxed) == IMAGE {
            *shared.lock().unwrap() = info.buffer().unwrap().map_readable().unwrap().to_vec();
        }
        gst::PadProbeReturn::Ok
    });
    let mut run = Run {
        failed: Some("neither EOS nor an error within ten minutes".into()),
        ..Run::default()
    };
    pipeline.set_state(gst::State::Playing).unwrap();
    let messages = pipeline.bus().unwrap();
    for message in messages.iter_timed(gst::ClockTime::from_seconds(600)) {
        match message.view() {
            gst::MessageView::Eos(_) => {
                run.failed = None;
                break;
            }
            gst::MessageView::Error(error) => {
                run.failed = Some(format!("{error:?}"));
                break;
            }
            gst::MessageView::Element(element) => record(&mut run, element.structure()),
            _ => {}
        }
    }
    pipeline.set_state(gst::State::Null).unwrap();
    [run.found, run.scenes] = [found, scenes].map(|scenes| std::mem::take(&mut *scenes.lock().unwrap()));
    run.image = std::mem::take(&mut *image.lock().unwrap());
    run
}

/// Lets so many buffers pass and responds to others with EOS, which makes the demuxer end the stream. (`identity eos-after`
/// lets a later buffer of the decoder pass now and then.)
pub fn end_after(frames: usize, pad: &gst::Pad) {
    let passed = AtomicUsize::new(0);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if passed.fetch_add(1, Ordering::Relaxed) < frames {
            return gst::PadProbeReturn::Ok;
        }
        info.flow_res = Err(gst::FlowError::Eos);
        drop(info.data.take());
        gst::PadProbeReturn::Handled
    });
}

/// The sink pad of the element of that name.
pub fn sink(pipeline: &gst::Pipeline, element: &str) -> gst::Pad {
    pipeline.by_name(element).unwrap().static_pad("sink").unwrap()
}

/// The scenes of the frames that reach an element.
pub fn scenes_at(pipeline: &gst::Pipeline, element: &str) -> Arc<Mutex<Vec<Arc<Scene>>>> {
    let scenes = Arc::new(Mutex::new(Vec::new()));
    let shared = scenes.clone();
    sink(pipeline, element).add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let scene = people_meta::scene(info.buffer().unwrap()).unwrap_or_default();
        shared.lock().unwrap().push(scene);
        gst::PadProbeReturn::Ok
    });
    scenes
}

fn record(run: &mut Run, structure: Option<&gst::StructureRef>) {
    let Some(structure) = structure else { return };
    match structure.name().as_str() {
        "shopfloor-activity" => run.edges.push(Edge {
            station: structure.get("station").unwrap(),
            change: format!(
                "{} to {}",
                structure.get::<&str>("previous").unwrap(),
                structure.get::<&str>("state").unwrap()
            ),
            time: Duration::from_nanos(structure.get("running-time").unwrap()),
        }),
        "shopfloor-totals" => run.totals.push(structure.to_owned()),
        _ => {}
    }
}
