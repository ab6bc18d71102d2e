//! The page in headless Chromium: what is read on it, and that it fits, on a phone, on a desk, and on paper.
//!
//! A page around it measures it in a frame of the width in question. What one may want to look at is left in the folder
//! `report` of Cargo's folder for tests (target/tmp): the files, and the print as PDF.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Factory;

/// The widths of a phone and of a desk, in CSS pixels.
const PHONE: u32 = 390;
const DESK: u32 = 1280;

/// Measures the report in a frame and replaces itself with the result.
const PROBE: &str = include_str!("probe.html");

fn chromium() -> Command {
    let mut command = Command::new("chromium");
    // Tests may run as root, and in containers with a small /dev/shm.
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
    ]);
    command
}

fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .expect("chromium is missing: scripts/setup installs it (Debian: apt-get install chromium)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn url(path: &Path) -> String {
    format!("file://{}", path.display())
}

fn probe(report: &Path, width: u32) -> Value {
    let path = report.with_file_name(format!("probe-{width}.html"));
    let name = report.file_name().unwrap().to_str().unwrap();
    fs::write(
        &path,
        PROBE.replace("REPORT", name).replace("WIDTH", &width.to_string()),
    )
    .unwrap();
    let profile = report.with_file_name("profile");
    let page = run(chromium()
        .arg(format!("--user-data-dir={}", profile.display()))
        .args([
            "--allow-file-access-from-files",
            "--window-size=1400,1000",
            "--dump-dom",
        ])
        .arg(url(&path)));
    let body = page.split_once("<body").and_then(|(_, rest)| rest.split_once('>'));
    let (json, _) = body
        .and_then(|(_, rest)| rest.split_once("</body>"))
        .expect("the probe has a body");
    let json = json.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn texts(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap())
        .collect()
}

#[test]
fn the_page_is_read_on_a_phone_and_on_a_desk() {
    let factory = Factory::new();
    let report = factory.path("report.html");
    let (desk, phone) = (probe(&report, DESK), probe(&report, PHONE));
    check_reading(&desk, DESK);
    check_reading(&phone, PHONE);
    check_rows(texts(&desk["cells"]), &texts(&phone["cells"]));
    for (page, least) in [(&desk, 900), (&phone, 300)] {
        let bars: Vec<u64> = (page["bars"].as_array().unwrap().iter())
            .map(|width| width.as_u64().unwrap())
            .collect();
        assert_eq!(bars.len(), 4 + 8, "a bar for each worker and station");
        assert!(bars.iter().all(|width| *width > least), "{bars:?}");
    }
    keep(&report);
}

/// All is read, nothing is beyond the edge, and nothing is too small.
fn check_reading(page: &Value, width: u32) {
    assert_eq!(
        (&page["width"], &page["scroll"]),
        (&width.into(), &width.into()),
        "it scrolls sideways"
    );
    assert_eq!(texts(&page["outside"]), [""; 0]);
    assert_eq!(page["small"], 0, "texts smaller than 11 pixels");
    let text = page["text"].as_str().unwrap();
    for words in [
        "Shift report",
        "early · Thursday, 26 November 2026",
        "06:00:00 to 14:00:00 Europe/Berlin, UTC+01:00: 8:00:00; 3 cameras",
        "hall / bench 1 · red",
        "store / rack 2 & <lift> · blue",
        "hall / packing · anyone",
        "the log ends at 09:39:5",
        "What was left out",
        "not recorded",
    ] {
        assert!(text.contains(words), "`{words}` is not read at {width}");
    }
}

/// The same numbers at both widths; on the phone, where there are no columns, each with its label.
fn check_rows(desk: Vec<&str>, phone: &[&str]) {
    const LABELS: [&str; 8] = [
        "",
        "active=",
        "idle=",
        "absent=",
        "unknown=",
        "coverage=",
        "visits=",
        "longest gap=",
    ];
    for worker in ["red", "blue", "green", "yellow"] {
        let row = desk.iter().find(|row| row.starts_with(worker));
        let row = row.expect("each worker has a row");
        assert_eq!(row.split('|').count(), LABELS.len(), "{row}");
        let labelled = row.split('|').zip(LABELS).map(|(cell, label)| format!("{label}{cell}"));
        let labelled = labelled.collect::<Vec<_>>().join("|");
        assert!(phone.contains(&labelled.as_str()), "{labelled} is not in {phone:?}");
    }
}

/// Leaves what one may want to look at.
fn keep(report: &Path) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("report");
    fs::create_dir_all(&folder).unwrap();
    let profile = format!("--user-data-dir={}", report.with_file_name("profile").display());
    let path = |name: &str| folder.join(name).display().to_string();
    let print = path("print.pdf");
    run(chromium().arg(&profile).args([
        "--no-pdf-header-footer",
        &format!("--print-to-pdf={print}"),
        &url(report),
    ]));
    assert!(fs::read(&print).unwrap().starts_with(b"%PDF"));
    for name in ["report.html", "report.csv", "report.json"] {
        fs::copy(report.with_file_name(name), path(name)).unwrap();
    }
}
