//! What `shopfloor play` shows while it plays: lines of JSON, metrics, the table in a terminal. GStreamer's own elements are enough.

use std::fs;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

const LIVE: &str = "videotestsrc is-live=true ! video/x-raw,width=64,height=48,framerate=30/1 ! fakesink";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn play(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopfloor"));
    command.arg("play").args(arguments).current_dir(folder.path());
    command.env_remove("GST_PLUGIN_PATH").env_remove("GST_DEBUG");
    command
}

fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

#[test]
fn json_is_a_line_for_each_tenant_each_second() {
    let folder = folder(&[("yard.launch", LIVE), ("hall.launch", LIVE)]);
    let mut command = play(&folder, &["yard.launch", "hall.launch", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let parse = |line: String| serde_json::from_str::<serde_json::Value>(&line).expect(&line);
    // The second one of a tenant has rates.
    let with_rates = lines
        .by_ref()
        .map(parse)
        .find(|line| line["tenant"] == "hall" && !line["fps_out"].is_null());
    let line = with_rates.expect("a line with rates");
    assert!(
        line["frames"].as_u64().unwrap() > 0 && line["fps_out"].as_f64().unwrap() > 0.0,
        "{line}"
    );
    assert_eq!(
        (&line["state"], &line["inference"]),
        (&"playing".into(), &"none".into()),
        "{line}"
    );
    interrupt(&child);
    lines.for_each(|line| drop(parse(line)));
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// Starts with `--metrics` and returns the address that it prints.
fn with_metrics(folder: &TempDir, address: &str) -> (Child, Lines<BufReader<ChildStderr>>, String) {
    let mut command = play(folder, &["live.launch", "--metrics", address]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let printed = lines.by_ref().map(Result::unwrap).find_map(|line| {
        let address = line.strip_prefix("metrics: http://")?.strip_suffix("/metrics")?;
        Some(address.to_owned())
    });
    (child, lines, printed.expect("the address"))
}

#[test]
fn metrics_are_scraped_while_it_plays() {
    let folder = folder(&[("live.launch", LIVE)]);
    let (mut child, _lines, address) = with_metrics(&folder, "127.0.0.1:0");
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .new_agent();
    let get = |path: &str| {
        let mut response = agent.get(format!("http://{address}{path}")).call().unwrap();
        (
            response.status().as_u16(),
            response.body_mut().read_to_string().unwrap(),
        )
    };
    assert_eq!(get("/healthz").0, 200);
    let is_ready = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        get("/readyz").0 == 200
    });
    assert!(is_ready, "{:?}", get("/readyz"));
    let (status, text) = get("/metrics");
    assert_eq!(status, 200);
    let parsed = openmetrics_parser::prometheus::parse_prometheus(&text).unwrap();
    assert!(parsed.families.contains_key("shopfloor_tenant_frames_total"), "{text}");
    assert!(
        text.contains("shopfloor_tenant_state{tenant=\"live\",state=\"playing\"} 1"),
        "{text}"
    );
    // The port is taken now.
    let second = play(&folder, &["live.launch", "--metrics", &address]).output().unwrap();
    let error = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{error}");
    assert!(
        error.contains(&address) && error.contains("choose another port"),
        "{error}"
    );
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// Runs `line` in a shell in a terminal of its own, types `keys` once `seen` was printed, and returns status and output.
fn in_terminal(folder: &TempDir, line: &str, seen: &str, keys: &str) -> (Option<i32>, String) {
    let line = line.replace("PLAY", &format!("'{}' play", env!("CARGO_BIN_EXE_shopfloor")));
    let mut command = Command::new("script");
    command
        .args(["--quiet", "--flush", "--return", "--command", &line, "/dev/null"])
        .current_dir(folder.path());
    command
        .env_remove("GST_PLUGIN_PATH")
        .env_remove("GST_DEBUG")
        .env_remove("NO_COLOR")
        .env("TERM", "xterm");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut text = String::new();
    let mut bytes = [0; 4096];
    let mut typed = false;
    loop {
        let count = output.read(&mut bytes).unwrap_or(0);
        if count == 0 {
            break;
        }
        text.push_str(&String::from_utf8_lossy(&bytes[..count]));
        if !typed && text.contains(seen) {
            typed = true;
            input.write_all(keys.as_bytes()).unwrap();
        }
    }
    (child.wait().unwrap().code(), text)
}

#[test]
fn a_terminal_has_a_table_and_q_ends() {
    let folder = folder(&[
        ("live.launch", LIVE),
        ("bad.launch", "filesrc location=nowhere ! fakesink"),
    ]);
    let (status, text) = in_terminal(&folder, "PLAY live.launch bad.launch", "playing", "q");
    assert_eq!(status, Some(1), "{text}");
    for part in [
        "tenant",
        "q ends",
        "\u{1b}[",
        "bad: error: filesrc",
        "live: ended after",
        "interrupted: ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_terminal_is_given_back_as_it_was() {
    let folder = folder(&[("live.launch", LIVE)]);
    for (what, line, keys, expected) in [
        ("q", "PLAY live.launch", "q", 130),
        ("Ctrl-C", "PLAY live.launch", "\u{3}", 130),
        (
            "SIGTERM",
            "timeout --foreground --preserve-status -s TERM 5 PLAY live.launch",
            "",
            130,
        ),
    ] {
        let line = format!("stty -a >before; {line}; status=$?; stty -a >after; exit $status");
        let (status, text) = in_terminal(&folder, &line, "playing", keys);
        assert_eq!(status, Some(expected), "{what}: {text}");
        let modes = ["before", "after"].map(|file| fs::read_to_string(folder.path().join(file)).unwrap());
        assert!(modes[0].contains(" echo ") && modes[0] == modes[1], "{what}: {modes:?}");
    }
}
