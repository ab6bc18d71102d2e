//! The protocol: generated code is up to date, and the client's definition agrees with the published one.
//!
//! The client is generated from `proto/inference.proto`, the fake server from Triton's own files in
//! `plugins/triton-fake/proto`. `UPDATE_EXPECT=1 cargo test -p triton --test triton generated` rewrites both.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use expect_test::expect_file;
use protox::Compiler;
use protox::prost_reflect::{DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use tonic_prost_build::Builder;

const SERVICE: &str = "inference.GRPCInferenceService";

fn client_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("proto")
}

fn published_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../triton-fake/proto")
}

fn compiler(folder: &Path, file: &str) -> Compiler {
    let mut compiler = Compiler::new([folder]).expect("a folder of protocol files");
    compiler.include_imports(true).include_source_info(true);
    compiler
        .open_file(file)
        .unwrap_or_else(|error| panic!("{file}: {error}"));
    compiler
}

fn client() -> DescriptorPool {
    compiler(&client_folder(), "inference.proto").descriptor_pool()
}

fn published() -> DescriptorPool {
    compiler(&published_folder(), "grpc_service.proto").descriptor_pool()
}

/// Checks that the file at `path` (from the crate's folder) is `opening` and what `generate` writes.
fn check(path: &str, opening: &str, generate: impl FnOnce(Builder) -> std::io::Result<()>) {
    let folder = tempfile::TempDir::new().expect("a temporary directory");
    let builder = tonic_prost_build::configure().build_transport(false).bytes(".");
    generate(builder.out_dir(folder.path())).expect("code for the protocol");
    let code = fs::read_to_string(folder.path().join("inference.rs")).expect("the package's file");
    expect_file![Path::new(env!("CARGO_MANIFEST_DIR")).join(path)].assert_eq(&format!("{opening}{code}"));
}

#[test]
fn client_code_is_up_to_date() {
    check(
        "src/grpc/inference.rs",
        "//! KServe v2 messages and calls, generated from plugins/triton/proto/inference.proto; do not edit.\n",
        |builder| {
            let protocol = compiler(&client_folder(), "inference.proto").file_descriptor_set();
            builder.build_server(false).compile_fds(protocol)
        },
    );
}

#[test]
fn fake_server_code_is_up_to_date() {
    check(
        "../triton-fake/src/inference.rs",
        "//! The calls of Triton's protocol that the client makes, generated from the published files in\n\
         //! plugins/triton-fake/proto (BSD-3-Clause, see LICENSE there); do not edit.\n",
        |builder| {
            let mut protocol = compiler(&published_folder(), "grpc_service.proto").file_descriptor_set();
            let calls: BTreeSet<_> = calls(&client()).map(|call| call.name().to_owned()).collect();
            let used = reachable(&published(), &calls);
            for file in &mut protocol.file {
                file.source_code_info = None; // comments are found by position, which changes here
                file.message_type.retain(|message| used.contains(message.name()));
                file.enum_type.retain(|kind| used.contains(kind.name()));
                for service in &mut file.service {
                    service.method.retain(|method| calls.contains(method.name()));
                }
            }
            builder
                .build_client(false)
                .generate_default_stubs(true)
                .compile_fds(protocol)
        },
    );
}

fn calls(pool: &DescriptorPool) -> impl Iterator<Item = protox::prost_reflect::MethodDescriptor> {
    let service = pool.get_service_by_name(SERVICE).expect(SERVICE);
    service.methods().collect::<Vec<_>>().into_iter()
}

/// The names of the top-level messages and enums that `calls` use, directly or not.
fn reachable(pool: &DescriptorPool, calls: &BTreeSet<String>) -> BTreeSet<String> {
    let (mut used, mut visited) = (BTreeSet::new(), BTreeSet::new());
    let mut messages: Vec<_> = self::calls(pool)
        .filter(|call| calls.contains(call.name()))
        .flat_map(|call| [call.input(), call.output()])
        .collect();
    while let Some(message) = messages.pop() {
        if !visited.insert(message.full_name().to_owned()) {
            continue;
        }
        match message.parent_message() {
            Some(parent) => messages.push(parent),
            None => drop(used.insert(message.name().to_owned())),
        }
        messages.extend(message.child_messages());
        for field in message.fields() {
            match field.kind() {
                Kind::Message(message) => messages.push(message),
                Kind::Enum(kind) => drop(used.insert(kind.name().to_owned())),
                _ => {}
            }
        }
    }
    used
}

/// Compares a protocol with the published one, call by call and field by field.
#[derive(Default)]
struct Comparison {
    compared: BTreeSet<String>,
    differences: Vec<String>,
}

