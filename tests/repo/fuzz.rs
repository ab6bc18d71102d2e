//! The corpus of the fuzzers through the same parsers: what once was fine stays so, without libFuzzer.

use std::fs;
use std::process::Command;

#[path = "../../fuzz/parsers.rs"]
mod parsers;

/// Feeds the inputs of the target's archive to its parser.
fn replay(target: &str, parser: fn(&[u8])) {
    let archive = shopfloor_tests::root().join(format!("fuzz/corpus/{target}.tar.gz"));
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("tar")
        .arg("-xzf")
        .arg(archive)
        .current_dir(folder.path())
        .status();
    assert!(status.expect("tar runs").success(), "no corpus of {target}");
    let inputs: Vec<_> = fs::read_dir(folder.path().join(target)).unwrap().flatten().collect();
    assert!(inputs.len() > 10, "{target} has {} inputs", inputs.len());
    for input in inputs {
        // Shown if it is the last one.
        println!("{target}: {}", input.file_name().display());
        parser(&fs::read(input.path()).unwrap());
    }
}

#[test]
fn station_files() {
    replay("stations", parsers::stations);
}

#[test]
fn model_contracts() {
    replay("contracts", parsers::contracts);
}

#[test]
fn tensors() {
    replay("tensors", parsers::tensors);
}

#[test]
fn launch_files() {
    replay("launch", parsers::launch);
}

#[test]
fn logs_of_activity() {
    replay("activity", parsers::activity);
}
