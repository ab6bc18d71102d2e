//! Atomic replacement: a reader, or the next start after a power cut, finds the old content or the new one, never a part.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::Access;
use rustix::io::Errno;
use tempfile::{Builder, NamedTempFile};

/// Links that are followed, as in Linux.
const MOST_LINKS: usize = 40;

/// Why a file was not replaced. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// A pipe, a device, a folder.
    #[error("{} is not a regular file", .0.display())]
    NotRegular(PathBuf),
    /// The file may not be written.
    #[error("{} may not be written by this user", .0.display())]
    ReadOnly(PathBuf),
    /// The file is a mount of its own, as of a container, and so cannot be replaced.
    #[error("{} is a mount of its own; mount its folder instead", .0.display())]
    Mount(PathBuf),
    /// The new file could not have the owner of the old one.
    #[error("{} belongs to another user, who would not be its owner any more: {error}", .path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// No file can be made beside the old one.
    #[error("cannot make a file in the folder {}: {error}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// Anything else, such as a full disk.
    #[error("{}: {error}", .path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

/// Replaces the content of `path`, or creates it. The target of a link is replaced, not the link. Mode and owner stay.
///
/// # Errors
/// The file is as it was.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), ReplaceError> {
    let failed = |error| ReplaceError::Failed {
        path: path.to_owned(),
        error,
    };
    let target = target(path).map_err(failed)?;
    let old = match fs::metadata(&target) {
        Ok(old) if !old.is_file() => return Err(ReplaceError::NotRegular(target)),
        Ok(old) => Some(old),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    if old.is_some()
        && let Err(error) = rustix::fs::access(&target, Access::WRITE_OK)
    {
        return Err(match error {
            Errno::ROFS => failed(error.into()),
            _ => ReplaceError::ReadOnly(target),
        });
    }
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut new = beside(folder, old.as_ref().map(MetadataExt::mode)).map_err(|error| ReplaceError::Folder {
        folder: folder.to_owned(),
        error,
    })?;
    if let Some(old) = &old {
        keep_owner(&new, old).map_err(|error| ReplaceError::Owner {
            path: target.clone(),
            error,
        })?;
    }
    let written = new.write_all(content).and_then(|()| new.as_file().sync_all());
    written.map_err(failed)?;
    // Dropped after an error, the new file is removed.
    new.persist(&target).map_err(|failed| match failed.error {
        error if error.kind() == ErrorKind::ResourceBusy => ReplaceError::Mount(target.clone()),
        error => ReplaceError::Failed {
            path: target.clone(),
            error,
        },
    })?;
    // The name is safe only with its folder; where that cannot be synced, the file is replaced all the same.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// The file that the path leads to, which need not exist.
fn target(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&target) {
            Ok(next) => target = target.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => return Ok(target),
        }
    }
    Err(Errno::LOOP.into())
}

/// A new file in the folder, with the permissions of `mode`, or those of any new file.
fn beside(folder: &Path, mode: Option<u32>) -> io::Result<NamedTempFile> {
    let permissions = Permissions::from_mode(mode.unwrap_or(0o666) & 0o7777);
    let new = Builder::new()
        .prefix(".")
        .suffix(".new")
        // less the process's umask
        .permissions(permissions.clone())
        .tempfile_in(folder)?;
    if mode.is_some() {
        new.as_file().set_permissions(permissions)?;
    }
    Ok(new)
}

