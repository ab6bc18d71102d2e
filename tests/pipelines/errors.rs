//! A mistake of each kind ends in one message that docs/troubleshooting.md lists by an id; nothing panics, hangs or leaks.
//!
//! A message is checked for its facts (which thing, which value, the word that leads to the remedy), not for its wording.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use shopfloor_tests::root;
use tempfile::TempDir;

use crate::grpc::Server;
use crate::launch::{self, gst_launch_traced, problems};
use crate::program::{HttpServer, Program};

const DOCUMENT: &str = "docs/troubleshooting.md";

/// No output has it.
const SECRET: &str = "hunter2";

const SOURCE: &str = "videotestsrc num-buffers=3 ! video/x-raw,width=64,height=48";

/// The first frames of the demo video, which have people.
const PEOPLE: &str = "filesrc location=media/vests.mp4 ! qtdemux ! h264parse ! avdec_h264 ! identity eos-after=6";

/// How a message ends its line's stream, or does not.
#[derive(Clone, Copy, PartialEq)]
enum Severity {
    Error,
    Warning,
    Info,
}

impl Severity {
    /// How `gst-launch-1.0` begins a message.
    fn prefix(self) -> &'static str {
        match self {
            Self::Error => "ERROR: from element",
            Self::Warning => "WARNING: from element",
            Self::Info => "INFO:",
        }
    }
}

/// A mistake and the message that it results in.
struct Case {
    /// As in the first column of the table.
    id: &'static str,
    line: String,
    environment: Vec<(&'static str, String)>,
    severity: Severity,
    /// All of them are in the message.
    facts: Vec<String>,
}

impl Case {
    fn error(id: &'static str, line: &str, facts: &[&str]) -> Self {
        Self {
            id,
            line: format!("{SOURCE} ! {line} ! fakesink"),
            environment: Vec::new(),
            severity: Severity::Error,
            facts: facts.iter().map(|&fact| fact.to_owned()).collect(),
        }
    }

    /// A warning of a line on the demo video.
    fn on_people(id: &'static str, line: &str, facts: &[&str]) -> Self {
        let case = Self::error(id, line, facts).severity(Severity::Warning);
        Self {
            line: format!("{PEOPLE} ! {line} ! fakesink"),
            ..case
        }
    }

    fn severity(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }

