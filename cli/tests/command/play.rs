//! `shopfloor play` with GStreamer's own elements: what it prints and writes, and its exit status.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::Duration;

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

const LIVE: &str = "videotestsrc is-live=true ! video/x-raw,width=64,height=48,framerate=30/1 ! fakesink";

/// A command that plays, and the lines that it prints.
struct Playing {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Playing {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Reads on until a line has the text.
    #[track_caller]
    fn wait_for(&mut self, text: &str) {
        let mut read = Vec::new();
        for line in self.lines.by_ref().map(Result::unwrap) {
            if line.contains(text) {
                return;
            }
            read.push(line);
        }
        panic!("`{text}` is not in: {read:#?}");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Its exit status after SIGTERM.
    fn end(self) -> Option<i32> {
        self.signal("-TERM");
        self.status()
    }

    fn status(mut self) -> Option<i32> {
        self.lines.by_ref().for_each(drop);
        self.child.wait().unwrap().code()
    }
}

#[test]
fn a_live_stream_is_started_again_unless_that_is_not_wanted() {
    let tenants = Tenants::new();
    tenants.file(
        "camera.launch",
        &LIVE.replace("is-live=true", "is-live=true num-buffers=5"),
    );
    let output = tenants.play(&["camera.launch", "--restart", "never"]);
    check(&output, 0, "camera: the live stream has ended after 5 frames");
    let mut playing = Playing::start(tenants.command().arg("camera.launch"));
    for expected in [
        "has ended after 5 frames",
        "camera: starts again in",
        "has ended after 5 frames",
    ] {
        playing.wait_for(expected);
    }
    assert_eq!(playing.end(), Some(130));
    tenants.file("bad.launch", "videotestsrc ! identity error-after=3 ! fakesink");
    let mut playing = Playing::start(tenants.command().args(["bad.launch", "--restart", "on-failure"]));
    playing.wait_for("bad: starts again in");
    playing.signal("-KILL");
    check(&tenants.play(&["bad.launch"]), 1, "bad: error: identity0");
    check(
        &tenants.play(&["bad.launch", "--restart", "sometimes"]),
        2,
        "on-failure",
    );
    check(&tenants.play(&["bad.launch", "--stall=-1"]), 2, "--stall");
}

#[test]
fn a_folder_is_played_until_a_signal() {
    let tenants = Tenants::new();
    fs::create_dir(tenants.path("shop")).unwrap();
    let mut playing = Playing::start(tenants.command().arg("shop"));
    playing.wait_for("shop has no launch file; waiting for one");
    tenants.file("shop/yard.launch", LIVE);
    playing.wait_for("yard: first frame after");
    tenants.file("shop/hall.launch", "videotestsrc ! fakesinc");
    playing.wait_for("no element \"fakesinc\"; install");
    playing.wait_for("hall: starts again in");
    // A service is to read its settings again.
    playing.signal("-HUP");
    playing.wait_for("looking at the folders");
    tenants.file("shop/hall.launch", FINITE);
    playing.wait_for("hall: ended after 8 frames");
    fs::remove_file(tenants.path("shop/yard.launch")).unwrap();
    playing.wait_for("yard: its launch file is gone");
    playing.wait_for("yard: ended after");
    assert_eq!(playing.end(), Some(130));
    check(
        &tenants.play(&["shop", "--picture", "a.png"]),
        1,
        "--picture takes one launch file",
    );
    check(&tenants.play(&["shops"]), 1, "cannot read the launch file shops");
}

/// The messages of a service to systemd, in the place of which the test listens.
#[test]
fn systemd_is_told_what_the_tenants_do() {
    let tenants = Tenants::new();
    let socket = UnixDatagram::bind(tenants.path("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let wait_for = |expected: &str| {
        let mut message = [0; 4096];
        loop {
            let size = socket
                .recv(&mut message)
                .unwrap_or_else(|error| panic!("{expected}: {error}"));
            let text = String::from_utf8_lossy(&message[..size]);
            let (begin, end) = expected.split_once('…').unwrap_or((expected, ""));
            if text.lines().any(|line| line.starts_with(begin) && line.ends_with(end)) {
                return;
            }
        }
    };
    tenants.file("yard.launch", LIVE);
    tenants.file(
        "hall.launch",
        "videotestsrc is-live=true ! filesink location=no/such/folder",
    );
    let mut command = tenants.command();
    command
        .env("NOTIFY_SOCKET", tenants.path("notify"))
        .env("WATCHDOG_USEC", "2000000");
    let playing = Playing::start(command.arg("."));
    for expected in [
        "WATCHDOG=1",
        "READY=1",
        "STATUS=1 of 2 tenants play; not hall (waiting: …)",
        "WATCHDOG=1",
        "WATCHDOG=1",
    ] {
        wait_for(expected);
    }
    playing.signal("-TERM");
    wait_for("STOPPING=1");
    assert_eq!(playing.status(), Some(130));
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
