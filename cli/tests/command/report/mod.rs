//! `shopfloor report`: the pages and tables that it writes, and its errors.

mod browser;
mod factory;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use people::event::{EventKind, LogRecord};
use serde_json::Value;
use tempfile::TempDir;

/// Schema 1, without times of day.
pub const LOG: &str = r#"{"schema":"shopfloor-activity/1","time":0.0,"station":"bench","worker":"red","kind":"start","stream":"yard"}
{"schema":"shopfloor-activity/1","time":2.5,"station":"bench","worker":"red","kind":"change","state":"active","previous":"absent","lasted":2.5,"totals":{"active":0.0,"idle":0.0,"absent":2.5,"unknown":0.0},"stream":"yard"}
{"schema":"shopfloor-activity/1","time":6.0,"station":"bench","worker":"red","kind":"change","state":"unknown","previous":"active","lasted":3.5,"totals":{"active":3.5,"idle":0.0,"absent":2.5,"unknown":0.0},"stream":"yard"}
{"schema":"shopfloor-activity/1","time":10.0,"station":"bench","worker":"red","kind":"totals","state":"unknown","lasted":4.0,"totals":{"active":3.5,"idle":0.0,"absent":2.5,"unknown":4.0},"stream":"yard"}
"#;

const SHIFTS: &str = r#"
time-zone = "Europe/Berlin"
[[shift]]
name = "early"
from = "06:00"
to = "14:00"
[[shift]]
name = "late"
from = "14:00"
to = "22:00"
"#;

fn report(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopfloor"));
    command
        .arg("report")
        .args(arguments)
        .current_dir(folder)
        .env("TZ", "UTC");
    command.output().unwrap()
}

