//! Checks of the repository itself: layers, files, documents, scripts, an installation, and the fuzzers' corpus.

mod deploy;
mod documents;
mod files;
mod fuzz;
mod gpu_configs;
mod import_cycles;
mod install;
mod layers;
mod programs;
mod scripts;
