//! The layers of ARCHITECTURE.md, checked against `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Each crate with the crates of this workspace that it may depend on.
const MAY_USE: [(&str, &[&str]); 14] = [
    ("vision", &[]),
    ("people", &["vision"]),
    ("draw", &["people", "vision"]),
    ("files", &[]),
    ("cuda", &[]),
    ("triton", &["cuda"]),
    ("triton-fake", &[]),
    ("inference", &["people", "triton", "vision"]),
    ("people-meta", &["people", "vision"]),
    (
        "gst-plugin-shopfloor",
        &[
            "draw",
            "files",
            "inference",
            "people",
            "people-meta",
            "triton",
            "vision",
        ],
    ),
    // Triton loads it at run time: no crate links it.
    ("onnxruntime-backend", &["cuda"]),
    ("shopfloor", &["files", "inference", "people", "people-meta", "triton"]),
    ("shopfloor-tests", &[]),
    // It measures what users get: the elements, the real servers beside a scripted one, and a transport without a server.
    (
        "shopfloor-bench",
        &["gst-plugin-shopfloor", "people", "people-meta", "triton", "triton-fake"],
    ),
];

/// The crates that link GStreamer.
const MAY_LINK_GSTREAMER: [&str; 4] = ["people-meta", "gst-plugin-shopfloor", "shopfloor", "shopfloor-bench"];

/// The crates whose tests run on a machine without GStreamer, too.
const TESTED_WITHOUT_GSTREAMER: [&str; 8] = [
    "vision",
    "people",
    "draw",
    "files",
    "cuda",
    "triton",
    "triton-fake",
    "inference",
];

/// Not in the domain, directly or through other crates: media, network, runtimes, the operating system.
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

    /// Every crate that is linked into the crate.
    fn linked(&self, of: &Package) -> BTreeSet<&str> {
        self.closure(of, &[DependencyKind::Normal])
    }

    /// Every crate that the crate's own tests and its build need.
    fn needed_by_tests(&self, of: &Package) -> BTreeSet<&str> {
        use DependencyKind::{Build, Development, Normal};
        self.closure(of, &[Normal, Build, Development])
    }

    /// The crates reached over dependencies of these kinds; development dependencies are followed from `of` only, as
    /// cargo does.
    fn closure(&self, of: &Package, kinds: &[DependencyKind]) -> BTreeSet<&str> {
        let nodes = &self.0.resolve.as_ref().unwrap().nodes;
        let mut seen = BTreeSet::new();
        let mut open = vec![&of.id];
        while let Some(id) = open.pop() {
            let node = nodes.iter().find(|node| node.id == *id).unwrap();
            for dependency in &node.deps {
                let follow = |kind: DependencyKind| {
                    kinds.contains(&kind) && (kind != DependencyKind::Development || *id == of.id)
                };
                let linked = dependency.dep_kinds.iter().any(|dependency| follow(dependency.kind));
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
        "MAY_USE has one entry per crate"
    );
    for (name, package) in &members {
        for dependency in direct(package).filter(|dependency| members.contains_key(dependency)) {
            assert!(
                table[name].contains(&dependency),
                "{name} depends on {dependency}, which MAY_USE does not list for it"
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
fn only_the_upper_crates_link_gstreamer() {
    let workspace = Workspace::read();
    for (name, package) in workspace.members() {
        let found = gstreamer(&workspace.linked(package));
        assert_eq!(
            !found.is_empty(),
            MAY_LINK_GSTREAMER.contains(&name),
            "{name} links {found:?}; expected to link GStreamer: {MAY_LINK_GSTREAMER:?}"
        );
    }
}

#[test]
fn the_lower_crates_are_tested_without_gstreamer() {
    let workspace = Workspace::read();
    let members = workspace.members();
    for name in TESTED_WITHOUT_GSTREAMER {
        let found = gstreamer(&workspace.needed_by_tests(members[name]));
        assert!(found.is_empty(), "the tests of {name} need {found:?}");
    }
}

/// The crates of GStreamer and GLib, the bindings' `-sys` crates included.
fn gstreamer<'a>(closure: &BTreeSet<&'a str>) -> Vec<&'a str> {
    let bindings = ["gstreamer", "glib", "gobject", "gio"];
    let is_binding = |name: &&str| bindings.iter().any(|binding| name.starts_with(binding));
    closure.iter().copied().filter(is_binding).collect()
}

#[test]
fn the_domain_is_pure() {
    let workspace = Workspace::read();
    let members = workspace.members();
    for name in ["vision", "people"] {
        let linked = workspace.linked(members[name]);
        let found: Vec<_> = NOT_IN_THE_DOMAIN
            .into_iter()
            .filter(|name| linked.contains(name))
            .collect();
        assert!(found.is_empty(), "{name} links {found:?}");
    }
}

#[test]
fn drawing_needs_the_domain_fonts_and_simd_only() {
    let workspace = Workspace::read();
    let uses: BTreeSet<_> = direct(workspace.members()["draw"]).collect();
    let unicode = ["unicode-bidi", "unicode-script", "unicode-segmentation"];
    let expected = ["ab_glyph", "fearless_simd", "harfrust", "people", "vision"];
    assert_eq!(uses, expected.into_iter().chain(unicode).collect());
}
