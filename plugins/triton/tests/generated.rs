//! The committed protocol code is what `proto/inference.proto` generates today, here and in `triton-fake`.
//!
//! `UPDATE_EXPECT=1 cargo test -p triton --test generated` rewrites it.

use std::fs;
use std::path::Path;

use expect_test::expect_file;
use tonic_prost_build::Builder;

/// What a file of ours opens with, before what is generated.
const OPENING: &str =
    "//! KServe v2 messages and calls, generated from plugins/triton/proto/inference.proto; not to be edited.\n";

fn generate(settings: impl FnOnce(Builder) -> Builder) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let descriptors = protox::compile(["inference.proto"], [folder]).expect("a valid protocol");
    let generated = tempfile::TempDir::new().expect("a temporary directory");
    let builder = tonic_prost_build::configure().build_transport(false).bytes(".");
    settings(builder)
        .out_dir(generated.path())
        .compile_fds(descriptors)
        .expect("code for the protocol");
    let code = fs::read_to_string(generated.path().join("inference.rs")).expect("the package's file");
    format!("{OPENING}{code}")
}

#[test]
fn the_client_s_code_is_up_to_date() {
    let code = generate(|builder| builder.build_server(false));
    expect_file!["../src/grpc/inference.rs"].assert_eq(&code);
}

#[test]
fn the_fake_server_s_code_is_up_to_date() {
    let code = generate(|builder| builder.build_client(false));
    expect_file!["../../triton-fake/src/inference.rs"].assert_eq(&code);
}
