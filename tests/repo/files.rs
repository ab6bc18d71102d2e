//! Rules for every file of the tree: how it opens and ends, how large binaries are, which names and links it may have.

use std::path::Path;
use std::process::Command;

/// The most bytes of a clone that are not text: models, media, images.
const BINARIES: u64 = 80 << 20;

/// The tree's files: tracked ones, and new ones that git does not ignore.
fn files() -> Vec<String> {
    let git = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(shopfloor_tests::root())
        .output()
        .expect("git lists the files");
    assert!(git.status.success(), "{}", String::from_utf8_lossy(&git.stderr));
    let files = String::from_utf8(git.stdout).expect("names are UTF-8");
    let files: Vec<_> = files.split_terminator('\0').map(str::to_owned).collect();
    assert!(files.len() > 50, "git found {} files only", files.len());
    // A file deleted from the folder is still listed until the deletion is staged.
    files
        .into_iter()
        .filter(|file| shopfloor_tests::root().join(file).exists())
        .collect()
}

fn bytes(file: &str) -> Vec<u8> {
    std::fs::read(shopfloor_tests::root().join(file)).expect("a listed file can be read")
}

/// The file's text, unless it is binary.
fn text(file: &str) -> Option<String> {
    String::from_utf8(bytes(file)).ok().filter(|text| !text.contains('\0'))
}

fn rust_files() -> impl Iterator<Item = (String, String)> {
    let rust = files().into_iter().filter(|file| file.ends_with(".rs"));
    rust.map(|file| (text(&file).expect("Rust is UTF-8"), file))
        .map(|(text, file)| (file, text))
}

#[test]
fn rust_files_open_with_what_they_own() {
    let undocumented: Vec<_> = rust_files()
        .filter(|(file, text)| !file.ends_with("build.rs") && !text.starts_with("//!"))
        .map(|(file, _)| file)
        .collect();
    assert!(
        undocumented.is_empty(),
        "the first line is not `//! …`, which says what the file owns: {undocumented:#?}"
    );
}

#[test]
fn binaries_stay_small() {
    let binaries: Vec<_> = files().into_iter().filter(|file| text(file).is_none()).collect();
    let total: u64 = binaries.iter().map(|file| bytes(file).len() as u64).sum();
    assert!(total < BINARIES, "{total} bytes in {binaries:#?}");
}

#[test]
fn files_name_no_machine_and_no_registry() {
    // Each in two halves, so that this file does not contain them.
    let banned = [
        ("/wo", "rk/"),
        ("/ro", "ot/"),
        ("/ho", "me/"),
        ("../sha", "red"),
        ("index.cra", "tes.io"),
        ("static.cra", "tes.io"),
        ("pypi", ".org"),
        ("python", "hosted.org"),
        ("deb.debian", ".org"),
        ("registry.npm", "js.org"),
    ]
    .map(|(head, tail)| format!("{head}{tail}"));
    for file in files() {
        let Some(text) = text(&file) else { continue };
        for (number, line) in text.lines().enumerate() {
            let found = banned.iter().find(|banned| line.contains(*banned));
            assert!(found.is_none(), "{file}:{}: names {found:?}: {line}", number + 1);
        }
    }
}

#[test]
fn text_files_end_with_a_newline() {
    for file in files() {
        let Some(text) = text(&file) else { continue };
        assert!(text.is_empty() || text.ends_with('\n'), "{file}: no newline at the end");
    }
}

#[test]
fn links_in_documents_have_targets() {
    let root = shopfloor_tests::root();
    for file in files().into_iter().filter(|file| file.ends_with(".md")) {
        let text = text(&file).expect("Markdown is UTF-8");
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', '#', ' ']).next())
        {
            if link.is_empty() || link.contains("://") {
                continue;
            }
            let target = root.join(&file).parent().unwrap_or(Path::new("")).join(link);
            assert!(target.exists(), "{file} links to {link}, which does not exist");
        }
    }
}
