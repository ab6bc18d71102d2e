//! What the documents say, held against the tree.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use cargo_metadata::MetadataCommand;

fn document(name: &str) -> String {
    let path = shopfloor_tests::root().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The part of a document below the heading, until the next one of the same level.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let start = text
        .find(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("there is no heading `{heading}`"));
    let body = &text[start + heading.len() + 2..];
    let level = heading.split(' ').next().unwrap_or_default();
    body.find(&format!("\n{level} ")).map_or(body, |end| &body[..end])
}

/// The names that the plugin's elements are registered under, from their sources.
fn registered() -> BTreeSet<String> {
    let source = shopfloor_tests::root().join("plugins/shopfloor/src");
    let modules = std::fs::read_dir(source).expect("the plugin has sources").flatten();
    let modules = modules.filter_map(|entry| std::fs::read_to_string(entry.path().join("mod.rs")).ok());
    modules
        .filter_map(|text| {
            let call = text.split("Element::register(").nth(1)?;
            call.split('"').nth(1).map(str::to_owned)
        })
        .collect()
}

#[test]
fn the_readme_lists_every_element() {
    let readme = document("README.md");
    let rows = section(&readme, "## Elements").lines();
    let listed = rows.filter_map(|row| row.strip_prefix("| [`")?.split('`').next().map(str::to_owned));
    let registered = registered();
    assert!(!registered.is_empty(), "no element's registration was found");
    assert_eq!(listed.collect::<BTreeSet<_>>(), registered);
}

#[test]
fn the_readme_names_the_commands() {
    let readme = document("README.md");
    for command in ["scripts/demo", "scripts/test", ". scripts/env"] {
        assert!(readme.contains(command), "README.md does not mention {command}");
    }
}

#[test]
fn the_architecture_is_short_and_whole() {
    let text = document("ARCHITECTURE.md");
    let lines = text.lines().count();
    assert!(lines < 250, "ARCHITECTURE.md has {lines} lines, 250 are too many");
    let root = shopfloor_tests::root();
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap();
    for package in metadata.workspace_packages() {
        let folder = package.manifest_path.parent().unwrap();
        let folder = folder.strip_prefix(&root).unwrap();
        // A map names `plugins/` once and then each crate in it.
        let name = folder.file_name().unwrap();
        assert!(
            text.contains(&format!("{name}/")) || text.contains(folder.as_str()),
            "ARCHITECTURE.md does not map {folder}"
        );
    }
}

#[test]
fn the_model_repository_s_table_is_whole() {
    let readme = document("model_repository/README.md");
    let models = std::fs::read_dir(shopfloor_tests::root().join("model_repository"))
        .unwrap()
        .flatten();
    let models: Vec<_> = models
        .filter(|entry| entry.path().join("config.pbtxt").exists())
        .collect();
    assert!(!models.is_empty(), "the model repository holds no model");
    for model in models {
        let name = model.file_name().into_string().expect("a model's name is UTF-8");
        assert!(
            readme.contains(&format!("`{name}`")),
            "model_repository/README.md does not list {name}"
        );
    }
}

/// Training takes half an hour, so what is checked is that the figures are of the file that is shipped.
#[test]
fn the_card_of_the_vest_model_is_about_its_file() {
    let card = document("model_repository/vest_resnet18/README.md");
    let model = shopfloor_tests::root().join("model_repository/vest_resnet18/1/model.onnx");
    let sum = Command::new("sha256sum").arg(model).output().expect("coreutils");
    let sum = String::from_utf8(sum.stdout).unwrap();
    let judged = format!("Judged: `1/model.onnx` with the SHA-256 `{}…`.", &sum[..12]);
    assert!(
        card.contains(&judged),
        "the card was not written for this file: {judged}"
    );
    for line in document("model_repository/vest_resnet18/figures.csv").lines().skip(1) {
        let cells: Vec<_> = line.rsplitn(6, ',').collect();
        let name = cells[5].trim_matches('"');
        let row = format!(
            "| {name} | {} |",
            cells[..5].iter().rev().copied().collect::<Vec<_>>().join(" | ")
        );
        assert!(card.contains(&row), "the card has no row {row}");
    }
}

#[test]
fn the_media_s_table_is_whole() {
    let readme = document("media/README.md");
    for file in std::fs::read_dir(shopfloor_tests::root().join("media"))
        .unwrap()
        .flatten()
    {
        let name = file.file_name().into_string().expect("a file's name is UTF-8");
        assert!(
            name == "README.md" || readme.contains(&format!("`{name}`")),
            "media/README.md does not list {name}"
        );
    }
}

#[test]
fn the_changelog_and_licences_are_there() {
    for file in ["CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(
            Path::new(&shopfloor_tests::root()).join(file).exists(),
            "{file} is missing"
        );
    }
}

#[test]
fn results_name_their_commit_and_their_machine() {
    let results = shopfloor_tests::root().join("bench/results");
    let mut folders = vec![results];
    let mut pages = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                pages += 1;
                let text = std::fs::read_to_string(&path).unwrap().to_lowercase();
                for facts in [&["commit"][..], &["linux", "debian"]] {
                    let named = facts.iter().any(|fact| text.contains(fact));
                    assert!(named, "{} names none of {facts:?}", path.display());
                }
            }
        }
    }
    assert!(pages > 0, "there are no results");
}