    fn environment(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// Plays the line; the error is everything that is wrong with its result.
    fn check(&self) -> Result<(), String> {
        let environment: Vec<_> = self.environment.iter().map(|(name, value)| (*name, &**value)).collect();
        let (_, text) = gst_launch_traced(&self.line, &environment);
        let mut wrong = problems(&text);
        if self.severity != Severity::Error && !text.contains("Got EOS") {
            wrong.push("the stream does not play to its end".to_owned());
        }
        wrong.extend(wrong_message(&text, self.severity, &self.facts));
        if text.contains(SECRET) {
            wrong.push("a secret is printed".to_owned());
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(format!("{}: {}\n  {}\n{text}", self.id, self.line, wrong.join("\n  ")))
    }
}

/// What is wrong with the messages of this severity: there is to be one, with the facts.
fn wrong_message(text: &str, severity: Severity, facts: &[String]) -> Vec<String> {
    // An INFO has its text two lines below.
    let length = if severity == Severity::Info { 3 } else { 1 };
    let lines: Vec<&str> = text.lines().collect();
    let messages: Vec<String> = (0..lines.len())
        .filter(|&at| lines[at].starts_with(severity.prefix()))
        // A source reports, too, that it was stopped by an error.
        .filter(|&at| !lines[at].ends_with("Internal data stream error."))
        .map(|at| lines[at..].iter().take(length).copied().collect::<Vec<_>>().join(" "))
        .collect();
    let [message] = &messages[..] else {
        return vec![format!("expected one {}, got {messages:?}", severity.prefix())];
    };
    let missing = facts.iter().filter(|fact| !message.contains(*fact));
    missing.map(|fact| format!("the message lacks `{fact}`")).collect()
}

/// A folder with broken files.
struct Broken(TempDir);

impl Broken {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        self.path(name)
    }

    fn folder(&self, name: &str) -> String {
        fs::create_dir_all(self.0.path().join(name)).unwrap();
        self.path(name)
    }
}

fn servers(http: &HttpServer) -> Vec<Case> {
    let case = |id, server: &str, facts: &[&str]| {
        // By default a server that is away is waited for.
        let line = format!("tritoninfer on-error=fail server={server}");
        Case::error(id, &line, &[facts, &[server]].concat())
    };
    vec![
        case("no-server", "grpc://127.0.0.1:1", &["8001"]),
        case("no-server", "grpc://no.such.host.invalid:8001", &[]),
        case("not-a-triton", &format!("grpc://{}", http.address), &["8001"]),
        case("bad-server-address", "nonsense", &["inprocess:", "grpc://"]),
        case("bad-server-address", "grpc://somewhere", &["HOST:PORT"]),
        case("bad-server-address", "grpc://a:70000", &["'grpc://a:70000'", "65535"]),
        Case::error(
            "bad-server-address",
            &format!("tritoninfer server=grpc://user:{SECRET}@host:8001"),
            &["'grpc://…'", "token-file"],
        ),
        Case::error(
            "bad-server-address",
            &format!("tritoninfer server=grpcs://host:8001?token={SECRET}"),
            &["'grpcs://host:8001?…'", "token-file"],
        ),
    ]
}

fn models() -> Vec<Case> {
    let case = |id, properties: &str, facts: &[&str]| {
        let line = format!("tritoninfer {properties} ! poseparse");
        Case::error(id, &line, facts)
    };
    vec![
        case(
            "model-not-found",
            "model=movenet_singlepose",
            &["'movenet_singlepose'", "movenet_multipose", "vest_resnet18"],
        ),
        case(
            "version-not-found",
            "model=vest_resnet18 model-version=7",
            &["'vest_resnet18'", "version 7"],
        ),
        case(
            "model-mismatch",
            "model=worker_softmax",
            &["'worker_softmax'", "'logits'", "expected"],
        ),
        case(
            "people-region-needed",
            "model=vest_resnet18",
            &["vest_resnet18", "inference-region=people"],
        ),
        case(
            "people-region-needed",
            "model=movenet_lightning",
            &["movenet_lightning", "inference-region=people"],
        ),
        case(
            "no-stations-for-regions",
            "model=movenet_lightning inference-region=people-at-stations",
            &["people-at-stations", "stations="],
        ),
        case(
            "no-people",
            "model=vest_resnet18 inference-region=people",
            &["inference-region=people", "person_pose", "poseparse"],
        )
        .severity(Severity::Warning),
    ]
}

fn repositories(broken: &Broken) -> Vec<Case> {
    let config = fs::read_to_string(root().join("model_repository/movenet_multipose/config.pbtxt")).unwrap();
    let config = config.replace("movenet_multipose", "m");
    broken.file("syntax/m/config.pbtxt", "max_batch_size: nonsense");
    broken.file("bare/m/config.pbtxt", &config);
    broken.file("weightless/m/config.pbtxt", &config);
    broken.file("weightless/m/README.md", "how to get the weights");
    broken.file("weightless/m/1/README.md", "");
    broken.file("junk/m/config.pbtxt", &config);
    broken.file("junk/m/1/model.onnx", "not a network");
    let case = |id, name: &str, facts: &[&str]| {
        let line = format!("tritoninfer model=m model-repository={}", broken.path(name));
        Case::error(id, &line, facts)
    };
    vec![
        case(
            "no-repository",
            "missing",
            &[&broken.path("missing"), "model-repository"],
        ),
        case("empty-repository", "empty", &[&broken.folder("empty"), "config.pbtxt"]),
        case("model-not-loaded", "syntax", &["'m'", "shopfloor server"]),
        case("model-not-loaded", "bare", &["'m'", "version"]),
        case(
            "model-not-loaded",
            "weightless",
            &["'m'", "there is no such file", &broken.path("weightless/m/README.md")],
        ),
        case("model-not-loaded", "junk", &["'m'", "model.onnx"]),
    ]
}

fn libraries(broken: &Broken) -> Vec<Case> {
    broken.file("library/lib/libtritonserver.so", "not a library");
    let folders = [broken.path("library"), broken.folder("no-library")];
    let cases = folders.iter().map(|folder| {
        let case = Case::error("no-triton-library", "tritoninfer", &[folder, "scripts/setup"]);
        case.environment("SHOPFLOOR_TRITON", folder)
    });
    cases.collect()
}

fn stations(broken: &Broken) -> Vec<Case> {
    let polygon = |corners: &str| format!("{{\"stations\": [\n{{\"name\": \"a\", \"polygon\": [{corners}]}}]}}");
    let file = |name: &str, text: &str, facts: &[&str]| {
        let file = broken.file(&format!("stations/{name}.json"), text);
        let line = format!("activityzone stations={file}");
        Case::error("bad-station-file", &line, &[facts, &[&*file]].concat())
    };
    let log = broken.path("missing/activity.jsonl");
    vec![
        file("empty", "", &["line 1"]),
        file("half", "{\"stations\": [\n", &["line 2"]),
        file(
            "field",
            "{\"stations\": [\n{\"name\": \"a\", \"polygn\": []}]}",
            &["line 2", "polygn", "polygon"],
        ),
        file("two", &polygon("[0, 0], [1, 1]"), &["line 2", "three", "2"]),
        file(
            "crossing",
            &polygon("[0, 0], [1, 1], [1, 0], [0, 1]"),
            &["line 2", "cross"],
        ),
        Case::error(
            "events-not-written",
            &format!("activityzone events-location={log}"),
            &[&log],
        ),
        Case::error("no-stations", "activityzone", &["stations="]).severity(Severity::Info),
    ]
}

const POSE: &str = "tritoninfer model=movenet_multipose";
const VEST: &str = "inference-region=people";

/// An `activityzone` with one station of a worker.
fn zone(broken: &Broken, vest: &str) -> String {
    let polygon = "[[0, 0], [1, 0], [1, 1]]";
    let text = format!(r#"{{"stations": [{{"name": "bench", "vest": "{vest}", "polygon": {polygon}}}]}}"#);
    let file = broken.file(&format!("wiring/{vest}.json"), &text);
    format!("activityzone stations={file}")
}

/// Lines in which nobody is found.
fn lines_without_people(broken: &Broken) -> Vec<Case> {
    let red = zone(broken, "Red");
    let case = |id, line: &str, facts: &[&str]| Case::error(id, line, facts).severity(Severity::Warning);
    let decoded = format!("{POSE} ! poseparse");
    vec![
        case(
            "no-tritoninfer",
            "vesttrack",
            &["vesttrack", "no tritoninfer is upstream"],
        ),
        case(
            "no-tritoninfer",
            "queue ! vesttrack ! queue ! overlay",
            &["vesttrack", "no tritoninfer is upstream"],
        ),
        case(
            "before-tritoninfer",
            &format!("overlay ! {decoded}"),
            &["overlay is before tritoninfer"],
        ),
        case(
            "people-lost",
            &format!("{decoded} ! videocrop left=2 ! vesttrack ! overlay"),
            &["videocrop", "vesttrack"],
        ),
        case(
            "no-poseparse",
            &format!("{POSE} ! vesttrack ! {red} ! overlay"),
            &["'movenet_multipose'", "poseparse"],
        ),
        case(
            "no-poseparse",
            &format!("{POSE} ! overlay"),
            &["'movenet_multipose'", "poseparse"],
        ),
        case(
            "no-people",
            &format!("{POSE} ! tritoninfer model=vest_resnet18 {VEST} ! vesttrack ! {red}"),
            &["inference-region=people", "poseparse", "movenet_multipose"],
        ),
    ]
}

/// Lines in which nobody is a worker.
fn lines_without_workers(broken: &Broken) -> Vec<Case> {
    let red = zone(broken, "Red");
    let repository = unlabelled_repository(broken);
    let decoded = format!("{POSE} {repository} ! poseparse");
    let plain = format!("tritoninfer model=plain {repository} {VEST}");
    let case = Case::on_people;
    vec![
        case(
            "no-vesttrack",
            &format!("tritoninfer ! {red} ! overlay"),
            &["Put vesttrack before activityzone"],
        ),
        case(
            "no-vesttrack",
            &format!("tritoninfer ! {red} ! vesttrack ! overlay"),
            &["Move activityzone behind"],
        ),
        case(
            "no-vest-model",
            &format!("{decoded} ! vesttrack ! {red} ! overlay"),
            &["vest_resnet18", "stations="],
        ),
        case(
            "no-labels",
            &format!("{decoded} ! {plain} ! vesttrack ! {red} ! overlay"),
            &["'plain'", "shopfloor.labels", "visitor"],
        ),
        case(
            "overlay-early",
            &format!("tritoninfer ! overlay ! vesttrack ! {red}"),
            &["overlay is before activityzone"],
        ),
    ]
}

/// Vests that the model has no label for.
fn vests(broken: &Broken) -> Vec<Case> {
    let misspelt = zone(broken, "bleu");
    let nearest = "'bleu' (did you mean 'blue'?)";
    let empty = Case::error(
        "unknown-vest",
        &format!("tritoninfer ! vesttrack ! {misspelt}"),
        &[nearest],
    );
    vec![
        Case::on_people(
            "unknown-vest",
            &format!("tritoninfer ! vesttrack ! {misspelt} ! overlay"),
            &[nearest, "red", "stations="],
        ),
        Case::on_people(
            "unknown-vest",
            "tritoninfer ! vesttrack vests=Red,bleu ! overlay",
            &[nearest, "red", "vests="],
        ),
        // Nobody is in it: the labels are known all the same.
        empty.severity(Severity::Warning),
    ]
}

/// The properties of a repository whose classifier has no labels.
fn unlabelled_repository(broken: &Broken) -> String {
    let models = root().join("model_repository");
    let config = |model: &str| fs::read_to_string(models.join(model).join("config.pbtxt")).unwrap();
    let plain: Vec<String> = config("vest_resnet18")
        .replace("vest_resnet18", "plain")
        .lines()
        .filter(|line| !line.contains("shopfloor.task") && !line.contains("shopfloor.labels"))
        .map(|line| line.replace("label_filename: \"labels.txt\" ", ""))
        .collect();
    for (name, model, config) in [
        ("plain", "vest_resnet18", plain.join("\n")),
        ("movenet_multipose", "movenet_multipose", config("movenet_multipose")),
    ] {
        broken.file(&format!("unlabelled/{name}/config.pbtxt"), &config);
        broken.folder(&format!("unlabelled/{name}/1"));
        let weights = models.join(model).join("1/model.onnx");
        fs::copy(weights, broken.path(&format!("unlabelled/{name}/1/model.onnx"))).unwrap();
    }
    format!("model-repository={}", broken.path("unlabelled"))
}

/// Files straight into `tritoninfer`.
fn files(broken: &Broken) -> Vec<Case> {
    let wave = broken.file("sound.wav", "RIFF\u{24}\0\0\0WAVEfmt \u{10}\0\0\0\u{1}\0\u{1}\0");
    let case = |source: &str, facts: &[&str]| Case {
        line: format!("{source} ! tritoninfer ! fakesink"),
        ..Case::error("not-video", "", facts)
    };
    vec![
        case(
            "filesrc location=media/vests.mp4",
            &["video/quicktime", "put decodebin before tritoninfer"],
        ),
        case(
            "filesrc location=media/vests.mp4 ! typefind",
            &["video/quicktime", "put decodebin before tritoninfer"],
        ),
        case(
            "filesrc location=docs/demo.png",
            &["image/png", "put decodebin before tritoninfer"],
        ),
        case(
            &format!("filesrc location={wave} ! typefind"),
            &["audio/x-wav", "video stream"],
        ),
    ]
}

const SERVER_LOST: &str = "server-lost";
const SERVER_HELD: &str = "server-held";

/// A stream that is not live waits for its server, with one warning.
fn server_held() -> Result<(), String> {
    // Without `timeout`, so that the program is the one that is killed at the end.
    let line = format!("gst-launch-1.0 {SOURCE} ! tritoninfer server=grpc://127.0.0.1:1 ! fakesink 2>&1");
    let mut command = launch::shell(&line);
    let mut program = Program(command.stdout(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(program.0.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mut text = Vec::new();
    for line in lines {
        let warned = line.starts_with(Severity::Warning.prefix());
        text.push(line);
        if warned {
            break;
        }
    }
    let text = text.join("\n");
    let facts = ["The stream waits", "127.0.0.1:1"].map(str::to_owned);
    let mut wrong = wrong_message(&text, Severity::Warning, &facts);
    if program.0.try_wait().unwrap().is_some() {
        wrong.push("the stream ends".to_owned());
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{SERVER_HELD}: {}\n{text}", wrong.join(", ")))
}

/// Kills the server of a playing line: one warning, and the stream plays on to its end.
fn server_lost() -> Result<(), String> {
    let server = Server::start();
    let line = format!(
        "timeout 120 gst-launch-1.0 videotestsrc is-live=true num-buffers=80 \
         ! video/x-raw,width=64,height=48,framerate=10/1 ! tritoninfer server={} ! fakesink 2>&1",
        server.url
    );
    let mut command = launch::shell(&line);
    let mut program = Program(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(program.0.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    // `timeout` above ends the lines, if nothing else does.
    let mut text: Vec<String> = Vec::new();
    for line in lines.by_ref() {
        let plays = line.contains("New clock");
        text.push(line);
        if plays {
            break;
        }
    }
    drop(server);
    text.extend(lines);
    let text = text.join("\n");
    let mut wrong = wrong_message(&text, Severity::Warning, &["without inference".to_owned()]);
    if !program.0.wait().unwrap().success() || !text.contains("Got EOS") {
        wrong.push("the stream does not play to its end".to_owned());
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{SERVER_LOST}: {}\n{text}", wrong.join(", ")))
}

/// The ids in the first column of the table of errors.
fn listed() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(DOCUMENT)).unwrap_or_else(|error| panic!("{DOCUMENT}: {error}"));
    let cell = |line: &str| line.split('|').nth(1).map(|cell| cell.trim().to_owned());
    let is_head = |line: &&str| cell(line).is_some_and(|cell| cell.eq_ignore_ascii_case("id"));
    let rows = text.lines().skip_while(|line| !is_head(line)).skip(2);
    let ids = rows
        .take_while(|line| line.starts_with('|'))
        .filter_map(cell)
        .map(|id| id.trim_matches('`').to_owned());
    ids.collect()
}

#[test]
fn messages_have_the_facts_and_a_row_in_the_table() {
    let (http, broken) = (HttpServer::start(), Broken::new());
    let cases: Vec<_> = [
        servers(&http),
        models(),
        repositories(&broken),
        libraries(&broken),
        stations(&broken),
        lines_without_people(&broken),
        lines_without_workers(&broken),
        vests(&broken),
        files(&broken),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut failures: Vec<_> = cases.iter().filter_map(|case| case.check().err()).collect();
    failures.extend(server_lost().err());
    failures.extend(server_held().err());

    let tested: BTreeSet<_> = cases
        .iter()
        .map(|case| case.id)
        .chain([SERVER_LOST, SERVER_HELD])
        .collect();
    let tested: BTreeSet<_> = tested.into_iter().map(str::to_owned).collect();
    let listed = listed();
    failures.extend(
        tested
            .difference(&listed)
            .map(|id| format!("{id}: no row in {DOCUMENT}")),
    );
    failures.extend(
        listed
            .difference(&tested)
            .map(|id| format!("{id}: a row in {DOCUMENT} that no case produces")),
    );
    let report = failures.iter().fold(String::new(), |mut text, failure| {
        let _ = write!(text, "\n\n{failure}");
        text
    });
    assert!(failures.is_empty(), "{} failures:{report}", failures.len());
}
