//! Whatever a user gets wrong works, or is one error that README lists: nothing panics, hangs or leaks.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;

use gst::prelude::*;
use shopfloor_tests::root;
use tempfile::TempDir;

use crate::end;
use crate::grpc::Server;
use crate::launch::gst_launch_with;
use crate::program::Program;

const SOURCE: &str = "videotestsrc num-buffers=3 ! video/x-raw,width=64,height=48";
const LINE: &str = "tritoninfer ! vesttrack ! activityzone ! overlay ! fakesink";

/// What `gst-launch-1.0` says of a line, which leaves no object of GStreamer's behind.
fn said(line: &str, environment: &[(&str, &str)]) -> String {
    let traced = [
        ("GST_TRACERS", "leaks"),
        ("GST_DEBUG", "GST_TRACER:7"),
        ("GST_DEBUG_NO_COLOR", "1"),
    ];
    let (output, text) = gst_launch_with(line, &[&traced, environment].concat());
    assert_ne!(output.status.code(), Some(124), "{line} hangs: {text}");
    for wrong in ["panicked", "CRITICAL", "object-alive, type-name=(string)Gst"] {
        assert!(!text.contains(wrong), "{line}: {text}");
    }
    text
}

fn works(line: &str) {
    let text = said(line, &[]);
    assert!(text.contains("Got EOS"), "{line}: {text}");
    assert!(
        !text.contains("ERROR") && !text.contains("WARNING: from"),
        "{line}: {text}"
    );
}

/// The one error of a line: its text, without what is for those who debug.
fn error(line: &str, environment: &[(&str, &str)]) -> String {
    let text = said(line, environment);
    let mut errors = text.lines().filter(|line| line.starts_with("ERROR: from element"));
    let first = errors.next().unwrap_or_else(|| panic!("{line} goes through: {text}"));
    assert_eq!(errors.next(), None, "{line}: {text}");
    first.to_owned()
}

