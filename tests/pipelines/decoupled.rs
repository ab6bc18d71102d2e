//! The decoupled line over the whole demo video: its people against the truth, its events against golden ones.
//!
//! `SHOPFLOOR_BLESS=1 cargo test -p shopfloor-tests --test pipelines` writes the golden events and README's picture anew;
//! review them like code.

use std::fmt::Write as _;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use gst::prelude::*;
use people::Scene;
use shopfloor_tests::root;

use crate::truth::{self, Score};

/// A station's change of state, as a golden line has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Edge {
    station: String,
    change: String,
    time: Duration,
}

/// What one run over the video left.
pub(crate) struct Run {
    /// What the models say, before `vesttrack`.
    pub(crate) found: Vec<Arc<Scene>>,
    /// What there is in the end.
    pub(crate) scenes: Vec<Arc<Scene>>,
    pub(crate) edges: Vec<Edge>,
    totals: Vec<gst::Structure>,
    /// RGB, 768×576.
    picture: Vec<u8>,
    pub(crate) failed: Option<String>,
}

/// Played once; the tests look at it from all sides.
pub(crate) static RUN: LazyLock<Run> = LazyLock::new(|| {
    play(
        "tritoninfer timeout=60000 model=movenet_multipose ! poseparse ! queue \
         ! tritoninfer timeout=60000 model=vest_resnet18 inference-region=people",
    )
});

/// A frame of the video.
const FRAME: Duration = Duration::from_millis(100);
pub(crate) const FRAMES: usize = 735;
/// README's picture: three stations active, everybody named.
const PICTURE: usize = 241;

/// Plays the whole video through the line with `inference` in it.
pub(crate) fn play(inference: &str) -> Run {
    gst::init().unwrap();
    gstshopfloor::plugin_register_static().unwrap();
    let root = root();
    let launch = format!(
        "filesrc location={video} ! decodebin ! {inference} ! queue ! vesttrack name=track \
         ! activityzone stations={stations} ! overlay ! videoconvert ! video/x-raw,format=RGB \
         ! fakesink name=out sync=false",
        video = root.join("media/vests.mp4").display(),
        stations = root.join("pipelines/stations/demo.json").display(),
    );
    let pipeline = gst::parse::launch(&launch)
        .unwrap()
        .downcast::<gst::Pipeline>()
        .unwrap();
    let found = scenes_at(&pipeline, "track");
    let scenes = scenes_at(&pipeline, "out");
    let picture = Arc::new(Mutex::new(Vec::new()));
    let (shared, frame) = (picture.clone(), AtomicUsize::new(0));
    sink(&pipeline, "out").add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if frame.fetch_add(1, Ordering::Relaxed) == PICTURE {
            *shared.lock().unwrap() = info.buffer().unwrap().map_readable().unwrap().to_vec();
        }
        gst::PadProbeReturn::Ok
    });
    let mut run = Run {
        found: Vec::new(),
        scenes: Vec::new(),
        edges: Vec::new(),
        totals: Vec::new(),
        picture: Vec::new(),
        failed: None,
    };
    pipeline.set_state(gst::State::Playing).unwrap();
    for message in pipeline.bus().unwrap().iter_timed(gst::ClockTime::from_seconds(600)) {
        match message.view() {
            gst::MessageView::Eos(_) => break,
            gst::MessageView::Error(error) => {
                run.failed = Some(format!("{error:?}"));
                break;
            }
            gst::MessageView::Element(element) => take(&mut run, element.structure()),
            _ => {}
        }
    }
    pipeline.set_state(gst::State::Null).unwrap();
    [run.found, run.scenes] = [found, scenes].map(|scenes| std::mem::take(&mut *scenes.lock().unwrap()));
    run.picture = std::mem::take(&mut *picture.lock().unwrap());
    run
}

fn sink(pipeline: &gst::Pipeline, element: &str) -> gst::Pad {
    pipeline.by_name(element).unwrap().static_pad("sink").unwrap()
}

/// The scenes that come to an element, as they come.
fn scenes_at(pipeline: &gst::Pipeline, element: &str) -> Arc<Mutex<Vec<Arc<Scene>>>> {
    let scenes = Arc::new(Mutex::new(Vec::new()));
    let shared = scenes.clone();
    sink(pipeline, element).add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let scene = people_meta::scene(info.buffer().unwrap()).unwrap_or_default();
        shared.lock().unwrap().push(scene);
        gst::PadProbeReturn::Ok
    });
    scenes
}

