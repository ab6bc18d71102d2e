//! `shopfloor server`: its address, its end, and the errors before it starts.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, ErrorKind, Lines, Read};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// The smaller of the two models: it loads sooner.
const MODEL: &str = "vest_resnet18";

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopfloor"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // the tests may be built anywhere; Triton is in the checkout
    command
        .arg("server")
        .env("SHOPFLOOR_TRITON", root.join(".triton"))
        .env("SHOPFLOOR_MODEL_REPOSITORY", root.join("model_repository"));
    command
}

fn run(arguments: &[&str]) -> Output {
    command().args(arguments).output().unwrap()
}

#[track_caller]
fn check(arguments: &[&str], expected: &[&str]) {
    let output = run(arguments);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
    assert!(output.stdout.is_empty(), "{arguments:?} prints an address");
    assert!(
        expected.iter().all(|word| text.contains(word)),
        "{arguments:?}: not all of {expected:?} are in: {text}"
    );
}

/// A server that is ready; it is stopped at the end of the test, also of a failed one.
struct Server {
    child: Child,
    grpc: u16,
    http: u16,
    /// The number of Triton's process and of its group.
    triton: u32,
    /// The lines of standard error after the first.
    log: Lines<BufReader<ChildStderr>>,
}

impl Server {
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(options: &[&str]) -> Self {
        let mut child = command()
            .args(["--port", "0", "--model", MODEL])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut server = Self {
            child,
            grpc: 0,
            http: 0,
            triton: 0,
            log,
        };
        let address = first_line(server.child.stdout.as_mut().unwrap());
        server.grpc = port(&address, "grpc://127.0.0.1:");
        server.wait_until_ready();
        server
    }

    /// Reads the log until Triton is ready, and finds its process.
    #[track_caller]
    fn wait_until_ready(&mut self) {
        self.http = port(&self.next_with("ready after"), "http://127.0.0.1:");
        self.triton = child_of(self.child.id()).expect("Triton is a child of the command");
    }

    /// The next line of the log with `text`.
    #[track_caller]
    fn next_with(&mut self, text: &str) -> String {
        let mut lines = self.log.by_ref().map(Result::unwrap);
        lines
            .find(|line| line.contains(text))
            .unwrap_or_else(|| panic!("no line with `{text}`"))
    }

    fn signal(&self, name: &str) {
        signal(name, self.child.id());
    }