impl Comparison {
    /// The differences of `ours` from `published`; additions in `published` are ignored.
    fn of(ours: &DescriptorPool, published: &DescriptorPool) -> Vec<String> {
        let mut comparison = Self::default();
        for call in calls(ours) {
            match calls(published).find(|other| other.name() == call.name()) {
                Some(other)
                    if call.is_client_streaming() == other.is_client_streaming()
                        && call.is_server_streaming() == other.is_server_streaming() =>
                {
                    comparison.message(&call.input(), &other.input());
                    comparison.message(&call.output(), &other.output());
                }
                Some(_) => comparison.differ(call.full_name(), "streams differently"),
                None => comparison.differ(call.full_name(), "is not a published call"),
            }
        }
        for message in ours.all_messages() {
            if !comparison.compared.contains(message.full_name()) {
                comparison.differ(message.full_name(), "is used by no call");
            }
        }
        comparison.differences
    }

    fn differ(&mut self, name: &str, how: &str) {
        self.differences.push(format!("{name} {how}"));
    }

    fn message(&mut self, ours: &MessageDescriptor, published: &MessageDescriptor) {
        if !self.compared.insert(ours.full_name().to_owned()) {
            return;
        }
        for field in ours.fields() {
            match published.get_field_by_name(field.name()) {
                Some(other) => self.field(&field, &other),
                None => self.differ(field.full_name(), "is not a published field"),
            }
        }
    }

    fn field(&mut self, ours: &FieldDescriptor, published: &FieldDescriptor) {
        if ours.number() != published.number() {
            let numbers = format!("has number {}, published is {}", ours.number(), published.number());
            self.differ(ours.full_name(), &numbers);
        }
        if ours.cardinality() != published.cardinality()
            || ours.is_packed() != published.is_packed()
            || ours.is_map() != published.is_map()
        {
            self.differ(ours.full_name(), "is repeated differently");
        }
        match (ours.kind(), published.kind()) {
            (Kind::Message(ours), Kind::Message(published)) => self.message(&ours, &published),
            (Kind::Enum(ours), Kind::Enum(published)) => self.values(&ours, &published),
            (one, other) if one == other => {}
            (one, other) => {
                let kinds = format!("is {one:?}, published is {other:?}");
                self.differ(ours.full_name(), &kinds);
            }
        }
    }

    fn values(&mut self, ours: &EnumDescriptor, published: &EnumDescriptor) {
        for value in ours.values() {
            let other = published.get_value_by_name(value.name());
            if other.is_none_or(|other| other.number() != value.number()) {
                self.differ(value.full_name(), "is not a published value");
            }
        }
    }
}

#[test]
fn client_definition_agrees_with_the_published_one() {
    assert_eq!(Comparison::of(&client(), &published()), [""; 0]);
}

#[test]
fn comparison_finds_wrong_numbers_types_and_names() {
    let definition = fs::read_to_string(client_folder().join("inference.proto")).expect("the client's definition");
    for (right, wrong, difference) in [
        (
            "int32 max_batch_size = 4;",
            "int32 max_batch_size = 3;",
            "inference.ModelConfig.max_batch_size has number 3, published is 4",
        ),
        (
            "repeated bytes raw_input_contents = 7;",
            "repeated string raw_input_contents = 7;",
            "inference.ModelInferRequest.raw_input_contents is string, published is bytes",
        ),
        (
            "repeated string versions = 2;",
            "string versions = 2;",
            "inference.ModelMetadataResponse.versions is repeated differently",
        ),
        (
            "bool decoupled = 1;",
            "bool decoupling = 1;",
            "inference.ModelTransactionPolicy.decoupling is not a published field",
        ),
        (
            "FORMAT_NHWC = 1;",
            "FORMAT_NHWC = 5;",
            "inference.ModelInput.FORMAT_NHWC is not a published value",
        ),
        (
            "rpc ModelReady(",
            "rpc ModelAlive(",
            "inference.GRPCInferenceService.ModelAlive is not a published call",
        ),
    ] {
        let folder = tempfile::TempDir::new().expect("a temporary directory");
        assert_eq!(definition.matches(right).count(), 1, "'{right}' in inference.proto");
        fs::write(folder.path().join("inference.proto"), definition.replace(right, wrong)).expect("a file");
        let changed = compiler(folder.path(), "inference.proto").descriptor_pool();
        let differences = Comparison::of(&changed, &published());
        assert_eq!(differences.first().map(String::as_str), Some(difference));
    }
}