/// The report's standard error, if all went well.
fn warnings(folder: &Path, arguments: &[&str]) -> Vec<String> {
    let output = report(folder, arguments);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    text.lines().map(str::to_owned).collect()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The made-up factory in a folder, and its report with everything beside it.
struct Factory {
    folder: TempDir,
    warnings: Vec<String>,
}

impl Factory {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let logs = factory::write(folder.path());
        fs::write(folder.path().join("shifts.toml"), SHIFTS).unwrap();
        let mut arguments: Vec<&str> = logs
            .iter()
            .map(|log| log.file_name().unwrap().to_str().unwrap())
            .collect();
        arguments.extend([
            "--shifts",
            "shifts.toml",
            "-o",
            "report.html",
            "--csv",
            "report.csv",
            "--json",
            "report.json",
        ]);
        let warnings = warnings(folder.path(), &arguments);
        Self { folder, warnings }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

#[test]
fn a_log_of_one_stream_is_one_page_by_running_time() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("shift.jsonl"), LOG).unwrap();
    let output = report(folder.path(), &["shift.jsonl", "--csv", "sums.csv"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "shift.html\nsums.csv\n");
    assert_eq!(
        fs::read_to_string(folder.path().join("sums.csv")).unwrap(),
        "page,from,to,kind,camera,station,worker,active_s,idle_s,absent_s,unknown_s,unrecorded_s,all_s,coverage,visits,longest_gap_s,longest_gap_from\n\
         yard,0,10,worker,,,red,3.5,0.0,2.5,4.0,,10.0,0.6,1,4.0,6\n\
         yard,0,10,station,yard,bench,red,3.5,0.0,2.5,4.0,0.0,10.0,0.6,1,4.0,6\n"
    );
    let page = fs::read_to_string(folder.path().join("shift.html")).unwrap();
    for words in ["bench · red", "3.5 s", "since the start of the stream", "60.0 %"] {
        assert!(page.contains(words), "`{words}` is not on the page");
    }
}

/// The sums of both shifts together are those that the logs themselves state.
#[test]
fn sums_of_the_shifts_are_the_totals_of_the_logs() {
    let factory = Factory::new();
    let report = json(&factory.path("report.json"));
    let mut sums: BTreeMap<(String, String), [f64; 5]> = BTreeMap::new();
    for page in report["pages"].as_array().unwrap() {
        for station in page["stations"].as_array().unwrap() {
            let name = |field: &str| station[field].as_str().unwrap().to_owned();
            let sum = sums.entry((name("camera"), name("station"))).or_default();
            for (sum, field) in sum
                .iter_mut()
                .zip(["active_s", "idle_s", "absent_s", "unknown_s", "all_s"])
            {
                *sum += station[field].as_f64().unwrap();
            }
        }
    }
    let whole = (16 * 3600) as f64;
    assert!(sums.len() == 8 && sums.values().all(|sum| sum[4] == whole), "{sums:?}");
    let log = fs::read_to_string(factory.path("hall.jsonl")).unwrap();
    let ends = log.lines().filter_map(|line| {
        let record = LogRecord::from_json(line.as_bytes()).unwrap()?;
        let EventKind::End { totals, .. } = record.event.kind else {
            return None;
        };
        let times = [totals.active, totals.idle, totals.absent, totals.unknown];
        Some((record.event.station.to_string(), times.map(|time| time.as_secs_f64())))
    });
    let ends: Vec<_> = ends.collect();
    assert_eq!(ends.len(), 3);
    for (station, expected) in ends {
        assert_eq!(sums[&("hall".to_owned(), station.clone())][..4], expected, "{station}");
    }
    // From the last heartbeat before the end, ten seconds at most, to the next start nothing is known of the yard.
    let unknown = f64::from(factory::KILLED.1 - factory::KILLED.0);
    let dock = sums[&("yard".to_owned(), "dock".to_owned())][3];
    assert!((unknown..=unknown + 10.0).contains(&dock), "{dock}");
}

#[test]
fn what_was_wrong_is_said_on_stderr_and_on_the_page() {
    let factory = Factory::new();
    let page = fs::read_to_string(factory.path("report.html")).unwrap();
    let warnings = factory.warnings.join("\n");
    for words in [
        "yard.jsonl: line ",
        "was left out: incomplete: its writer was stopped",
        "10 lines were read a second time",
    ] {
        assert!(
            warnings.contains(words) && page.contains(words),
            "`{words}` is missing: {warnings}"
        );
    }
    for words in [
        "yard: the log ends at 09:39:5",
        "store: 40 lines are missing, 9000 to 9039",
        "1 contradiction of a vest at two places at once",
        "early · Thursday, 26 November 2026",
        "late · Thursday, 26 November 2026",
        "rack 2 &amp; &lt;lift&gt; · blue",
        "not recorded",
        "nothing observed",
    ] {
        assert!(page.contains(words), "`{words}` is not on the page");
    }
    let report = json(&factory.path("report.json"));
    let contradiction = &report["pages"][0]["contradictions"][0];
    let times = f64::from(factory::TWICE.0)..f64::from(factory::TWICE.1);
    assert!(
        contradiction["worker"] == "red" && times.contains(&contradiction["from_s"].as_f64().unwrap()),
        "{contradiction}"
    );
    let gaps = report["pages"][0]["gaps"].as_array().unwrap();
    let has = |camera: &str, (from, to): (u32, u32), reason: &str| {
        gaps.iter().any(|gap| {
            let near = |field: &str, time: u32| (gap[field].as_f64().unwrap() - f64::from(time)).abs() <= 10.0;
            gap["camera"] == camera && gap["reason"] == reason && near("from_s", from) && near("to_s", to)
        })
    };
    assert!(
        has("yard", factory::KILLED, "unrecorded") && has("hall", factory::AWAY, "unknown"),
        "{gaps:?}"
    );
}

/// A page is light, runs nothing and fetches nothing, whatever the names.
#[test]
fn the_page_is_light_and_fetches_nothing() {
    let factory = Factory::new();
    let page = fs::read_to_string(factory.path("report.html")).unwrap();
    assert!(page.len() < 600_000, "{} bytes", page.len());
    assert!(page.contains("Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'"));
    for word in ["<script", "src=", "url(", "@import", "http:", "https:", "<lift>"] {
        assert!(!page.contains(word), "the page has `{word}`");
    }
}

#[test]
fn a_window_cuts_the_shifts() {
    let folder = TempDir::new().unwrap();
    factory::write(folder.path());
    fs::write(folder.path().join("shifts.toml"), SHIFTS).unwrap();
    let window = [
        "--from",
        "2026-11-26T13:00",
        "--to",
        "2026-11-26T14:30",
        "--json",
        "a.json",
        "--shifts",
        "shifts.toml",
    ];
    warnings(folder.path(), &[&["store.jsonl"][..], &window].concat());
    let report = json(&folder.path().join("a.json"));
    let pages = report["pages"].as_array().unwrap().iter();
    let pages: Vec<_> = pages
        .map(|page| (page["name"].clone(), page["from"].clone(), page["to"].clone()))
        .collect();
    let page = |name: &str, from: &str, to: &str| (name.into(), from.into(), to.into());
    assert_eq!(
        pages,
        [
            page("early", "2026-11-26T12:00:00.000Z", "2026-11-26T13:00:00.000Z"),
            page("late", "2026-11-26T13:00:00.000Z", "2026-11-26T13:30:00.000Z"),
        ]
    );
}

#[test]
fn both_schemas_and_several_logs_are_pages_of_one_report() {
    let folder = TempDir::new().unwrap();
    factory::write(folder.path());
    fs::write(folder.path().join("old.jsonl"), format!("{LOG}{LOG}")).unwrap();
    let logs = ["old.jsonl", "store.jsonl", "-o", "a.html", "--json", "a.json"];
    warnings(folder.path(), &logs);
    let report = json(&folder.path().join("a.json"));
    let pages = report["pages"].as_array().unwrap().iter();
    let pages: Vec<_> = pages.map(|page| format!("{} {}", page["kind"], page["name"])).collect();
    assert_eq!(
        pages,
        [
            r#""clock" """#,
            r#""running-time" "yard""#,
            r#""running-time" "yard (2)""#
        ]
    );
    let left_out = warnings(folder.path(), &[&logs[..], &["--from", "2026-11-26"]].concat());
    assert!(left_out.iter().any(|line| line.contains("streams without times of day were left out") && line.ends_with("yard, yard (2)")), "{left_out:?}");
}

/// The report of `text` in `a.jsonl` is one line of error, which has these words.
fn check_error(text: Option<&str>, arguments: &str, status: i32, expected: &[&str]) {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    if let Some(text) = text {
        write("a.jsonl", text);
    }
    write("shifts.toml", SHIFTS);
    write("bad.toml", "[[shift]]\nname = \"a\"\nfrom = 6\nto = \"14:00\"");
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let output = report(folder.path(), &[&["a.jsonl"], &arguments[..]].concat());
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), error.lines().count()),
        (Some(status), 1),
        "{arguments:?}: {error}"
    );
    assert!(error.starts_with("error: "), "{error}");
    for words in expected {
        assert!(error.contains(words), "`{words}` is not in: {error}");
    }
    let left = fs::read_to_string(folder.path().join("a.jsonl")).ok();
    assert_eq!(left.as_deref(), text, "the log was changed");
}