/// Gives the new file the owner and the group of the old one, where they differ. A change of them clears set-user-ID.
fn keep_owner(new: &NamedTempFile, old: &fs::Metadata) -> io::Result<()> {
    let own = new.as_file().metadata()?;
    if (own.uid(), own.gid()) != (old.uid(), old.gid()) {
        fchown(new.as_file(), Some(old.uid()), Some(old.gid()))?;
        new.as_file().set_permissions(old.permissions())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use rustix::fs::Mode;
    use tempfile::TempDir;

    use super::*;
    use crate::mounts;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    /// The names in the folder: no new file is left behind.
    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_target_of_links_is_replaced_with_its_mode() {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("real")).unwrap();
        fs::write(at("real/file"), "old").unwrap();
        fs::set_permissions(at("real/file"), Permissions::from_mode(0o640)).unwrap();
        symlink("real/file", at("second")).unwrap();
        symlink(at("second"), at("first")).unwrap();
        replace(&at("first"), b"new").unwrap();
        assert_eq!(fs::read_to_string(at("real/file")).unwrap(), "new");
        assert_eq!(mode(&at("real/file")), 0o640);
        assert_eq!(fs::read_link(at("first")).unwrap(), at("second"));
        assert_eq!(names(&at("real")), ["file"]);
        // a link to a file that does not exist yet
        symlink("real/other", at("dangling")).unwrap();
        replace(&at("dangling"), b"new").unwrap();
        assert_eq!(names(&at("real")), ["file", "other"]);
        // without a folder in the path, from another program, whose current folder it is
        symlink("loop", at("loop")).unwrap();
        assert!(matches!(replace(&at("loop"), b"new"), Err(ReplaceError::Failed { .. })));
    }

    #[test]
    fn the_owner_is_kept_where_root_replaces() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o2664)).unwrap();
        std::os::unix::fs::chown(&path, Some(1234), Some(2345)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o2664)).unwrap();
        replace(&path, b"new").unwrap();
        let new = fs::metadata(&path).unwrap();
        assert_eq!((new.uid(), new.gid(), mode(&path)), (1234, 2345, 0o2664));
    }

    #[test]
    fn what_cannot_be_replaced_is_named_and_untouched() {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), Mode::RUSR | Mode::WUSR).unwrap();
        for (path, is_expected) in [
            (
                at("pipe"),
                (|error| matches!(error, ReplaceError::NotRegular(_))) as fn(&ReplaceError) -> bool,
            ),
            ("/dev/full".into(), |error| matches!(error, ReplaceError::NotRegular(_))),
            (folder.path().into(), |error| {
                matches!(error, ReplaceError::NotRegular(_))
            }),
            (at("no/folder"), |error| matches!(error, ReplaceError::Folder { .. })),
        ] {
            let error = replace(&path, b"new").unwrap_err();
            assert!(is_expected(&error), "{}: {error}", path.display());
        }
        assert_eq!(names(folder.path()), ["pipe"]);
    }

    /// A quota: the new file cannot be written as a whole. In a process of its own, since the limit is the process's.
    #[test]
    fn without_room_the_old_file_stays() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        let program = std::env::current_exe().unwrap();
        let script = format!(
            "ulimit -f 1 && trap '' XFSZ && exec {} --exact --ignored replace::tests::process_with_a_quota",
            program.display()
        );
        let mut shell = Command::new("bash");
        let output = shell.args(["-c", &script]).env("FILE", &path).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    #[ignore = "run by without_room_the_old_file_stays"]
    fn process_with_a_quota() {
        let Some(path) = std::env::var_os("FILE") else {
            return;
        };
        let error = replace(Path::new(&path), &[b'x'; 2000]).unwrap_err();
        assert!(matches!(error, ReplaceError::Failed { .. }), "{error}");
    }

    /// A file that is a mount, as a container's; a disk that is full, or was mounted anew as read-only.
    #[test]
    fn what_disks_refuse_is_named_and_untouched() {
        let folder = TempDir::new().unwrap();
        mounts::run_in_namespace("replace::tests::process_with_disks", folder.path());
    }

    #[test]
    #[ignore = "run by what_disks_refuse_is_named_and_untouched"]
    fn process_with_disks() {
        let Some(folder) = mounts::folder() else {
            return;
        };
        let at = |name: &str| folder.join(name);
        for name in ["source", "mount"] {
            fs::write(at(name), "old").unwrap();
        }
        mounts::bind(&at("source"), &at("mount"));
        let error = replace(&at("mount"), b"new").unwrap_err();
        assert!(matches!(error, ReplaceError::Mount(_)), "{error}");
        assert_eq!(fs::read_to_string(at("mount")).unwrap(), "old");
        assert_eq!(names(&folder), ["mount", "source"]);

        mounts::disk(&at("disk"), 64);
        let file = at("disk/file");
        let has = |content: &str| {
            assert_eq!(fs::read_to_string(&file).unwrap(), content);
            assert_eq!(names(&at("disk")).iter().filter(|name| *name != "filler").count(), 1);
        };
        replace(&file, b"old").unwrap();
        let filler = mounts::fill(&at("disk"));
        let error = replace(&file, &[b'x'; 8000]).unwrap_err();
        assert!(error.to_string().contains("No space left"), "{error}");
        has("old");
        fs::remove_file(filler).unwrap();
        replace(&file, b"new").unwrap();
        has("new");

        mounts::remount(&at("disk"), "ro");
        let error = replace(&file, b"newer").unwrap_err();
        assert!(error.to_string().contains("Read-only file system"), "{error}");
        has("new");
        mounts::remount(&at("disk"), "rw");
        replace(&file, b"newer").unwrap();
        has("newer");
    }
}
