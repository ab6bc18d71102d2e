//! The article's application in Python, `bench/article_app`: it sees the right people in every mode, says what is wrong, and leaves
//! no process behind. Only where `scripts/bench` has installed its packages.

use std::fs;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use shopfloor_tests::root;

use crate::grpc::Server;
use crate::program::{Program, wait_until};

/// Frames that are compared with the truth.
const FRAMES: &str = "24";

/// The application with the demo's files; `None` where Python's packages are not installed.
fn application(arguments: &[&str]) -> Option<Command> {
    let python = root().join(".tools/bench/bin/python");
    let installed = fs::read_to_string(root().join(".tools/bench/requirements.txt")).unwrap_or_default();
    if !python.exists() || !installed.contains("onnxruntime") {
        println!("skipped: there are no packages in .tools/bench; scripts/bench installs them");
        return None;
    }
    let mut command = Command::new(python);
    command.arg("-B").arg(root().join("bench/article_app"));
    for (option, path) in [
        ("--input", "media/vests.mp4"),
        ("--stations", "pipelines/stations/demo.json"),
        ("--models", "model_repository"),
    ] {
        command.arg(option).arg(root().join(path));
    }
    command.args(arguments);
    Some(command)
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|text| String::from_utf8_lossy(text))
        .concat()
}

#[test]
fn every_mode_sees_the_people_of_the_truth() {
    let truth = root().join("media/vests_truth.json.gz");
    let check = ["--check", FRAMES, "--truth", truth.to_str().unwrap()];
    let Some(mut runner) = application(&[&["--mode", "runner"][..], &check].concat()) else {
        return;
    };
    let server = Server::start();
    let address = server.url.trim_start_matches("grpc://");
    let mut all = vec![("runner".to_owned(), runner.output().unwrap())];
    for mode in ["decoupled", "ensemble"] {
        for requests in ["threads", "async"] {
            let arguments = ["--mode", mode, "--requests", requests, "--server", address];
            let mut command = application(&[&arguments[..], &check].concat()).unwrap();
            all.push((format!("{mode}, {requests}"), command.output().unwrap()));
        }
    }
    let mut people = Vec::new();
    for (name, output) in &all {
        let seen: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{name}: {}", text(output)));
        let share = |key: &str| seen[key].as_f64().unwrap();
        // The decoupled line of elements is tested for as much (`decoupled.rs`).
        assert!(share("precision") > 0.95, "{name}: {seen}");
        assert!(share("recall") > 0.80, "{name}: {seen}");
        assert!(share("vests") > 0.95, "{name}: {seen}");
        people.push(seen["people"].as_i64().unwrap());
    }
    // The same networks; the ensemble crops from the letterboxed image, so that only vests may differ.
    assert!(people.iter().all(|count| *count == people[0]), "{people:?}");
}

#[test]
fn mistakes_are_reported_with_status_1() {
    let nobody = ["--mode", "ensemble", "--server", "127.0.0.1:9"];
    for (arguments, says) in [
        (&["--mode", "runner", "--input", "none.mp4"][..], "no such video file"),
        (&["--mode", "runner", "--input", "/dev/null"], "no such video file"),
        (&["--mode", "runner", "--models", "/usr"], "no such model"),
        (
            &["--mode", "runner", "--stations", "/dev/null"],
            "no stations can be read",
        ),
        (&nobody, "shopfloor server"),
    ] {
        let Some(mut command) = application(&[arguments, &["--tenants", "2", "--seconds", "1"]].concat()) else {
            return;
        };
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output));
        assert!(text(&output).contains(says), "{arguments:?}: {}", text(&output));
        assert!(!text(&output).contains("Traceback"), "{arguments:?}: {}", text(&output));
    }
}

/// The processes that this one started, and those that they started.
fn descendants(process: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|id| id.parse().ok());
    children
        .flat_map(|child| [vec![child], descendants(child)].concat())
        .collect()
}

#[test]
fn a_signal_ends_all_of_its_processes() {
    for signal in ["-TERM", "-KILL"] {
        let arguments = ["--mode", "decode", "--tenants", "2", "--seconds", "600"];
        let Some(mut command) = application(&arguments) else {
            return;
        };
        let mut program = Program(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let started = wait_until("two tenants and the tracker of their resources run", || {
            let started = descendants(program.0.id());
            (started.len() >= 3).then_some(started)
        });
        let id = program.0.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
        program.exit();
        wait_until("its processes have ended", || {
            let is_alive = |id: &u32| {
                let state = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
                state.contains("python") && !state.contains(") Z ")
            };
            (!started.iter().any(is_alive)).then_some(())
        });
    }
}
