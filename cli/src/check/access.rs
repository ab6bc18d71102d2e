//! Whether files can be read and written, asked of the system without opening or creating any.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, accessat, statvfs};
use rustix::io::Errno;

use super::finding::Finding;
use super::within;

/// A file that a tenant reads or writes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    path: PathBuf,
    /// What it holds, for people.
    content: String,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum How {
    Read,
    /// The file, which may not exist yet.
    Write,
    /// Files of any names in the folder.
    WriteInto,
}

impl Access {
    pub fn read(path: &Path, content: &str) -> Self {
        Self::new(path, content, How::Read)
    }

    pub fn write(path: &Path, content: &str) -> Self {
        Self::new(path, content, How::Write)
    }

    pub fn write_into(folder: &Path, content: &str) -> Self {
        Self::new(folder, content, How::WriteInto)
    }

    fn new(path: &Path, content: &str, how: How) -> Self {
        Self {
            path: path.to_owned(),
            content: content.to_owned(),
            how,
        }
    }

    /// What was found.
    pub fn check(&self, subject: &str) -> Finding {
        let (path, content) = (self.path.display(), &self.content);
        let outcome = match self.how {
            How::Read => readable(&self.path),
            How::Write => writable(&self.path),
            How::WriteInto => writable_folder(&self.path),
        };
        match (self.how, outcome) {
            (How::Read, Ok(())) => Finding::ok(subject, format!("{path} ({content}) can be read")),
            (_, Ok(())) => Finding::ok(subject, format!("{path} ({content}) can be written")),
            (how, Err((why, remedy))) => {
                let verb = if how == How::Read { "read" } else { "written" };
                Finding::failed(subject, format!("{path} ({content}) cannot be {verb}: {why}"), remedy)
            }
        }
    }
}

/// Checks files, each a single time for each tenant; a disk that does not respond is reported.
pub fn check(files: Vec<(&str, Access)>, limit: Duration) -> Vec<Finding> {
    let started = files.into_iter().map(|(subject, access)| {
        let work = {
            let (subject, access) = (subject.to_owned(), access.clone());
            move || access.check(&subject)
        };
        (subject, access, within::start(work))
    });
    let started: Vec<_> = started.collect();
    let found = started.into_iter().map(|(subject, access, result)| {
        result.recv_timeout(limit).unwrap_or_else(|_| {
            let text = format!("{}: {}", access.path.display(), within::SLOW_DISK);
            Finding::failed(subject, text, "look after the disk or the network it is on")
        })
    });
    found.collect()
}

/// Why it is not possible, and the remedy.
type Refusal = (String, String);

fn may(path: &Path, access: rustix::fs::Access) -> Result<(), Errno> {
    // By the effective user, as open does.
    accessat(CWD, path, access, AtFlags::EACCESS)
}

fn readable(path: &Path) -> Result<(), Refusal> {
    may(path, rustix::fs::Access::READ_OK)
        .map_err(|error| refusal(error, "correct the path, or put the file there", "read"))?;
    match path.is_dir() {
        true => Err(("it is a folder".to_owned(), "name a file in it".to_owned())),
        false => Ok(()),
    }
}

fn writable(path: &Path) -> Result<(), Refusal> {
    match may(path, rustix::fs::Access::EXISTS) {
        Ok(()) if path.is_dir() => Err(("it is a folder".to_owned(), "name a file in it".to_owned())),
        Ok(()) => {
            may(path, rustix::fs::Access::WRITE_OK).map_err(|error| refusal(error, "correct the path", "write"))?;
            has_room(path)
        }
        // It will be created.
        Err(Errno::NOENT) => match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => writable_folder(folder),
            _ => writable_folder(Path::new(".")),
        },
        Err(error) => Err(refusal(error, "correct the path", "write")),
    }
}

fn writable_folder(folder: &Path) -> Result<(), Refusal> {
    let needed = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    let missing = format!("create the folder {}, or correct the path", folder.display());
    may(folder, needed).map_err(|error| refusal(error, &missing, "write"))?;
    match folder.is_dir() {
        true => has_room(folder),
        false => Err((
            format!("{} is not a folder", folder.display()),
            "correct the path".to_owned(),
        )),
    }
}

/// Devices and pipes have no size; on file systems without blocks the question makes no sense.
fn has_room(path: &Path) -> Result<(), Refusal> {
    match statvfs(path) {
        Ok(disk) if disk.f_blocks > 0 && disk.f_bavail == 0 && !is_device(path) => Err((
            "the disk is full".to_owned(),
            "free space on it, or name a file on another disk".to_owned(),
        )),
        _ => Ok(()),
    }
}

fn is_device(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| !file.is_file() && !file.is_dir())
}

fn refusal(error: Errno, missing: &str, verb: &str) -> Refusal {
    let remedy = match error {
        Errno::NOENT | Errno::NOTDIR => missing.to_owned(),
        Errno::ACCESS | Errno::PERM => format!("give this user the permission to {verb}, or name another path"),
        Errno::ROFS => "the disk is mounted read-only: name a path on another one, or mount it for writing".to_owned(),
        _ => "correct the path".to_owned(),
    };
    let text = std::io::Error::from(error).to_string();
    // Without the number that the library adds.
    let text = text.split(" (os error").next().unwrap_or_default();
    (text.to_owned(), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::finding::Verdict;

    #[test]
    fn files_can_be_read_and_written_or_the_reason_is_named() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("there"), "x").unwrap();
        for (what, access, expected) in [
            ("a file", Access::read(&path("there"), "x"), Ok(())),
            (
                "no file",
                Access::read(&path("nowhere"), "x"),
                Err(("No such file", "correct the path")),
            ),
            (
                "a folder",
                Access::read(folder.path(), "x"),
                Err(("it is a folder", "name a file")),
            ),
            ("a file to append to", Access::write(&path("there"), "x"), Ok(())),
            ("a file to create", Access::write(&path("new"), "x"), Ok(())),
            ("here", Access::write(Path::new("new"), "x"), Ok(())),
            ("a device", Access::write(Path::new("/dev/null"), "x"), Ok(())),
            ("a full device", Access::write(Path::new("/dev/full"), "x"), Ok(())),
            (
                "no folder",
                Access::write(&path("no/new"), "x"),
                Err(("No such file", "create the folder")),
            ),
            (
                "a file as folder",
                Access::write(&path("there/new"), "x"),
                Err(("Not a directory", "correct")),
            ),
            (
                "a folder to write",
                Access::write(folder.path(), "x"),
                Err(("it is a folder", "name a file")),
            ),
            ("into a folder", Access::write_into(folder.path(), "x"), Ok(())),
        ] {
            let finding = access.check("hall");
            match expected {
                Ok(()) => assert_eq!(finding.verdict, Verdict::Ok, "{what}: {finding}"),
                Err((why, remedy)) => {
                    assert_eq!(finding.verdict, Verdict::Failed, "{what}");
                    let found = finding.remedy.unwrap();
                    assert!(
                        finding.text.contains(why) && found.contains(remedy),
                        "{what}: {} {found}",
                        finding.text
                    );
                }
            }
        }
        assert!(!path("new").exists(), "nothing is created");
    }

    #[test]
    fn refusals_have_remedies() {
        for (error, part) in [
            (Errno::ACCESS, "permission to write"),
            (Errno::PERM, "permission to write"),
            (Errno::ROFS, "read-only"),
            (Errno::NOENT, "create it"),
            (Errno::LOOP, "correct the path"),
        ] {
            let (text, remedy) = refusal(error, "create it", "write");
            assert!(remedy.contains(part) && !text.contains("os error"), "{text}: {remedy}");
        }
    }
}