/// Whether the text has the pattern's pieces, which stand around its dots, one after the other.
fn fits(text: &str, pattern: &str) -> bool {
    let mut rest = text;
    pattern.split('…').all(|piece| match rest.split_once(piece.trim()) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

/// The patterns of README's table of errors.
fn listed() -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, table) = readme.split_once("| it says | so |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.split('`').nth(1).expect("a pattern in backticks").to_owned())
        .collect()
}

/// README's rows, and those of them that something was seen for.
struct Table {
    rows: Vec<String>,
    seen: BTreeSet<String>,
}

impl Table {
    fn check(&mut self, text: &str) {
        let rows: Vec<_> = self.rows.iter().filter(|pattern| fits(text, pattern)).collect();
        assert_eq!(rows.len(), 1, "{text} is listed as {rows:?}");
        self.seen.insert(rows[0].clone());
    }
}

#[test]
fn errors_are_those_that_readme_lists() {
    let mut table = Table {
        rows: listed(),
        seen: BTreeSet::new(),
    };
    servers(&mut table);
    models(&mut table);
    repositories_and_libraries(&mut table);
    stations(&mut table);
    hints(&mut table);
    a_server_that_dies(&mut table);
    let unseen: Vec<_> = table.rows.iter().filter(|row| !table.seen.contains(*row)).collect();
    assert!(unseen.is_empty(), "README lists what is never said: {unseen:?}");
}

/// A folder with what is wrong.
struct Wrong(TempDir);

impl Wrong {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn folder(&self, name: &str) -> String {
        let path = self.0.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// An HTTP server's address, as far as a gRPC client can tell, which answers and hangs up.
fn http() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut greeting = [0; 24];
            let _ = (&stream).read(&mut greeting);
            let _ = (&stream).write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    address.to_string()
}

/// A write to a connection that was closed raises SIGPIPE, which gst-launch-1.0 does not ignore: one in 25 ended it so.
#[test]
fn a_server_that_hangs_up_ends_nothing() {
    let servers = vec![format!("grpc://{}", http()); 500].join(",");
    let text = error(&format!("{SOURCE} ! tritoninfer server={servers} ! fakesink"), &[]);
    assert!(text.contains("its gRPC port is usually 8001"), "{text}");
}

fn servers(table: &mut Table) {
    for (server, says) in [
        ("grpc://127.0.0.1:1".to_owned(), "Connection refused"),
        (format!("grpc://{}", http()), "its gRPC port is usually 8001"),
        ("grpc://no.such.host.invalid:8001".to_owned(), "no.such.host.invalid"),
        ("nonsense".to_owned(), "inprocess:"),
        ("grpc://somewhere".to_owned(), "HOST:PORT"),
        ("grpc://a:port".to_owned(), "1 to 65535"),
    ] {
        let text = error(&format!("{SOURCE} ! tritoninfer server={server} ! fakesink"), &[]);
        assert!(text.contains(says) && text.contains(&server), "{server}: {text}");
        table.check(&text);
    }
}

fn models(table: &mut Table) {
    for (properties, says) in [
        (
            "model=movenet_singlepose",
            "the server has movenet_multipose, vest_resnet18",
        ),
        (
            "model=vest_resnet18 model-version=7",
            "no version 7; served versions are 1",
        ),
        (
            "model=worker_softmax",
            "tensor 'logits': expected one input that is a picture",
        ),
        ("model=vest_resnet18", "set inference-region=people"),
    ] {
        let text = error(
            &format!("{SOURCE} ! tritoninfer {properties} ! poseparse ! fakesink"),
            &[],
        );
        assert!(text.contains(says), "{properties}: {text}");
        if !properties.contains("version") {
            table.check(&text);
        }
    }
}

fn repositories_and_libraries(table: &mut Table) {
    let wrong = Wrong::new();
    let config = fs::read_to_string(root().join("model_repository/movenet_multipose/config.pbtxt")).unwrap();
    let config = config.replace("movenet_multipose", "m");
    wrong.file("broken/m/config.pbtxt", "max_batch_size: nonsense");
    wrong.file("bare/m/config.pbtxt", &config);
    wrong.file("junk/m/config.pbtxt", &config);
    wrong.file("junk/m/1/model.onnx", "no network at all");
    wrong.file("library/lib/libtritonserver.so", "no library at all");
    let library = wrong.folder("library");
    let empty = wrong.folder("empty");
    for (repository, says) in [
        (wrong.0.path().join("none").display().to_string(), "model-repository"),
        (empty.clone(), "NAME/config.pbtxt"),
        (wrong.folder("broken"), "shopfloor server --model m"),
        (wrong.folder("bare"), "at least one version"),
        (wrong.folder("junk"), "model.onnx"),
    ] {
        let text = error(
            &format!("{SOURCE} ! tritoninfer model=m model-repository={repository} ! fakesink"),
            &[],
        );
        assert!(text.contains(says), "{repository}: {text}");
        table.check(&text);
    }
    for home in [&library, &empty] {
        let text = error(
            &format!("{SOURCE} ! tritoninfer ! fakesink"),
            &[("SHOPFLOOR_TRITON", home)],
        );
        assert!(text.contains(&**home) && text.contains("scripts/setup"), "{text}");
        table.check(&text);
    }
}

fn stations(table: &mut Table) {
    let wrong = Wrong::new();
    let polygon = |corners: &str| format!("{{\"stations\": [\n{{\"name\": \"a\", \"polygon\": [{corners}]}}]}}");
    for (name, text, says) in [
        ("empty", String::new(), "line 1, column 1"),
        ("half", "{\"stations\": [\n".into(), "line 2"),
        (
            "field",
            "{\"stations\": [\n{\"name\": \"a\", \"polygn\": []}]}".into(),
            "`polygn`",
        ),
        ("two", polygon("[0, 0], [1, 1]"), "at least three points, found 2"),
        ("crossing", polygon("[0, 0], [1, 1], [1, 0], [0, 1]"), "crosses"),
    ] {
        let file = wrong.file(name, &text);
        let text = error(&format!("{SOURCE} ! activityzone stations={file} ! fakesink"), &[]);
        assert!(text.contains(says) && text.contains(&file), "{name}: {text}");
        table.check(&text);
    }
    let log = wrong.0.path().join("none/log").display().to_string();
    let text = error(
        &format!("{SOURCE} ! activityzone events-location={log} ! fakesink"),
        &[],
    );
    assert!(text.contains(&log), "{text}");
    table.check(&text);
}

#[test]
fn sizes_and_formats() {
    for caps in [
        "width=1,height=1",
        "width=16,height=16",
        "width=17,height=31,format=I420",
        "width=4096,height=2160",
        "format=I420,interlace-mode=interleaved",
        "format=I420_10LE",
        "format=P010_10LE",
    ] {
        works(&format!("videotestsrc num-buffers=3 ! video/x-raw,{caps} ! {LINE}"));
    }
    works(&format!(
        "videotestsrc num-buffers=3 ! video/x-raw,width=64,height=48 ! c. \
         videotestsrc num-buffers=3 ! video/x-raw,width=130,height=96,format=NV12 ! c. concat name=c ! {LINE}"
    ));
}

/// Things that are no video.
#[test]
fn other_streams() {
    let wrong = Wrong::new();
    let nothing = wrong.file("nothing.mp4", "");
    works(&format!("filesrc location={nothing} ! {LINE}"));
    let (_, text) = gst_launch_with(&format!("audiotestsrc num-buffers=3 ! {LINE}"), &[]);
    assert!(text.contains("could not link audiotestsrc0"), "{text}");
    // not by gst-launch-1.0, which may wait for ever after two errors that typefind posts (1.22, with any elements)
    gst::init().unwrap();
    gstshopfloor::plugin_register_static().unwrap();
    for source in [
        format!("filesrc location={nothing} ! decodebin"),
        "audiotestsrc num-buffers=30 ! audioconvert ! wavenc ! decodebin".into(),
    ] {
        let pipeline = gst::parse::launch(&format!("{source} ! {LINE}")).unwrap();
        // refused at once, or by a message
        let _ = pipeline.set_state(gst::State::Playing);
        assert_eq!(end(&pipeline, 60).type_(), gst::MessageType::Error, "{source}");
        pipeline.set_state(gst::State::Null).unwrap();
        let weak = pipeline.downgrade();
        drop(pipeline);
        assert!(weak.upgrade().is_none(), "{source} leaks its pipeline");
    }
}

fn hints(table: &mut Table) {
    let people = format!("{SOURCE} ! tritoninfer model=vest_resnet18 inference-region=people ! fakesink");
    for (line, says) in [
        (people, "WARNING: from element"),
        (format!("{SOURCE} ! activityzone ! fakesink"), "INFO:"),
    ] {
        let text = said(&line, &[]);
        assert!(text.contains("Got EOS") && text.contains(says), "{line}: {text}");
        table.check(&text);
    }
}

#[test]
fn properties() {
    let (_, text) = gst_launch_with(&format!("{SOURCE} ! tritoninfer on-error=perhaps ! fakesink"), &[]);
    assert!(text.contains("on-error") && text.contains("perhaps"), "{text}");
    // GLib keeps a value in its range
    works(&format!(
        "{SOURCE} ! tritoninfer max-in-flight=1000 ! poseparse score-threshold=7 ! fakesink"
    ));

    gst::init().unwrap();
    gstshopfloor::plugin_register_static().unwrap();
    let pipeline = gst::parse::launch(&format!(
        "videotestsrc num-buffers=20 ! tritoninfer name=infer ! {}",
        &LINE[14..]
    ));
    let pipeline = pipeline.unwrap().downcast::<gst::Pipeline>().unwrap();
    let infer = pipeline.by_name("infer").unwrap();
    pipeline.set_state(gst::State::Paused).unwrap();
    let (paused, ..) = pipeline.state(gst::ClockTime::from_seconds(60));
    assert_eq!(paused, Ok(gst::StateChangeSuccess::Success));
    pipeline.set_state(gst::State::Playing).unwrap();
    for (name, value) in [
        ("model", "another"),
        ("server", "nonsense"),
        ("max-in-flight", "1"),
        ("inference-interval", "3"),
        ("inference-region", "people"),
        ("on-overload", "block"),
        ("timeout", "60000"),
        ("latency", "7"),
    ] {
        infer.set_property_from_str(name, value);
    }
    assert_eq!(end(&pipeline, 60).type_(), gst::MessageType::Eos);
    pipeline.set_state(gst::State::Null).unwrap();
}

/// The stream goes on when its server is gone, and says so once.
fn a_server_that_dies(table: &mut Table) {
    let server = Server::start();
    let line = format!(
        "videotestsrc is-live=true num-buffers=80 ! video/x-raw,width=64,height=48,framerate=10/1 \
         ! tritoninfer server={} ! fakesink",
        server.url
    );
    let mut command = Command::new("sh");
    command.args(["-c", &format!(". scripts/env && exec gst-launch-1.0 {line} 2>&1")]);
    let registry = TempDir::new().unwrap();
    command
        .env("GST_REGISTRY", registry.path().join("registry"))
        .current_dir(root());
    let mut program = Program(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(program.0.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mut text: Vec<String> = Vec::new();
    while !text.last().is_some_and(|line| line.contains("New clock")) {
        text.push(lines.next().unwrap_or_else(|| panic!("it ends: {text:#?}")));
    }
    drop(server);
    text.extend(lines);
    let text = text.join("\n");
    assert!(
        program.0.wait().unwrap().success() && text.contains("Got EOS"),
        "{text}"
    );
    assert_eq!(text.matches("WARNING: from element").count(), 1, "{text}");
    table.check(&text);
}
