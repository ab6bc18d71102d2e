//! Consumers of the results: the command, the hosts in `examples/`, people as Python reads them, and the log with its schema.
//!
//! Two seconds of the demo video through the real Triton, in a process for each host.

mod command;
mod hosts;
mod log;
mod regions;

use std::path::{Path, PathBuf};
use std::process::Command;

use gst::prelude::*;
use shopfloor_tests::root;
use tempfile::TempDir;

/// Frames of a clip.
const FRAMES: usize = 20;

/// The first two seconds of the demo video, in a folder of their own.
fn clip() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("clip.mp4");
    let video = root().join("media/vests.mp4");
    let line = format!(
        "filesrc location={} ! qtdemux ! h264parse ! identity eos-after={} ! mp4mux ! filesink location={}",
        video.display(),
        FRAMES + 1,
        path.display()
    );
    play(&line);
    (folder, path)
}

/// Plays a pipeline to its end, in this process.
fn play(line: &str) -> gst::Pipeline {
    init();
    let pipeline = gst::parse::launch(line).unwrap().downcast::<gst::Pipeline>().unwrap();
    run(&pipeline);
    pipeline
}

fn init() {
    gst::init().unwrap();
    gstshopfloor::plugin_register_static().unwrap();
}

fn run(pipeline: &gst::Pipeline) {
    // If that fails, the reason is on the bus.
    let _ = pipeline.set_state(gst::State::Playing);
    let last = pipeline.bus().unwrap().timed_pop_filtered(
        gst::ClockTime::from_seconds(120),
        &[gst::MessageType::Eos, gst::MessageType::Error],
    );
    pipeline.set_state(gst::State::Null).unwrap();
    let last = last.expect("neither EOS nor an error within two minutes");
    assert!(matches!(last.view(), gst::MessageView::Eos(_)), "{last:?}");
}

/// The standard output of a program that runs as after `. scripts/env`, with the plugin that was built.
fn output_of(program: &Path, arguments: &[&Path]) -> String {
    let registry = tempfile::NamedTempFile::new().unwrap();
    let output = Command::new("sh")
        .args(["-c", ". scripts/env && exec timeout 120 \"$@\"", "sh"])
        .arg(program)
        .args(arguments)
        .current_dir(root())
        .env("GST_REGISTRY", registry.path())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {printed}{errors}", program.display());
    printed
}
