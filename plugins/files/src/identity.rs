//! Which file a path leads to, and whether it is still the same one.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// A file, however it is named: the number of its device and of its inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl From<&Metadata> for FileId {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}
