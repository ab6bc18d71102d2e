//! How many programs the integration tests link: each one costs seconds of linking and space on disk.

use std::collections::BTreeMap;

use cargo_metadata::{MetadataCommand, TargetKind};

/// About one a crate: a further test is a module of its crate's program.
const MOST: usize = 15;

#[test]
fn integration_tests_are_few_programs() {
    let metadata = MetadataCommand::new()
        .manifest_path(shopfloor_tests::root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap();
    let mut programs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in metadata.workspace_packages() {
        let tests = package.targets.iter().filter(|target| target.is_kind(TargetKind::Test));
        programs
            .entry(&package.name)
            .or_default()
            .extend(tests.map(|target| &*target.name));
    }
    let count = programs.values().map(Vec::len).sum::<usize>();
    assert!(
        count <= MOST,
        "{count} integration test programs, expected at most {MOST}; make them modules of one program a crate: \
         {programs:#?}"
    );
}
