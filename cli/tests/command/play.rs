//! `shopfloor play` with GStreamer's own elements: what it prints and writes, and its exit status.

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
        // GStreamer's own elements are enough here.
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
fn check(output: &Output, status: i32, expected: &str) {
    assert_eq!(output.status.code(), Some(status), "{}", stderr(output));
    assert!(
        stderr(output).contains(expected),
        "`{expected}` is not in: {}",
        stderr(output)
    );
}

#[test]
fn tenants_play_side_by_side_to_their_end() {
    let tenants = Tenants::new();
    tenants.file("yard.launch", &format!("# two of these\n{FINITE}"));
    tenants.file("hall.launch", FINITE);
    let output = tenants.play(&["yard.launch", "hall.launch", "yard.launch", "--set", "frames=5"]);
    for name in ["yard", "hall", "yard-2"] {
        check(&output, 0, &format!("{name}: ended after 5 frames"));
    }
}

#[test]
fn a_failing_tenant_does_not_stop_the_others() {
    let tenants = Tenants::new();
    tenants.file("good.launch", FINITE);
    tenants.file("bad.launch", "filesrc location=nowhere.mp4 ! fakesink");
    let output = tenants.play(&["bad.launch", "good.launch"]);
    check(&output, 1, "bad: error: filesrc");
    check(&output, 1, "No such file");
    check(&output, 1, "/nowhere.mp4\"");
    check(&output, 1, "good: ended after 8 frames");
}

#[test]
fn picture_is_written_as_png() {
    let tenants = Tenants::new();
    tenants.file("one.launch", FINITE);
    check(&tenants.play(&["one.launch", "--picture", "one.png"]), 0, "ended");
    assert!(fs::read(tenants.path("one.png")).unwrap().starts_with(b"\x89PNG\r\n"));
}

#[test]
fn mistakes_are_reported_before_anything_plays() {
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
    check(&tenants.play(&["empty.launch"]), 1, "empty.launch has no pipeline");
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
        "cannot write the events to no/such/folder: No such file",
    );
}

/// Paths of the file are relative to its folder, those of `--set` to the current one.
#[test]
fn launch_files_play_from_any_folder() {
    let tenants = Tenants::new();
    fs::create_dir_all(tenants.path("share/media")).unwrap();
    fs::create_dir(tenants.path("work")).unwrap();
    tenants.file("share/media/data.bin", "installed");
    tenants.file("work/mine.bin", "mine");
    tenants.file(
        "share/copy.launch",
        "filesrc location=\"${input:-media/data.bin}\" ! filesink location=${output:-copy.bin}",
    );
    let launch = "../share/copy.launch";
    let play = |more: &[&str]| {
        let mut command = tenants.command();
        command.current_dir(tenants.path("work")).arg(launch).args(more);
        command.output().unwrap()
    };
    check(&play(&[]), 0, "ended");
    assert_eq!(fs::read_to_string(tenants.path("share/copy.bin")).unwrap(), "installed");
    check(
        &play(&["--set", "input=mine.bin", "--set", "output=other.bin"]),
        0,
        "ended",
    );
    assert_eq!(fs::read_to_string(tenants.path("work/other.bin")).unwrap(), "mine");
}

/// The same pipeline in each encoding and with each end of line plays and writes its file.
#[test]
fn launch_files_of_other_editors_play() {
    let tenants = Tenants::new();
    tenants.file("data.bin", "x");
    let text = "# für den Küchenplan\nfilesrc location=data.bin \\\n! filesink location=Küche.bin\n";
    let units = |to_bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to_bytes).collect::<Vec<u8>>();
    for (what, bytes) in [
        ("UTF-8", text.as_bytes().to_vec()),
        ("a byte order mark", [b"\xEF\xBB\xBF", text.as_bytes()].concat()),
        (
            "UTF-16 of PowerShell",
            [b"\xFF\xFE".as_slice(), &units(u16::to_le_bytes)].concat(),
        ),
        (
            "UTF-16, big endian",
            [b"\xFE\xFF".as_slice(), &units(u16::to_be_bytes)].concat(),
        ),
        ("UTF-16 without a mark", units(u16::to_le_bytes)),
        ("CR LF", text.replace('\n', "\r\n").into_bytes()),
        ("CR", text.replace('\n', "\r").into_bytes()),
    ] {
        fs::write(tenants.path("one.launch"), bytes).unwrap();
        let output = tenants.play(&["one.launch"]);
        assert!(output.status.success(), "{what}: {}", stderr(&output));
        assert_eq!(fs::read_to_string(tenants.path("Küche.bin")).unwrap(), "x", "{what}");
        fs::remove_file(tenants.path("Küche.bin")).unwrap();
    }
    for (bytes, facts) in [
        (
            b"# f\xFCr\nfakesrc ! fakesink".as_slice(),
            ["line 1", "0xFC", "save it as UTF-8"],
        ),
        (b"\xFF\xFE\0\0f\0\0\0", ["UTF-32", "save it", "UTF-8"]),
        ("fakesrc ! fakesink name=“x”".as_bytes(), ["line 1", "“", "\""]),
        (b"fakesrc ! fakesink !", ["one.launch", "ends with `!`", "remove it"]),
    ] {
        fs::write(tenants.path("one.launch"), bytes).unwrap();
        let output = tenants.play(&["one.launch"]);
        let text = stderr(&output);
        assert!(!output.status.success(), "{text}");
        for fact in facts {
            assert!(text.contains(fact), "`{fact}` is not in: {text}");
        }
    }
}

