//! The layers of ARCHITECTURE.md, read from cargo's own metadata.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Each crate with the crates of this workspace that it may be built on.
const MAY_USE: [(&str, &[&str]); 11] = [
    ("vision", &[]),
    ("people", &["vision"]),
    ("draw", &["people", "vision"]),
    ("triton", &[]),
    ("triton-fake", &[]),
    ("inference", &["people", "triton", "vision"]),
    ("people-meta", &["people", "vision"]),
    (
        "gst-plugin-shopfloor",
        &["draw", "inference", "people", "people-meta", "triton", "vision"],
    ),
    // Loaded by Triton and found by GStreamer: nobody links these two.
    ("onnxruntime-backend", &[]),
    ("shopfloor", &["people", "people-meta", "triton"]),
    ("shopfloor-tests", &[]),
];

/// The crates that know GStreamer.
const MAY_KNOW_GSTREAMER: [&str; 3] = ["people-meta", "gst-plugin-shopfloor", "shopfloor"];

/// What the domain does without, directly and through others: media, network, threads of its own, the system.
const NOT_IN_THE_DOMAIN: [&str; 10] = [
    "glib",
    "gstreamer",
    "libc",
    "libloading",
    "mio",
    "nix",
    "prost",
    "rustix",
    "tokio",
    "tonic",
];

struct Workspace(Metadata);

impl Workspace {
    fn read() -> Self {
        let manifest = shopfloor_tests::root().join("Cargo.toml");
        let locked = ["--locked".to_owned(), "--all-features".to_owned()];
        Self(
            MetadataCommand::new()
                .manifest_path(manifest)
                .other_options(locked)
                .exec()
                .unwrap(),
        )
    }

    fn members(&self) -> BTreeMap<&str, &Package> {
        self.0
            .workspace_packages()
            .into_iter()
            .map(|package| (package.name.as_str(), package))
            .collect()
    }

    /// Everything that is linked into the crate.
    fn closure(&self, of: &Package) -> BTreeSet<&str> {
        let nodes = &self.0.resolve.as_ref().unwrap().nodes;
        let mut seen = BTreeSet::new();
        let mut open = vec![&of.id];
        while let Some(id) = open.pop() {
            let node = nodes.iter().find(|node| node.id == *id).unwrap();
            for dependency in &node.deps {
                let linked = dependency
                    .dep_kinds
                    .iter()
                    .any(|kind| kind.kind == DependencyKind::Normal);
                if linked && seen.insert(&dependency.pkg) {
                    open.push(&dependency.pkg);
                }
            }
        }
        seen.into_iter().map(|id| self.0[id].name.as_str()).collect()
    }
}

fn direct(package: &Package) -> impl Iterator<Item = &str> {
    let normal = package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == DependencyKind::Normal);
    normal.map(|dependency| dependency.name.as_str())
}

#[test]
fn crates_build_on_lower_layers_only() {
    let workspace = Workspace::read();
    let members = workspace.members();
    let table: BTreeMap<_, _> = MAY_USE.into_iter().collect();
    assert_eq!(
        members.keys().collect::<Vec<_>>(),
        table.keys().collect::<Vec<_>>(),
        "MAY_USE has a row a crate"
    );
    for (name, package) in &members {
        for dependency in direct(package).filter(|dependency| members.contains_key(dependency)) {
            assert!(
                table[name].contains(&dependency),
                "{name} uses {dependency}, against the layers in MAY_USE"
            );
        }
    }
}

#[test]
fn no_crate_links_the_backend() {
    for (name, package) in Workspace::read().members() {
        let linked = package
            .dependencies
            .iter()
            .any(|dependency| dependency.name == "onnxruntime-backend");
        assert!(
            !linked,
            "{name} depends on onnxruntime-backend, which only Triton loads"
        );
    }
}

#[test]
fn only_the_upper_crates_know_gstreamer() {
    let workspace = Workspace::read();
    for (name, package) in workspace.members() {
        let closure = workspace.closure(package);
        let knows = closure.iter().any(|name| name.starts_with("gstreamer"));
        assert_eq!(knows, MAY_KNOW_GSTREAMER.contains(&name), "{name}: links GStreamer?");
    }
}

#[test]
fn the_domain_is_pure() {
    let workspace = Workspace::read();
    let closure = workspace.closure(workspace.members()["people"]);
    let found: Vec<_> = NOT_IN_THE_DOMAIN
        .into_iter()
        .filter(|name| closure.contains(name))
        .collect();
    assert!(found.is_empty(), "people is built on {found:?}");
}

#[test]
fn drawing_needs_the_domain_and_a_font_only() {
    let workspace = Workspace::read();
    let uses: BTreeSet<_> = direct(workspace.members()["draw"]).collect();
    assert_eq!(uses, BTreeSet::from(["ab_glyph", "people", "vision"]));
}
