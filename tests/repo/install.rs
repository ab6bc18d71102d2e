//! The installed thing: what `meson install` puts into an empty tree plays by itself, and versions agree.

use std::fs;
use std::path::Path;
use std::process::Command;

use shopfloor_tests::root;

#[test]
fn an_installed_tree_plays_by_itself() {
    let output = Command::new(root().join("scripts/install-test"))
        .output()
        .expect("a script can be run");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{text}");
    for line in ["installed ", "elements ", "gst-launch ", "shopfloor "] {
        assert!(text.contains(line), "nothing about {line}: {text}");
    }
}

/// The text between the two marks, in the file.
fn between(file: &str, before: &str, after: char) -> String {
    let text = fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("{file} has no {before}"));
    let (value, _) = rest
        .split_once(after)
        .unwrap_or_else(|| panic!("{file} does not end {before}"));
    value.to_owned()
}

#[test]
fn packages_have_the_workspace_s_version() {
    let version = between("Cargo.toml", "\nversion = \"", '"');
    assert_eq!(between("meson.build", "version: '", '\''), version);
    assert_eq!(between("debian/changelog", "shopfloor (", ')'), version);
}

/// The settings of a unit file, by their names; a name may have several.
fn settings(unit: &str, name: &str) -> Vec<String> {
    let lines = unit.lines().filter(|line| !line.starts_with('#'));
    let values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    values.map(str::to_owned).collect()
}

#[test]
fn the_service_does_what_the_command_expects() {
    let unit = fs::read_to_string(root().join("debian/shopfloor.service")).expect("the unit is there");
    let lines = unit
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with(['#', '[']));
    for line in lines {
        let (name, _) = line.split_once('=').unwrap_or_else(|| panic!("no setting: {line}"));
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "no name: {line}");
    }
    for (name, value) in [
        ("Type", "notify"),
        ("Restart", "on-failure"),
        ("User", "shopfloor"),
        ("SuccessExitStatus", "130"),
        ("RestartPreventExitStatus", "2"),
        ("ExecReload", "/bin/kill -HUP $MAINPID"),
    ] {
        assert_eq!(settings(&unit, name), [value], "{name}");
    }
    let seconds = |name: &str| settings(&unit, name)[0].parse::<u32>().expect("seconds");
    // The command: ready after 60 s; 60 s for files, 10 s for elements.
    assert!(seconds("TimeoutStartSec") > 60 && seconds("TimeoutStopSec") > 70 && seconds("WatchdogSec") > 0);
    let command = &settings(&unit, "ExecStart")[0];
    assert!(
        command.starts_with("/usr/bin/shopfloor play /etc/shopfloor/tenants "),
        "{command}"
    );
    let dirs = fs::read_to_string(root().join("debian/shopfloor.dirs")).expect("the package's folders");
    assert!(dirs.lines().any(|line| line == "etc/shopfloor/tenants"), "{dirs}");
    let users = fs::read_to_string(root().join("debian/shopfloor.sysusers")).expect("the package's users");
    assert!(users.lines().any(|line| line.starts_with("u shopfloor ")), "{users}");
}

/// systemd's own check, where it is installed; the command of this build stands in for the installed one.
#[test]
fn systemd_accepts_the_service() {
    let unit = fs::read_to_string(root().join("debian/shopfloor.service")).expect("the unit is there");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("shopfloor.service");
    // Nothing is run: any program is one that can be.
    fs::write(&file, unit.replace("/usr/bin/shopfloor ", "/bin/true ")).expect("it can be written");
    let verify = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&file)
        .output();
    let Ok(output) = verify else {
        eprintln!("there is no systemd-analyze: nothing was tested");
        return;
    };
    let text = String::from_utf8_lossy(&output.stderr);
    let about_it: Vec<_> = text.lines().filter(|line| line.contains("shopfloor.service")).collect();
    assert!(output.status.success() && about_it.is_empty(), "{text}");
}

#[test]
fn the_tree_s_documents_are_installed() {
    let meson = fs::read_to_string(root().join("meson.build")).expect("meson.build is there");
    for file in fs::read_dir(root()).expect("the checkout can be listed").flatten() {
        let name = file.file_name().into_string().expect("a file's name is UTF-8");
        let document = Path::new(&name).extension().is_some_and(|end| end == "md") || name.starts_with("LICENSE");
        assert!(
            !document || meson.contains(&format!("'{name}'")),
            "meson.build does not install {name}"
        );
    }
}