#[test]
fn a_file_that_is_no_log_is_one_error() {
    let remedy = "give logs that `shopfloor play --events`";
    let newer = LOG.replace("activity/1", "activity/9");
    let table = [
        (None, &["cannot read a.jsonl", "No such file", remedy][..]),
        (Some(""), &["no activity in a.jsonl", remedy]),
        (
            Some("active at the bench\n"),
            &[
                "a.jsonl: no activity in it; line 1 is not JSON: `active at the bench`",
                remedy,
            ],
        ),
        (
            Some(&newer),
            &[
                "line 1 is of the schema `shopfloor-activity/9`",
                "use the version of shopfloor that wrote it",
            ],
        ),
    ];
    for (text, expected) in table {
        check_error(text, "-o a.html", 1, expected);
    }
}

#[test]
fn wrong_usage_is_one_error() {
    let table = [
        ("-o a.jsonl", 2, &["would overwrite a.jsonl", "--output"][..]),
        (
            "-o shifts.toml --shifts shifts.toml",
            2,
            &["would overwrite shifts.toml"],
        ),
        ("-o b --csv ./b", 2, &["two outputs are the same file"]),
        ("-o no/such.html", 1, &["cannot write no/such.html", "No such file"]),
        (
            "--tz Berlin",
            2,
            &["--tz", "unknown time zone `Berlin`: did you mean `Europe/Berlin`"],
        ),
        (
            "--from 6:00",
            2,
            &["--from: expected a time like 2026-11-26T06:00", "`6:00`"],
        ),
        (
            "--from 2026-11-26T06:00 --to 2026-11-25",
            2,
            &["--from (2026-11-26 06:00:00 +00:00) is not before --to (2026-11-26 00:00:00 +00:00)"],
        ),
        ("--shifts bad.toml", 2, &["bad.toml: line 3: "]),
        ("--shifts none.toml", 2, &["cannot read the shifts none.toml"]),
    ];
    for (arguments, status, expected) in table {
        check_error(Some(LOG), arguments, status, expected);
    }
    let output = report(TempDir::new().unwrap().path(), &[]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(2) && text.contains("<LOG.jsonl>...") && text.contains("Usage"),
        "{text}"
    );
}

#[test]
fn times_without_any_record_are_one_error() {
    let dated = LOG.replace(
        "\"stream\"",
        "\"utc\":\"2026-11-26T05:00:00.000Z\",\"clock\":\"host\",\"stream\"",
    );
    check_error(
        Some(&dated),
        "--from 2026-12-01",
        1,
        &["nothing to report: the logs are from 2026-11-26 04:59:5", "(UTC)"],
    );
}

#[test]
fn an_empty_window_of_a_log_without_times_of_day_is_an_error() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.jsonl"), LOG).unwrap();
    let output = report(folder.path(), &["a.jsonl", "--from", "2026-11-26"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("the logs have no times of day; leave out --from and --to"),
        "{text}"
    );
}
