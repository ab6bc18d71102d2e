//! `shopfloor report`: the page that it writes, and its errors.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const LOG: &str = r#"{"schema":"shopfloor-activity/1","time":0.0,"station":"bench","worker":"red","kind":"start","stream":"yard"}
{"schema":"shopfloor-activity/1","time":2.5,"station":"bench","worker":"red","kind":"change","state":"active","previous":"absent","lasted":2.5,"totals":{"active":0.0,"idle":0.0,"absent":2.5,"unknown":0.0},"stream":"yard"}
{"schema":"shopfloor-activity/1","time":6.0,"station":"bench","worker":"red","kind":"change","state":"unknown","previous":"active","lasted":3.5,"totals":{"active":3.5,"idle":0.0,"absent":2.5,"unknown":0.0},"stream":"yard"}
{"schema":"shopfloor-activity/1","time":10.0,"station":"bench","worker":"red","kind":"totals","state":"unknown","lasted":4.0,"totals":{"active":3.5,"idle":0.0,"absent":2.5,"unknown":4.0},"stream":"yard"}
"#;

fn report(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopfloor"));
    command.arg("report").args(arguments).current_dir(folder);
    command.output().unwrap()
}

/// The data of the page.
fn data(page: &Path) -> String {
    let page = fs::read_to_string(page).unwrap();
    let (_, data) = page.split_once(r#"id="data">"#).expect("the page has data");
    data.split_once("</script>").expect("the data end").0.to_owned()
}

#[test]
fn the_page_has_the_data_of_the_log() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("shift.jsonl"), LOG).unwrap();
    let output = report(folder.path(), &["shift.jsonl"]);
    assert_eq!(
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).as_ref(),
            output.stderr.as_slice()
        ),
        (Some(0), "shift.html\n", &b""[..])
    );
    let whole = data(&folder.path().join("shift.html"));
    let row = |name: &str, names: &str| {
        let (at, red) = if name == "red" { (names, "[]") } else { (names, names) };
        format!(
            r#"{{"name":"{name}","spans":[[0.0,2.5,"absent",{red}],[2.5,6.0,"active",{at}],[6.0,10.0,"unknown",[]]],"totals":{{"active":3.5,"idle":0.0,"absent":2.5,"unknown":4.0}}}}"#
        )
    };
    let (bench, red) = (row("bench", r#"["red"]"#), row("red", r#"["bench"]"#));
    assert_eq!(
        whole,
        format!(
            r#"{{"name":"shift.jsonl","torn":false,"streams":[{{"name":"yard","from":0.0,"to":10.0,"unfinished":false,"stations":[{bench}],"workers":[{red}]}}]}}"#
        )
    );
    let output = report(folder.path(), &["shift.jsonl", "-o", "page.htm"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "page.htm\n");
    assert_eq!(data(&folder.path().join("page.htm")), whole);
}

#[test]
fn a_wrong_log_is_one_error() {
    let folder = TempDir::new().unwrap();
    let check = |text: Option<&str>, arguments: &[&str], expected: &[&str]| {
        let path = folder.path().join("a.jsonl");
        text.map_or_else(|| drop(fs::remove_file(&path)), |text| fs::write(&path, text).unwrap());
        let output = report(folder.path(), arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), text.lines().count()), (Some(1), 1), "{text}");
        assert!(text.starts_with("error: "), "{text}");
        for words in expected {
            assert!(text.contains(words), "`{words}` is not in: {text}");
        }
    };
    let remedy = "give a log that `shopfloor play --events`";
    check(None, &["a.jsonl"], &["cannot read a.jsonl", "No such file", remedy]);
    check(Some(""), &["a.jsonl"], &["a.jsonl: no activity in it", remedy]);
    let broken = format!("{LOG}active at the bench\n{LOG}");
    check(
        Some(&broken),
        &["a.jsonl"],
        &[
            "a.jsonl: line 5: expected a line of JSON, got `active at the bench`",
            remedy,
        ],
    );
    let newer = format!("{LOG}{}", LOG.replace("activity/1", "activity/2"));
    check(
        Some(&newer),
        &["a.jsonl"],
        &[
            "a.jsonl: line 5: expected the schema shopfloor-activity/1, got `shopfloor-activity/2`",
            "use the version of shopfloor that wrote the file",
        ],
    );
    check(
        Some(LOG),
        &["a.jsonl", "-o", "a.jsonl"],
        &["would overwrite the log a.jsonl", "--output"],
    );
    assert_eq!(fs::read_to_string(folder.path().join("a.jsonl")).unwrap(), LOG);
    check(
        Some(LOG),
        &["a.jsonl", "-o", "no/such.html"],
        &["cannot write no/such.html", "No such file"],
    );
}
