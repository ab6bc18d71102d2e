//! Files on the disks of a shop floor: they are rotated, replaced, full, or on a server that does not respond.
//!
//! - [`log::LineLog`]: a log of whole lines that never blocks its writer
//! - [`replace::replace`]: a file's new content, or its old one, never a part of either
//! - [`watch::Watched`]: a file that is read again when it changes, on a thread of its own
//! - [`folder::Folder`]: the files of a folder, which come, change and go
//! - [`text::decode`]: text as editors save it

#![forbid(unsafe_code)]

pub mod folder;
mod identity;
pub mod log;
#[cfg(test)]
mod mounts;
mod read;
pub mod replace;
mod stamp;
pub mod text;
pub mod watch;
