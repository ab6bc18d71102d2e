//! The line of the project's card as a user types it, from a camera's RTSP stream to a window, and the window's content.
//!
//! A local RTSP server (`tests/rtsp-server.py`) stands in for the camera, Xvfb for the screen.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use gst::prelude::*;
use shopfloor_tests::root;
use tempfile::TempDir;

use crate::launch;
use crate::program::{PATIENCE, Program};

/// The line after `rtspsrc location=…`, as on the card.
const LINE: &str = "tritoninfer ! vesttrack ! activityzone ! overlay ! autovideosink";

impl Program {
    pub fn camera() -> (Self, String) {
        let root = root();
        // Debian's own Python, which has GStreamer's bindings.
        let mut command = Command::new("/usr/bin/python3");
        Self::announced(
            command
                .arg(root.join("tests/rtsp-server.py"))
                .arg(root.join("media/vests.mp4")),
        )
    }

    /// `-noreset` keeps the screen when its first client disconnects.
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

    /// A screen in a window of another one, with the X video extension, which Xvfb lacks.
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
        let log = File::create(folder.join("log")).unwrap();
        let mut command = launch::shell(&format!("gst-launch-1.0 {line}"));
        command
            .env("DISPLAY", display)
            // The window belongs on the test's X display, whatever display the caller has.
            .env_remove("WAYLAND_DISPLAY")
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        Self(command.spawn().unwrap())
    }
}

/// The RGB images that a line produces, until this is dropped.
struct Images {
    pipeline: gst::Element,
    images: Receiver<Vec<u8>>,
}

impl Images {
    /// Starts the line; keeps at most `waiting` images that were not received yet, and drops later ones.
    fn of(line: &str, waiting: usize) -> Self {
        gst::init().unwrap();
        let line = format!("{line} ! videoconvert ! video/x-raw,format=RGB ! fakesink name=out");
        let pipeline = gst::parse::launch(&line).unwrap();
        let (sender, images) = sync_channel(waiting);
        let sink = pipeline.downcast_ref::<gst::Bin>().unwrap().by_name("out").unwrap();
        let sink = sink.static_pad("sink").unwrap();
        sink.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let _ = sender.try_send(info.buffer().unwrap().map_readable().unwrap().to_vec());
            gst::PadProbeReturn::Ok
        });
        pipeline.set_state(gst::State::Playing).unwrap();
        Self { pipeline, images }
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Whether the image has a name plate in a vest's colour: a run of equal vivid pixels. The longest run in the video itself
/// is 24 pixels, in a plate more than 35.
fn is_drawn(image: &[u8]) -> bool {
    let vivid = |rgb: &[u8]| {
        let (max, min) = rgb.iter().fold((0, 255), |(max, min), c| (max.max(*c), min.min(*c)));
        max - min > 100
    };
    let pixels: Vec<&[u8]> = image.chunks_exact(3).collect();
    pixels
        .chunk_by(|a, b| a == b)
        .any(|same| same.len() > 30 && vivid(same[0]))
}

/// Waits for an image of the screen with something drawn on it, and other than `before`.
fn next_drawn(screen: &Images, before: Option<&[u8]>, program: &mut Program, folder: &Path) -> Vec<u8> {
    let log = || fs::read_to_string(folder.join("log")).unwrap();
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        match screen.images.recv_timeout(Duration::from_secs(1)) {
            Ok(image) if is_drawn(&image) && before != Some(&image) => return image,
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("the screen's pipeline has ended: {}", log()),
        }
        assert!(
            program.0.try_wait().unwrap().is_none(),
            "gst-launch-1.0 exited: {}",
            log()
        );
    }
    panic!("no new image with something drawn on it within {PATIENCE:?}: {}", log())
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
        // Audio first, so that the element gets it before its video.
        "/both protocols=tcp",
    ] {
        let line = format!("rtspsrc location={address}{source} ! {LINE}");
        // Twice a second only, which leaves the processor to the models.
        let grab =
            format!("ximagesrc display-name={display} use-damage=false show-pointer=false ! video/x-raw,framerate=2/1");
        let screen = Images::of(&grab, 1);
        let mut program = Program::gst_launch(&line, &display, folder.path());
        let first = next_drawn(&screen, None, &mut program, folder.path());
        next_drawn(&screen, Some(&first), &mut program, folder.path());
        drop(program);
        let log = fs::read_to_string(folder.path().join("log")).unwrap();
        // A sink's own warning about late frames only shows that the machine is busy.
        let wrong = [
            "ERROR",
            "CRITICAL",
            "panicked",
            "WARNING: from element /GstPipeline:pipeline0/GstShopfloor",
        ];
        // Nor does a busy machine infer in time.
        let mut lines = log.lines().filter(|line| !line.contains("A frame is inferred every"));
        assert!(
            !lines.any(|line| wrong.iter().any(|word| line.contains(word))),
            "{line}: {log}"
        );
    }
}

#[test]
fn the_video_itself_does_not_look_drawn_on() {
    // One frame of ten.
    const IMAGES: usize = 73;
    let line = format!(
        "filesrc location={}/media/vests.mp4 ! decodebin ! videorate drop-only=true ! video/x-raw,framerate=1/1",
        root().display()
    );
    let video = Images::of(&line, IMAGES);
    for _ in 0..IMAGES {
        let image = video.images.recv_timeout(PATIENCE).unwrap();
        assert_eq!(image.len(), 768 * 576 * 3);
        assert!(!is_drawn(&image));
    }
}

/// One sink takes only its screen's format, one draws by OpenGL, and one has the screen convert.
#[test]
fn windows_of_every_kind_show_the_overlay() {
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
        let status = program.exit();
        assert!(
            status.success(),
            "{sink}: {}",
            fs::read_to_string(folder.path().join("log")).unwrap()
        );
    }
}
