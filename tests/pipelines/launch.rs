//! Lines that a user types: the built plugin under `gst-launch-1.0`, right and wrong.

use std::process::{Command, Output};

use shopfloor_tests::root;

const VIDEO: &str = "filesrc location=media/vests.mp4 ! decodebin";
const POSE: &str = "tritoninfer model=movenet_multipose ! poseparse";
const VEST: &str = "tritoninfer model=vest_resnet18 inference-region=people";

fn gst_launch(line: &str) -> (Output, String) {
    gst_launch_with(line, &[])
}

pub(crate) fn gst_launch_with(line: &str, environment: &[(&str, &str)]) -> (Output, String) {
    let set: String = environment
        .iter()
        .map(|(name, value)| format!("{name}={value} "))
        .collect();
    let mut command = Command::new("sh");
    // behind scripts/env, which sets some itself
    let line = format!(". scripts/env && exec env {set} timeout 120 gst-launch-1.0 -e {line}");
    command.args(["-c", &line]).current_dir(root());
    // a registry of its own: the test tells nothing about, and leaves nothing in, the user's
    let registry = tempfile::NamedTempFile::new().unwrap();
    let output = command.env("GST_REGISTRY", registry.path()).output().unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output, text)
}

#[test]
fn the_decoupled_line_plays() {
    let line = format!(
        "{VIDEO} ! {POSE} ! queue ! {VEST} ! queue ! vesttrack ! activityzone stations=pipelines/stations/demo.json \
         ! overlay ! videoconvert ! identity eos-after=12 ! fakesink"
    );
    let (output, text) = gst_launch(&line);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("EOS"), "{text}");
}

#[test]
fn tenants_that_come_with_us_play() {
    let folder = tempfile::TempDir::new().unwrap();
    let clip = folder.path().join("clip.mp4");
    let cut = format!(
        "filesrc location=media/vests.mp4 ! qtdemux ! h264parse ! identity eos-after=12 ! mp4mux ! filesink location={}",
        clip.display()
    );
    let (output, text) = gst_launch(&cut);
    assert!(output.status.success(), "{text}");
    for tenant in ["demo", "ensemble"] {
        let result = folder.path().join(tenant).with_extension("mp4");
        let line = format!(
            ". scripts/env && exec timeout 120 shopfloor play pipelines/{tenant}.launch --set input={} --set output={}",
            clip.display(),
            result.display()
        );
        let output = Command::new("sh")
            .args(["-c", &line])
            .current_dir(root())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{tenant}: {text}");
        assert!(result.metadata().unwrap().len() > 1000, "{tenant}: {text}");
    }
}

#[test]
fn nothing_leaks() {
    leaks_nothing(&format!("{POSE} ! queue ! {VEST} ! queue"));
    leaks_nothing("tritoninfer");
}

fn leaks_nothing(inference: &str) {
    let line = format!(
        "-q {VIDEO} ! {inference} ! vesttrack ! activityzone stations=pipelines/stations/demo.json \
         ! overlay ! videoconvert ! identity eos-after=6 ! fakesink"
    );
    let traced = [
        ("GST_TRACERS", "leaks"),
        ("GST_DEBUG", "GST_TRACER:7"),
        ("GST_DEBUG_NO_COLOR", "1"),
    ];
    let (output, text) = gst_launch_with(&line, &traced);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("object-alive"), "the tracer does not speak: {text}");
    let alive: Vec<_> = text
        .lines()
        .filter(|line| line.contains("object-alive, type-name=(string)Gst"))
        .collect();
    assert!(alive.is_empty(), "{alive:#?}");
}
