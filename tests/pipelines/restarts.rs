//! `shopfloor play` of a camera that ends again and again: the seconds of its stations over all runs.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use serde_json::Value;
use shopfloor_tests::root;
use tempfile::TempDir;
use triton_fake::{Call, Model, Server, Tensor};

use crate::program::Program;

/// A model that sees nobody.
fn nobody() -> Model {
    let answer = |call: Call| {
        let floats = |name, dims: &[i64]| {
            let bytes = 4 * dims.iter().product::<i64>() as usize;
            Tensor::new(name, "FP32", dims, vec![0; bytes])
        };
        call.answer(vec![
            floats("boxes", &[1, 4]),
            floats("scores", &[1]),
            floats("keypoints", &[1, 17, 3]),
            floats("vests", &[1, 2]),
            Tensor::new("count", "INT64", &[1], vec![0; 8]),
        ]);
    };
    Model::new("nobody", answer)
        .input("frame", "UINT8", &[1, 48, 64, 3])
        .output("boxes", "FP32", &[-1, 4])
        .output("scores", "FP32", &[-1])
        .output("keypoints", "FP32", &[-1, 17, 3])
        .output("vests", "FP32", &[-1, 2])
        .output("count", "INT64", &[1])
        .parameter("shopfloor.task", "people")
        .parameter("shopfloor.labels", "none,red")
}

#[test]
fn the_seconds_of_all_runs_are_counted_once() {
    let server = Server::start([nobody()]).unwrap();
    let folder = TempDir::new().unwrap();
    let launch = format!(
        "videotestsrc is-live=true num-buffers=15 ! video/x-raw,width=64,height=48,framerate=10/1 \
         ! tritoninfer server={} model=nobody ! vesttrack ! activityzone stations=stations.json ! fakesink",
        server.url()
    );
    fs::write(folder.path().join("camera.launch"), launch).unwrap();
    let stations = r#"{"stations": [{"name": "bench", "polygon": [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]}]}"#;
    fs::write(folder.path().join("stations.json"), stations).unwrap();
    let command = root().join("target/release/shopfloor").canonicalize().unwrap();
    let child = Command::new(command)
        .args(["play", "camera.launch", "--events", "log.jsonl"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut play = Program(child);
    let mut lines = BufReader::new(play.0.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap);
    for run in 1..=3 {
        let ended = lines.any(|line| line.contains("camera: the live stream has ended after 15 frames"));
        assert!(ended, "run {run}");
    }
    let sent = Command::new("kill").args(["-TERM", &play.0.id().to_string()]).status();
    assert!(sent.unwrap().success());
    lines.for_each(drop);
    let mut table = String::new();
    play.0.stdout.take().unwrap().read_to_string(&mut table).unwrap();
    assert_eq!(play.exit().code(), Some(130));

    let log = fs::read_to_string(folder.path().join("log.jsonl")).unwrap();
    let log: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let runs: BTreeSet<_> = log.iter().map(|line| line["run"].to_string()).collect();
    assert!(runs.len() >= 3, "{log:#?}");
    let seconds = |totals: &Value| {
        let states = ["active", "idle", "absent", "unknown"];
        states.iter().map(|state| totals[state].as_f64().unwrap()).sum::<f64>()
    };
    let ends = log.iter().filter(|line| line["kind"] == "totals");
    let logged: f64 = ends.map(|line| seconds(&line["totals"])).sum();
    let row = table.lines().find(|line| line.contains("bench")).unwrap_or_default();
    let total = row.trim_end_matches([' ', '│']).rsplit(' ').next();
    let total: f64 = total.and_then(|total| total.parse().ok()).unwrap_or_default();
    // The table has one decimal.
    assert!(
        (total - logged).abs() < 0.1 && logged > 3.0,
        "{logged} in the log: {table}"
    );
}