#[test]
fn progress_of_a_file_has_percent_and_time_left() {
    let tenants = Tenants::new();
    tenants.file(
        "film.launch",
        "videotestsrc num-buffers=80 ! video/x-raw,width=32,height=32,framerate=10/1 ! avimux ! filesink location=film.avi",
    );
    check(&tenants.play(&["film.launch"]), 0, "ended");
    tenants.file(
        "show.launch",
        "filesrc location=film.avi ! avidemux ! fakesink sync=true",
    );
    let output = tenants.play(&["show.launch"]);
    let text = stderr(&output);
    let line = text.lines().find(|line| line.contains(" %, ")).expect(&text);
    assert!(line.starts_with("show: ") && line.contains(" s left, "), "{line}");
}

#[test]
fn help_of_each_subcommand_has_an_example() {
    for subcommand in ["play", "check", "server", "report"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shopfloor"));
        let output = command.args([subcommand, "--help"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let example = ["Example", "Examples"].map(|title| format!("{title}:\n  shopfloor {subcommand} "));
        assert!(example.iter().any(|example| text.contains(example)), "{text}");
    }
}

#[test]
fn events_are_appended_or_overwritten() {
    let tenants = Tenants::new();
    tenants.file("one.launch", FINITE);
    let log = tenants.file("log.jsonl", "{\"yesterday\": 1}\n");
    let play = |more: &[&str]| {
        let output = tenants.play(&[&["one.launch", "--events", "log.jsonl"], more].concat());
        check(&output, 0, "ended");
        fs::read_to_string(&log).unwrap()
    };
    assert_eq!(play(&[]), "{\"yesterday\": 1}\n");
    assert_eq!(play(&["--overwrite-events"]), "");
    check(&tenants.play(&["one.launch", "--overwrite-events"]), 2, "--events");
}

/// A pipe without a reader: said, and no tenant waits for it.
#[test]
fn a_log_that_nobody_reads_stops_no_tenant() {
    let tenants = Tenants::new();
    tenants.file("one.launch", FINITE);
    let made = Command::new("mkfifo").arg(tenants.path("pipe")).status().unwrap();
    assert!(made.success());
    let output = tenants.play(&["one.launch", "--events", "pipe"]);
    check(
        &output,
        0,
        "warning: cannot write the events to pipe: the pipe has no reader",
    );
    check(&output, 0, "one: ended after 8 frames");
}

/// Its streaming thread sleeps for an hour. The other tenant and the command end.
#[test]
fn a_tenant_that_does_not_stop_is_left() {
    let tenants = Tenants::new();
    tenants.file(
        "stuck.launch",
        "videotestsrc ! video/x-raw,width=64,height=48 ! identity sleep-time=3600000000 ! fakesink",
    );
    tenants.file("one.launch", FINITE);
    let mut child = tenants
        .command()
        .args(["stuck.launch", "one.launch"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("one: ended after 8 frames")));
    for expected in ["interrupted", "stuck: error: stopped at once"] {
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        assert!(lines.any(|line| line.starts_with(expected)), "{expected}");
    }
    assert!(lines.any(|line| line.contains("stuck: an element does not stop, and is left")));
    assert_eq!(child.wait().unwrap().code(), Some(1));
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
