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
