//! The command prints errors of the elements as text for users, and `shopfloor check` finds them beforehand.

use std::path::Path;
use std::process::{Command, Output};

use shopfloor_tests::root;
use tempfile::TempDir;

/// Runs the command with the built plugin.
fn shopfloor(arguments: &[&str], paths: &[&Path]) -> Output {
    let registry = tempfile::NamedTempFile::new().unwrap();
    Command::new("sh")
        .args(["-c", ". scripts/env && exec timeout 120 shopfloor \"$@\"", "sh"])
        .args(arguments)
        .args(paths)
        .current_dir(root())
        .env("GST_REGISTRY", registry.path())
        .output()
        .unwrap()
}

#[test]
fn errors_have_no_debug_text() {
    let folder = TempDir::new().unwrap();
    let launch = folder.path().join("bad.launch");
    std::fs::write(
        &launch,
        "videotestsrc num-buffers=1 ! tritoninfer model=nope ! fakesink",
    )
    .unwrap();
    let output = shopfloor(&["play"], &[&launch]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    // one line: the message, without the debug details of the element
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(
        errors.contains("no model 'nope'") && !errors.contains("Error {"),
        "{errors}"
    );
}

#[test]
fn what_can_be_played_is_well() {
    let launch = root().join("pipelines/ensemble.launch");
    let folder = TempDir::new().unwrap();
    let output = format!("output={}", folder.path().join("out.mp4").display());
    let found = shopfloor(&["check", "--timeout", "20", "--set", &output], &[&launch]);
    let text = String::from_utf8_lossy(&found.stdout);
    assert_eq!(found.status.code(), Some(0), "{text}");
    for part in [
        "✓ shopfloor: tritoninfer, poseparse, vesttrack",
        "✓ ensemble: the launch file is a pipeline",
        "✓ the server in this process: triton 2.",
        "✓ ensemble: infer: model worker_ensemble: people, input",
        "stations, whose vests the model knows",
        "out.mp4 (the file of",
        "all is well",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!folder.path().join("out.mp4").exists(), "nothing is written");
}

#[test]
fn what_cannot_be_played_has_a_remedy() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    file(
        "stations.json",
        r#"{"stations": [{"name": "till", "vest": "bleu", "polygon": [[0, 0], [1, 0], [1, 1]]}]}"#,
    );
    let line = |server: &str| {
        format!(
            "videotestsrc ! tritoninfer {server} ! vesttrack ! activityzone stations=stations.json events-location=no/log.jsonl \
             ! fakesink"
        )
    };
    let labels = file("labels.launch", &line("model=worker_ensemble"));
    let away = file("away.launch", &line("server=grpc://127.0.0.1:1"));
    let syntax = file("syntax.launch", "videotestsrc ! nonesuch ! fakesink");
    let found = shopfloor(&["check", "--json", "--timeout", "20"], &[&labels, &away, &syntax]);
    let text = String::from_utf8_lossy(&found.stdout);
    assert_eq!(found.status.code(), Some(1), "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).expect(&text);
    assert_eq!(json["ok"], false);
    let failed = |subject: &str, part: &str| {
        let checks = json["checks"].as_array().unwrap().iter();
        let mut of_subject = checks.filter(|check| check["subject"] == subject && check["verdict"] == "failed");
        let check = of_subject.find(|check| check["text"].as_str().unwrap().contains(part));
        let check = check.unwrap_or_else(|| panic!("{subject}, {part}: {text}"));
        check["remedy"].as_str().unwrap().to_owned()
    };
    assert!(failed("labels", "'bleu' (did you mean 'blue'?)").contains("stations.json"));
    assert!(failed("labels", "log.jsonl (the log of events) cannot be written").contains("create the folder"));
    assert!(failed("grpc://127.0.0.1:1", "no Triton server responds").contains("start it"));
    assert!(failed("syntax", "nonesuch").contains("install the GStreamer plugin"));
    assert!(text.contains("the vests are not compared"), "{text}");
}
