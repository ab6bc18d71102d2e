//! `shopfloor play` from outside, with GStreamer's own elements: what it says, writes and ends with.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const FINITE: &str = "videotestsrc num-buffers=${frames:-8} ! video/x-raw,width=64,height=48,framerate=30/1 ! fakesink";

struct Tenants {
    folder: TempDir,
}

impl Tenants {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shopfloor"));
        command.arg("play").current_dir(self.folder.path());
        // The elements of the machine's GStreamer are enough here.
        command.env_remove("GST_PLUGIN_PATH");
        command
    }

    fn play(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn check(output: &Output, status: i32, says: &str) {
    assert_eq!(output.status.code(), Some(status), "{}", stderr(output));
    assert!(
        stderr(output).contains(says),
        "does not say `{says}`: {}",
        stderr(output)
    );
}

#[test]
fn tenants_play_to_their_end_side_by_side() {
    let tenants = Tenants::new();
    tenants.file("yard.launch", &format!("# two of these\n{FINITE}"));
    tenants.file("hall.launch", FINITE);
    let output = tenants.play(&["yard.launch", "hall.launch", "yard.launch", "--set", "frames=5"]);
    for name in ["yard", "hall", "yard-2"] {
        check(&output, 0, &format!("{name}: ended after 5 frames"));
    }
}

#[test]
fn a_tenant_that_fails_leaves_the_others_alone() {
    let tenants = Tenants::new();
    tenants.file("good.launch", FINITE);
    tenants.file("bad.launch", "filesrc location=nowhere.mp4 ! fakesink");
    let output = tenants.play(&["bad.launch", "good.launch"]);
    check(&output, 1, "bad: error: filesrc");
    check(&output, 1, "No such file \"nowhere.mp4\"");
    check(&output, 1, "good: ended after 8 frames");
}

#[test]
fn a_picture_is_a_png() {
    let tenants = Tenants::new();
    tenants.file("one.launch", FINITE);
    check(&tenants.play(&["one.launch", "--picture", "one.png"]), 0, "ended");
    assert!(fs::read(tenants.path("one.png")).unwrap().starts_with(b"\x89PNG\r\n"));
}

#[test]
fn mistakes_are_told_before_anything_plays() {
    let tenants = Tenants::new();
    tenants.file("one.launch", FINITE);
    tenants.file("in.launch", "filesrc location=\"${input}\" ! fakesink");
    tenants.file("typo.launch", "videotestsrc ! fakesinc");
    tenants.file("property.launch", "videotestsrc patern=ball ! fakesink");
    tenants.file("empty.launch", "# nothing yet\n");
    check(&tenants.play(&[]), 2, "Usage: shopfloor play");
    check(
        &tenants.play(&["one.launch", "--set", "frames"]),
        2,
        "expected NAME=VALUE",
    );
    check(&tenants.play(&["one.launch", "--loud"]), 2, "--loud");
    check(
        &tenants.play(&["none.launch"]),
        1,
        "cannot read the launch file none.launch",
    );
    check(&tenants.play(&["empty.launch"]), 1, "empty.launch holds no pipeline");
    check(&tenants.play(&["in.launch"]), 1, "add --set input=VALUE");
    check(
        &tenants.play(&["one.launch", "--set", "frame=5"]),
        1,
        "no launch file has a parameter ${frame}",
    );
    check(&tenants.play(&["typo.launch"]), 1, "no element \"fakesinc\"; install");
    check(&tenants.play(&["property.launch"]), 1, "no property \"patern\"");
    check(
        &tenants.play(&["one.launch", "one.launch", "--picture", "a.png"]),
        1,
        "--picture takes one launch file",
    );
    check(
        &tenants.play(&["one.launch", "--events", "no/such/folder"]),
        1,
        "cannot write no/such/folder",
    );
}

/// An interrupted recording is finished: without its index (`moov`) a file cannot be played.
#[test]
fn an_interrupt_finishes_the_file() {
    let tenants = Tenants::new();
    tenants.file(
        "live.launch",
        "videotestsrc is-live=true ! video/x-raw,width=64,height=48 ! jpegenc ! qtmux ! filesink location=live.mov",
    );
    let mut child = tenants
        .command()
        .arg("live.launch")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(
        lines.any(|line| line.unwrap().contains("first frame after")),
        "it ended before its first frame"
    );
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(
        rest.iter().any(|line| line.starts_with("live: ended after")),
        "{rest:?}"
    );
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let file = fs::read(tenants.path("live.mov")).unwrap();
    assert!(file.windows(4).any(|bytes| bytes == b"moov"), "the file has no index");
}
