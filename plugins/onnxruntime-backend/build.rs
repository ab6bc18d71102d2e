//! Link settings of `libtriton_onnxruntime.so`.

fn main() {
    // Triton closes a backend's library with its server, but ONNX Runtime keeps pointers into ours
    // (the log function) and its environment exists once per process: the library must stay mapped.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo:rerun-if-changed=build.rs");
}
