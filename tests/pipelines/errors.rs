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
            "no-people",
            "model=vest_resnet18 inference-region=people",
            &["inference-region=people", "movenet_multipose", "poseparse"],
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