fn take(run: &mut Run, structure: Option<&gst::StructureRef>) {
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

#[test]
fn every_frame_arrives_inferred() {
    assert_eq!(RUN.failed, None);
    assert_eq!(RUN.scenes.len(), FRAMES);
    assert!(
        RUN.scenes
            .iter()
            .all(|scene| scene.inference == people::Inference::Done)
    );
}

#[test]
fn people_are_the_truths() {
    let Score {
        precision,
        recall,
        vests,
    } = truth::score(&RUN.scenes);
    println!("precision {precision:.3}, recall {recall:.3}, vests {vests:.3}");
    assert!(precision > 0.95, "{precision:.3} of the people found are there");
    assert!(recall > 0.90, "{recall:.3} of the people there are found");
    assert!(vests > 0.98, "{vests:.3} of the vests are right");
}

#[test]
fn a_vest_is_one_worker_at_a_time() {
    for (n, scene) in RUN.scenes.iter().enumerate() {
        let mut workers: Vec<_> = scene.people.iter().filter_map(people::Person::worker).collect();
        workers.sort();
        assert!(workers.windows(2).all(|two| two[0] != two[1]), "frame {n}: {workers:?}");
    }
}

#[test]
fn totals_cover_the_video() {
    assert_eq!(RUN.totals.len(), 5);
    for totals in &RUN.totals {
        let sum: u64 = ["active", "idle", "absent", "unknown"]
            .map(|name| totals.get::<u64>(name).unwrap())
            .iter()
            .sum();
        assert_eq!(Duration::from_nanos(sum), FRAME * FRAMES as u32, "{totals}");
    }
}

#[test]
fn the_readmes_picture_is_what_is_drawn() {
    let path = root().join("docs/demo.png");
    if std::env::var_os("SHOPFLOOR_BLESS").is_some() {
        let mut encoder = png::Encoder::new(fs::File::create(&path).unwrap(), 768, 576);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::High);
        encoder.write_header().unwrap().write_image_data(&RUN.picture).unwrap();
    }
    let mut decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(&path).unwrap()))
        .read_info()
        .unwrap();
    let mut golden = vec![0; decoder.output_buffer_size().unwrap()];
    decoder.next_frame(&mut golden).unwrap();
    assert_eq!(golden.len(), RUN.picture.len());
    // other processors decode and detect a little differently; another colour, name or place is more than that
    let different = golden
        .iter()
        .zip(&RUN.picture)
        .filter(|(a, b)| a.abs_diff(**b) > 32)
        .count();
    assert!(
        different < golden.len() / 200,
        "{different} of {} bytes differ: bless the picture and look at it",
        golden.len()
    );
}

#[test]
fn edges_are_the_golden_ones() {
    let path = root().join(GOLDEN);
    if std::env::var_os("SHOPFLOOR_BLESS").is_some() {
        fs::write(&path, write_edges(&RUN.edges)).unwrap();
    }
    check_edges(&RUN.edges);
}

const GOLDEN: &str = "tests/golden/decoupled.txt";

/// Every station's edges are the golden ones, to a frame.
pub(crate) fn check_edges(edges: &[Edge]) {
    let golden = read_edges(&fs::read_to_string(root().join(GOLDEN)).unwrap());
    assert!(!golden.is_empty());
    for station in golden.iter().chain(edges).map(|edge| &edge.station) {
        let of = |edges: &[Edge]| {
            edges
                .iter()
                .filter(|edge| edge.station == *station)
                .cloned()
                .collect::<Vec<_>>()
        };
        let (expected, got) = (of(&golden), of(edges));
        let alike = expected.len() == got.len()
            && expected
                .iter()
                .zip(&got)
                .all(|(a, b)| a.change == b.change && a.time.abs_diff(b.time) <= FRAME);
        assert!(
            alike,
            "{station}, to a frame:\nexpected {}\ngot {}",
            write_edges(&expected),
            write_edges(&got)
        );
    }
}

fn write_edges(edges: &[Edge]) -> String {
    edges
        .iter()
        .fold(String::new(), |mut text, Edge { station, change, time }| {
            let _ = writeln!(text, "{:.1} s, {station}: {change}", time.as_secs_f64());
            text
        })
}

fn read_edges(text: &str) -> Vec<Edge> {
    let line = |line: &str| -> Option<Edge> {
        let (time, rest) = line.split_once(" s, ")?;
        let (station, change) = rest.split_once(": ")?;
        let time = Duration::from_secs_f64(time.parse().ok()?);
        Some(Edge {
            station: station.into(),
            change: change.into(),
            time,
        })
    };
    text.lines()
        .map(|text| line(text).unwrap_or_else(|| panic!("golden line: {text}")))
        .collect()
}