    fn is_ready(&self) -> bool {
        let url = format!("http://127.0.0.1:{}/v2/models/{MODEL}/ready", self.http);
        ureq::get(url).call().is_ok_and(|answer| answer.status() == 200)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // it may have exited already; Triton exits with it
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn first_line(stream: impl Read) -> String {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

/// The port that follows `before` in the text.
#[track_caller]
fn port(text: &str, before: &str) -> u16 {
    let digits = text
        .split(before)
        .nth(1)
        .and_then(|rest| rest.split(['/', '\n']).next());
    let port = digits.and_then(|digits| digits.parse().ok());
    port.unwrap_or_else(|| panic!("no {before}PORT in: {text}"))
}

fn signal(name: &str, process: u32) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &process.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Each process's number with its parent's and its group's, from /proc.
fn processes() -> Vec<[u32; 3]> {
    let stats = std::fs::read_dir("/proc").unwrap().flatten();
    let stats = stats.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    stats
        .filter_map(|stat| {
            let process = stat.split(' ').next()?.parse().ok()?;
            // the program's name, in brackets, may hold anything
            let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(1);
            Some([process, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?])
        })
        .collect()
}

fn child_of(parent: u32) -> Option<u32> {
    let child = processes().into_iter().find(|[_, of, _]| *of == parent);
    child.map(|[process, ..]| process)
}

fn is_in_a_group(group: u32) -> bool {
    processes().iter().any(|[_, _, of]| *of == group)
}

#[test]
fn server_runs_until_sigterm() {
    let mut server = Server::start();
    assert!(server.is_ready());
    assert!(TcpStream::connect(("127.0.0.1", server.grpc)).is_ok());
    assert!(
        is_in_a_group(server.triton),
        "Triton leads a group, and a session, of its own"
    );
    let port = server.grpc.to_string();
    check(&["--port", &port], &[&port, "--port 0"]);

    server.signal("TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert!(!is_in_a_group(server.triton), "a process of Triton is left");
    assert!(TcpStream::connect(("127.0.0.1", server.grpc)).is_err());
}

#[test]
fn a_crash_of_triton_is_an_error() {
    let mut server = Server::start();
    signal("KILL", server.triton);
    let line = server.next_with("error: ");
    assert!(
        line.contains("killed by signal 9 (SIGKILL)") && !line.contains("CUDA"),
        "{line}"
    );
    assert_eq!(server.child.wait().unwrap().code(), Some(1));
    assert!(!is_in_a_group(server.triton));
}

#[test]
fn triton_is_started_again_at_the_same_address() {
    let mut server = Server::start_with(&["--restart"]);
    let ports = [server.grpc, server.http];
    for _ in 0..2 {
        let killed = server.triton;
        signal("KILL", killed);
        server.next_with("killed by signal 9 (SIGKILL)");
        server.next_with("starting Triton again in ");
        server.wait_until_ready();
        assert_ne!(server.triton, killed);
        assert!(server.is_ready());
        assert!(TcpStream::connect(("127.0.0.1", ports[0])).is_ok());
        assert_eq!(server.http, ports[1]);
    }
    server.signal("TERM");
    server.next_with("stopping Triton");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert!(!is_in_a_group(server.triton), "a process of Triton is left");
}

/// Neither a long delay nor Triton's start keeps the command from ending.
#[test]
fn sigterm_ends_the_wait_for_a_restart() {
    let mut server = Server::start_with(&["--restart"]);
    signal("KILL", server.triton);
    server.next_with("starting Triton again in ");
    server.signal("TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert!(!is_in_a_group(server.triton));
}

/// A program in Triton's place: it prints `help` for `--help`, else its arguments as an error, and exits with code 3.
fn fake_triton(help: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("bin/tritonserver");
    std::fs::create_dir(folder.path().join("bin")).unwrap();
    let script = format!("#!/bin/sh\n[ \"$*\" = --help ] && echo '{help}' && exit 1\necho \"error: $*\" >&2\nexit 3\n");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn shared_memory_is_allowed_where_triton_has_the_option() {
    let run = |help: &str, options: &[&str]| {
        let triton = fake_triton(help);
        let mut command = command();
        command
            .env("SHOPFLOOR_TRITON", triton.path())
            .args(["--port", "0"])
            .args(options);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let (new, old) = ("  --allow-client-shm <boolean>", "  --allow-grpc <boolean>");
    let passed = "--allow-client-shm=true";
    assert!(run(new, &["--allow-client-shm"]).contains(passed));
    assert!(!run(new, &[]).contains(passed));
    let text = run(old, &["--allow-client-shm"]);
    assert!(text.contains("exited with code 3") && !text.contains(passed), "{text}");
}

/// A mistake that keeps Triton from ever being ready ends the command with `--restart`, too.
#[test]
fn a_server_that_was_never_ready_is_not_started_again() {
    let triton = fake_triton("");
    let mut command = command();
    let output = command
        .env("SHOPFLOOR_TRITON", triton.path())
        .args(["--port", "0", "--restart"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("exited with code 3") && text.contains("never ready"),
        "{text}"
    );
    assert!(!text.contains("starting Triton again"), "{text}");
}

/// A killed command can stop nothing; the kernel does it.
#[test]
fn triton_exits_when_the_command_is_killed() {
    let mut server = Server::start();
    let mut connection = TcpStream::connect(("127.0.0.1", server.grpc)).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    server.signal("KILL");
    server.child.wait().unwrap();
    // a connection lasts as long as its server
    let ended = connection.read_to_end(&mut Vec::new());
    let in_time = ended
        .as_ref()
        .map_or_else(|error| error.kind() == ErrorKind::ConnectionReset, |_| true);
    assert!(in_time, "{ended:?}");
}

#[test]
fn mistakes_are_reported_before_triton_starts() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    check(&["--port", &port], &[&port, "is not free"]);
    check(
        &["--model-repository", "no/such/models"],
        &["no/such/models", "--model-repository"],
    );
    let empty = TempDir::new().unwrap();
    let folder = empty.path().to_str().unwrap();
    check(&["--model-repository", folder], &[folder, "has no models"]);
    check(&["--model", "yolo"], &["yolo", MODEL]);
}

/// A model whose weights a user has to bring is left out, and the ensembles that need it, until it is asked for.
#[test]
fn models_without_their_files_are_left_out() {
    let (repository, triton) = (TempDir::new().unwrap(), fake_triton(""));
    let file = |path: &str, text: &str| {
        let path = repository.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    file("whole/config.pbtxt", "backend: \"onnxruntime\"");
    file("whole/1/model.onnx", "");
    file("bare/config.pbtxt", "backend: \"onnxruntime\"");
    file("bare/README.md", "");
    file(
        "both/config.pbtxt",
        "ensemble_scheduling { step [ { model_name: \"bare\" } ] }",
    );
    let run = |options: &[&str]| {
        let mut command = command();
        command.env("SHOPFLOOR_TRITON", triton.path()).args(["--port", "0"]);
        let output = command
            .arg("--model-repository")
            .arg(repository.path())
            .args(options)
            .output()
            .unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let text = run(&[]);
    for part in [
        "bare is not loaded: there is no ",
        "bare/README.md says how to get it",
        "both is not loaded: it needs bare",
        "--model-control-mode=explicit",
        "--load-model=whole",
    ] {
        assert!(text.contains(part), "no `{part}` in: {text}");
    }
    assert!(!text.contains("--load-model=b"), "{text}");
    let text = run(&["--model", "both"]);
    assert!(
        text.contains("--model both: it needs bare: there is no ") && !text.contains("--load-model"),
        "{text}"
    );
    let text = run(&["--model", "whole"]);
    assert!(
        text.contains("--load-model=whole") && !text.contains("is not loaded"),
        "{text}"
    );
    file("bare/1/model.onnx", "");
    let text = run(&[]);
    assert!(!text.contains("explicit") && !text.contains("is not loaded"), "{text}");
}

#[test]
fn errors_of_triton_are_shown() {
    let repository = TempDir::new().unwrap();
    let model = repository.path().join("broken");
    std::fs::create_dir_all(model.join("1")).unwrap();
    std::fs::write(
        model.join("config.pbtxt"),
        "backend: \"no_such_backend\"\nmax_batch_size: 1\n",
    )
    .unwrap();
    let folder = repository.path().to_str().unwrap();
    check(
        &["--port", "0", "--model-repository", folder],
        &["Triton exited", "no_such_backend", "config.pbtxt"],
    );
}
