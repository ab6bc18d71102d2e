//! Lines as a user types them: the built plugin under `gst-launch-1.0`, and the launch files that come with it.

use std::path::Path;
use std::process::{Command, Output};

use shopfloor_tests::root;

const VIDEO: &str = "filesrc location=media/vests.mp4 ! decodebin";
const POSE: &str = "tritoninfer model=person_pose ! poseparse";
const VEST: &str = "tritoninfer model=vest_resnet18 inference-region=people";

/// A shell in the checkout, after `. scripts/env`, that replaces itself by the line's program.
pub fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!(". scripts/env && exec {line}")])
        .current_dir(root())
        // Not the user's registry; one for all programs, since to fill one takes seconds.
        .env(
            "GST_REGISTRY",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("gstreamer-registry"),
        );
    command
}

pub fn gst_launch_with(line: &str, environment: &[(&str, &str)]) -> (Output, String) {
    let set: String = environment
        .iter()
        .map(|(name, value)| format!("{name}={value} "))
        .collect();
    // `env` comes after scripts/env, which sets some of them itself.
    let output = shell(&format!("env {set} timeout 120 gst-launch-1.0 -e {line}"))
        .output()
        .unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output, text)
}

/// As `gst_launch_with`, with a tracer that prints objects of GStreamer that outlive the pipeline; see `problems`.
pub fn gst_launch_traced(line: &str, environment: &[(&str, &str)]) -> (Output, String) {
    let traced = [
        ("GST_TRACERS", "leaks"),
        ("GST_DEBUG", "GST_TRACER:7"),
        ("GST_DEBUG_NO_COLOR", "1"),
    ];
    let (output, mut text) = gst_launch_with(line, &[&traced, environment].concat());
    if output.status.code() == Some(124) {
        text.push_str("\ntimeout: gst-launch-1.0 did not exit");
    }
    (output, text)
}

/// What no line may print: panics, GLib's criticals, objects that are never freed, and the end of our patience.
pub fn problems(text: &str) -> Vec<String> {
    let unwanted = [
        "panicked",
        "CRITICAL",
        "object-alive, type-name=(string)Gst",
        "timeout: gst-launch-1.0 did not exit",
    ];
    let is_unwanted = |line: &&str| unwanted.iter().any(|word| line.contains(word));
    text.lines().filter(is_unwanted).map(str::to_owned).collect()
}

#[test]
fn the_decoupled_line_plays() {
    let line = format!(
        "{VIDEO} ! {POSE} ! queue ! {VEST} ! queue ! vesttrack ! activityzone stations=pipelines/stations/demo.json \
         ! overlay ! videoconvert ! identity eos-after=12 ! fakesink"
    );
    let (output, text) = gst_launch_with(&line, &[]);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("EOS"), "{text}");
}

#[test]
fn the_launch_files_play() {
    let folder = tempfile::TempDir::new().unwrap();
    let clip = folder.path().join("clip.mp4");
    let cut = format!(
        "filesrc location=media/vests.mp4 ! qtdemux ! h264parse ! identity eos-after=12 ! mp4mux ! filesink location={}",
        clip.display()
    );
    let (output, text) = gst_launch_with(&cut, &[]);
    assert!(output.status.success(), "{text}");
    for tenant in ["demo", "ensemble"] {
        let result = folder.path().join(tenant).with_extension("mp4");
        let line = format!(
            "timeout 120 shopfloor play pipelines/{tenant}.launch --set input={} --set output={}",
            clip.display(),
            result.display()
        );
        let output = shell(&line).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{tenant}: {text}");
        assert!(result.metadata().unwrap().len() > 1000, "{tenant}: {text}");
    }
}

#[test]
fn no_object_outlives_its_pipeline() {
    for inference in [&*format!("{POSE} ! queue ! {VEST} ! queue"), "tritoninfer"] {
        let line = format!(
            "-q {VIDEO} ! {inference} ! vesttrack ! activityzone stations=pipelines/stations/demo.json \
             ! overlay ! videoconvert ! identity eos-after=6 ! fakesink"
        );
        let (output, text) = gst_launch_traced(&line, &[]);
        assert!(output.status.success(), "{text}");
        assert!(text.contains("object-alive"), "the tracer prints nothing: {text}");
        assert_eq!(problems(&text), [""; 0], "{line}");
    }
}
