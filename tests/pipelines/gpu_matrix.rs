//! A dry run of bench/gpu, the article's experiment on a GPU: with a stand-in for PyTorch, the real Triton and its Python backend.

use std::fs;
use std::process::Command;

use serde_json::Value;
use shopfloor_tests::root;
use tempfile::TempDir;

/// Runs matrix.py with the Python that the graphs are made with, and returns what it prints.
fn matrix(arguments: &[&str]) -> String {
    let script = r#". "$root/scripts/steps.sh"; exec "$(onnx_python)" -B "$root/bench/gpu/matrix.py" "$@""#;
    let output = Command::new("sh")
        .args(["-euc", script, "sh"])
        .args(arguments)
        .env("root", root())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

fn lines(file: &str) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_interrupted_matrix_is_completed() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (first, second) = (path("first.jsonl"), path("second.jsonl"));
    let run = |arguments: &[&str]| {
        let options = [
            "run",
            "--engine",
            "standin",
            "--side",
            "64",
            "--seconds",
            "0.2",
            "--nets",
            "nano",
        ];
        matrix(&[&options[..], arguments].concat())
    };
    let text = run(&["--out", &first, "--limit", "0"]);
    assert!(text.contains("19 cells are left"), "{text}");
    run(&["--out", &first, "--ways", "engine"]);
    let alone = lines(&first);
    assert_eq!(alone.len(), 4);
    let ways = ["--ways", "engine", "decoupled", "ensemble", "--tenants", "2"];
    let text = run(&[&["--out", &second, "--done", &first][..], &ways[..]].concat());
    assert!(text.contains("all cells are measured"), "{text}");
    let all = lines(&second);
    assert_eq!((&all[..4], all.len()), (&alone[..], 8), "what was measured stays");
    // A busy machine may complete no frame within the measured time; each client checks a response before.
    assert!(all.iter().all(|line| line["rate"].is_number()), "{all:?}");
    let report = matrix(&["report", &second]);
    assert!(report.contains("| ensemble | 2 | 4 |"), "{report}");
}
