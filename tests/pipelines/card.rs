//! The card's line: a camera's RTSP stream to a window, as a user types it, and what the window then shows.
//!
//! A local RTSP server plays the camera (`tests/rtsp-server.py`), Xvfb the screen.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use gst::prelude::*;
use shopfloor_tests::root;
use tempfile::TempDir;

use crate::program::Program;

/// What stands behind `rtspsrc location=…`, in the card's own words.
const LINE: &str = "tritoninfer ! vesttrack ! activityzone ! overlay ! autovideosink";

/// Longer than a stream takes to show up on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

impl Program {
    fn camera() -> (Self, String) {
        let root = root();
        // Debian's own Python: no other knows GStreamer
        let mut command = Command::new("/usr/bin/python3");
        Self::announced(
            command
                .arg(root.join("tests/rtsp-server.py"))
                .arg(root.join("media/vests.mp4")),
        )
    }

    /// Without -noreset the screen would go black with its first client.
    fn screen() -> (Self, String) {
        let mut command = Command::new("Xvfb");
        let options = [
            "-noreset",
            "-nolisten",
            "tcp",
            "-screen",
            "0",
            "768x576x24",
            "-displayfd",
            "1",
        ];
        let (program, number) = Self::announced(command.args(options));
        (program, format!(":{number}"))
    }

    /// A screen in a window of another, which can do what Xvfb alone cannot: the X video extension.
    fn converting_screen(display: &str) -> (Self, String) {
        let mut command = Command::new("Xephyr");
        command.args([
            "-glamor",
            "-noreset",
            "-nolisten",
            "tcp",
            "-screen",
            "400x300",
            "-displayfd",
            "1",
        ]);
        let (program, number) = Self::announced(command.env("DISPLAY", display));
        (program, format!(":{number}"))
    }

    fn gst_launch(line: &str, display: &str, folder: &Path) -> Self {
        let said = File::create(folder.join("said")).unwrap();
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!(". scripts/env && exec gst-launch-1.0 {line}")])
            .env("DISPLAY", display)
            // the picture is to be made by X, whatever screen the caller has
            .env_remove("WAYLAND_DISPLAY")
            .env("GST_REGISTRY", folder.join("registry"))
            .current_dir(root())
            .stdout(said.try_clone().unwrap())
            .stderr(said);
        Self(command.spawn().unwrap())
    }
}

/// Pictures of what `line` gives, RGB, until the pipeline is dropped.
struct Pictures {
    pipeline: gst::Element,
    pictures: Receiver<Vec<u8>>,
}

impl Pictures {
    fn of(line: &str) -> Self {
        gst::init().unwrap();
        // at the pace of the stream, so that who looks slowly sees some of a file, too
        let line = format!("{line} ! videoconvert ! video/x-raw,format=RGB ! fakesink name=out sync=true");
        let pipeline = gst::parse::launch(&line).unwrap();
        let (sender, pictures) = sync_channel(1);
        let sink = pipeline.downcast_ref::<gst::Bin>().unwrap().by_name("out").unwrap();
        let sink = sink.static_pad("sink").unwrap();
        sink.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            // who is not looking misses pictures
            let _ = sender.try_send(info.buffer().unwrap().map_readable().unwrap().to_vec());
            gst::PadProbeReturn::Ok
        });
        pipeline.set_state(gst::State::Playing).unwrap();
        Self { pipeline, pictures }
    }
}

impl Drop for Pictures {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Is a name on a plate of its vest's colour in the picture? The most pixels of one same vivid colour: the video has up
/// to 20, a plate more than 100.
fn is_drawn(picture: &[u8]) -> bool {
    let mut vivid: Vec<&[u8]> = picture
        .chunks_exact(3)
        .filter(|rgb| {
            rgb.iter()
                .max()
                .zip(rgb.iter().min())
                .is_some_and(|(max, min)| max - min > 100)
        })
        .collect();
    vivid.sort_unstable();
    vivid.chunk_by(|a, b| a == b).any(|same| same.len() > 60)
}

/// Waits for a picture that the line has drawn on, and that is not `before`.
fn next_drawn(screen: &Pictures, before: Option<&[u8]>, program: &mut Program, folder: &Path) -> Vec<u8> {
    let said = || fs::read_to_string(folder.join("said")).unwrap();
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        match screen.pictures.recv_timeout(Duration::from_secs(1)) {
            Ok(picture) if is_drawn(&picture) && before != Some(&picture) => return picture,
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("the screen is gone"),
        }
        assert!(program.0.try_wait().unwrap().is_none(), "it ended: {}", said());
    }
    panic!("no new picture that is drawn on within {PATIENCE:?}: {}", said())
}

#[test]
fn a_camera_is_shown_with_its_workers() {
    let (_camera, address) = Program::camera();
    let (_screen, display) = Program::screen();
    let folder = TempDir::new().unwrap();
    for source in [
        "/video",
        "/video protocols=tcp",
        "/sound protocols=udp",
        // audio first, so that the element meets it before its video
        "/both protocols=tcp",
    ] {
        let line = format!("rtspsrc location={address}{source} ! {LINE}");
        // asked every now and then, so that it does not take the processor from the models
        let grab =
            format!("ximagesrc display-name={display} use-damage=false show-pointer=false ! video/x-raw,framerate=2/1");
        let screen = Pictures::of(&grab);
        let mut program = Program::gst_launch(&line, &display, folder.path());
        let first = next_drawn(&screen, None, &mut program, folder.path());
        next_drawn(&screen, Some(&first), &mut program, folder.path());
        drop(program);
        let said = fs::read_to_string(folder.path().join("said")).unwrap();
        // a sink's own warning, that frames come late, is about a busy machine
        let wrong = [
            "ERROR",
            "CRITICAL",
            "panicked",
            "WARNING: from element /GstPipeline:pipeline0/GstShopfloor",
        ];
        assert!(!wrong.iter().any(|word| said.contains(word)), "{line}: {said}");
    }
}

#[test]
fn the_video_itself_is_not_taken_for_drawn_on() {
    let video = Pictures::of(&format!(
        "filesrc location={}/media/vests.mp4 ! decodebin",
        root().display()
    ));
    for _ in 0..10 {
        let picture = video.pictures.recv_timeout(PATIENCE).unwrap();
        assert_eq!(picture.len(), 768 * 576 * 3);
        assert!(!is_drawn(&picture));
    }
}

/// A sink that takes only its screen's format, one that draws by OpenGL, and one that has the screen convert.
#[test]
fn windows_of_every_kind_take_what_is_drawn() {
    let (_screen, display) = Program::screen();
    let (_converting, converting) = Program::converting_screen(&display);
    let folder = TempDir::new().unwrap();
    for (sink, display) in [
        ("ximagesink", &display),
        ("glimagesink", &display),
        ("xvimagesink", &converting),
    ] {
        let line = format!("videotestsrc num-buffers=3 ! video/x-raw,format=I420 ! overlay ! {sink}");
        let mut program = Program::gst_launch(&line, display, folder.path());
        let status = program.0.wait().unwrap();
        assert!(
            status.success(),
            "{sink}: {}",
            fs::read_to_string(folder.path().join("said")).unwrap()
        );
    }
}
