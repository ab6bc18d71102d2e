//! `shopfloor play` on SIGTERM while a file waits for a server that hangs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use shopfloor_tests::root;
use tempfile::TempDir;
use triton_fake::{Model, Server};

use crate::program::{PATIENCE, Program};

#[test]
fn a_file_that_waits_for_a_hung_server_is_finished_without_inference() {
    // Requests arrive and are never answered.
    let (model, calls) = Model::queued("hung");
    let model = model.input("x", "UINT8", &[1, 32, 32, 3]).output("y", "FP32", &[1, 4]);
    let server = Server::start([model]).unwrap();
    let folder = TempDir::new().unwrap();
    let launch = format!(
        "videotestsrc num-buffers=100 ! video/x-raw,width=64,height=48,framerate=10/1 \
         ! tritoninfer server={} model=hung timeout=600000 ! videoconvert ! jpegenc ! qtmux ! filesink location=held.mov",
        server.url()
    );
    fs::write(folder.path().join("held.launch"), launch).unwrap();
    let command = root().join("target/release/shopfloor").canonicalize().unwrap();
    let child = Command::new(command)
        .args(["play", "held.launch"])
        .current_dir(folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut play = Program(child);
    let lines = BufReader::new(play.0.stderr.take().unwrap()).lines();
    let _unanswered = calls.recv_timeout(PATIENCE).expect("a request");
    let sent = Command::new("kill").args(["-TERM", &play.0.id().to_string()]).status();
    assert!(sent.unwrap().success());

    let log: Vec<String> = lines.map(Result::unwrap).collect();
    let count = |text: &str| log.iter().filter(|line| line.contains(text)).count();
    assert_eq!(
        count("held: no frame for 10 s: the rest passes without inference"),
        1,
        "{log:#?}"
    );
    assert_eq!(count("held: ended after"), 1, "{log:#?}");
    assert_eq!(play.exit().code(), Some(130), "{log:#?}");
    let file = fs::read(folder.path().join("held.mov")).unwrap();
    assert!(file.windows(4).any(|bytes| bytes == b"moov"), "the file has no index");
}
