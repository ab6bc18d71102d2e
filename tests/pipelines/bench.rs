//! The bench runs: a server that is killed, hung and restarted under a file and a camera, cameras that fail, one short measurement,
//! and the article's experiment by the command `shopfloor bench`.

use std::fs;
use std::process::{Command, Output};

use shopfloor_tests::root;
use tempfile::TempDir;

/// Runs the bench with its results in a folder; each of its waits is bounded, and so is the whole.
fn bench(arguments: &[&str]) -> (Output, TempDir) {
    let results = TempDir::new().unwrap();
    let output = Command::new("timeout")
        .arg("900")
        .arg(root().join("target/release/shopfloor-bench"))
        .args(arguments)
        .arg("--output")
        .arg(results.path())
        .output()
        .unwrap();
    (output, results)
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|text| String::from_utf8_lossy(text))
        .concat()
}

/// The whole soak is `scripts/soak`. How soon inference comes back is measured there, not on a machine that runs tests.
#[test]
fn lines_survive_kills_hangs_and_restarts_of_the_server() {
    let often = ["--kills", "3", "--hangs", "3", "--restarts", "3"];
    let (output, results) = bench(&[&["soak", "--load", "0", "--within", "60"], &often[..]].concat());
    let page = fs::read_to_string(results.path().join("soak.md")).unwrap_or_default();
    assert!(output.status.success(), "{}{page}", text(&output));
}

/// The whole soak is `scripts/soak tenants`; how much the untouched camera gets is measured there.
#[test]
fn cameras_that_fail_leave_the_others_alone() {
    let short = [
        "--seconds",
        "40",
        "--tenants",
        "8",
        "--many-seconds",
        "6",
        "--share",
        "0.5",
        "--memory",
        "64",
    ];
    let (output, results) = bench(&[&["soak-tenants"], &short[..]].concat());
    let page = fs::read_to_string(results.path().join("soak-tenants.md")).unwrap_or_default();
    assert!(output.status.success(), "{}{page}", text(&output));
}

#[test]
fn a_measurement_leaves_a_page_a_table_and_a_plot() {
    let (output, results) = bench(&["run", "hold", "--seconds", "1", "--rounds", "1"]);
    // Whether its gates are met is not this test's business, as long as it says so.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", text(&output));
    let result = |name: &str| {
        let file = fs::read_to_string(results.path().join(name));
        file.unwrap_or_else(|error| panic!("{name}: {error}: {}", text(&output)))
    };
    for fact in ["## Gates", "longest interval", "| commit |", "| load average"] {
        assert!(result("hold.md").contains(fact), "{fact}: {}", result("hold.md"));
    }
    assert!(result("hold.csv").starts_with("case,round,quantity,value\n"));
    assert!(result("hold.csv").contains("\ngate,0,"));
    assert!(result("hold.svg").starts_with("<svg"));
}

/// The article's table with networks that compute nothing, a second a cell.
#[test]
fn the_experiment_has_a_value_in_every_cell() {
    let results = TempDir::new().unwrap();
    let output = Command::new("timeout")
        .arg("300")
        .arg(root().join("target/release/shopfloor"))
        .args([
            "bench",
            "--seconds",
            "1",
            "--rounds",
            "1",
            "--tenants",
            "1,2",
            "--model",
            "light",
        ])
        .arg("--output")
        .arg(results.path())
        .env_remove("SHOPFLOOR_MODEL_REPOSITORY")
        .output()
        .unwrap();
    // Whether its gates are met is not this test's business.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", text(&output));
    let result = |name: &str| {
        let file = fs::read_to_string(results.path().join(name));
        file.unwrap_or_else(|error| panic!("{name}: {error}: {}", text(&output)))
    };
    let page = result("article-light.md");
    assert!(!page.contains("## Without a value"), "{page}{}", text(&output));
    for row in [
        "base case",
        "decoupled, threads",
        "decoupled, async",
        "ensemble, threads",
        "ensemble, async",
    ] {
        assert!(page.contains(&format!("\n| {row}")), "{row}: {page}");
        for tenants in 1..=2 {
            // Every frame of a file is inferred, whoever runs the models.
            let inferred = format!(",{tenants},1,\"inferred share\",1\n");
            let table = result("article-light.csv");
            let found = table
                .split_inclusive('\n')
                .any(|line| line.contains(row) && line.ends_with(&inferred));
            assert!(found, "{row} with {tenants}: {table}");
        }
    }
    for plot in ["fps", "figure8", "figure9"] {
        assert!(
            result(&format!("article-light-{plot}.svg")).starts_with("<svg"),
            "{plot}"
        );
    }
}
