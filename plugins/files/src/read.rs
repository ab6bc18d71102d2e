//! Reads a whole file, or what is written into a pipe, with limits of size and time.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

/// Largest content, in bytes. Files of settings are a thousandth of it; `/dev/zero` has no end.
const LARGEST: u64 = 64 << 20;
/// How long one wait for a pipe lasts, after which it is looked whether to go on.
const SLICE: Duration = Duration::from_millis(50);

/// Reads `path`. A pipe that has no writer, or whose writer writes nothing, is waited for until `limit` has passed, or
/// `is_wanted` is false; then the error is [`ErrorKind::TimedOut`].
///
/// # Errors
/// What cannot be read, is too large, or does not come in time.
pub fn read(path: &Path, limit: Duration, is_wanted: impl Fn() -> bool) -> io::Result<Vec<u8>> {
    let mut file = File::options()
        .read(true)
        // A pipe without a writer is opened at once.
        .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32)
        .open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    let mut content = Vec::new();
    if metadata.is_file() {
        file.take(LARGEST + 1).read_to_end(&mut content)?;
        return within_limit(content);
    }
    let mut buffer = [0; 4096];
    let mut waits_since = Instant::now();
    loop {
        if !wait_readable(&file)? {
            if waits_since.elapsed() >= limit || !is_wanted() {
                let seconds = limit.as_secs();
                let text = format!("nothing was written into it for {seconds} s");
                return Err(io::Error::new(ErrorKind::TimedOut, text));
            }
            continue;
        }
        match file.read(&mut buffer) {
            Ok(0) => return Ok(content),
            Ok(count) => {
                content.extend_from_slice(&buffer[..count]);
                content = within_limit(content)?;
                waits_since = Instant::now();
            }
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            Err(error) => return Err(error),
        }
    }
}

fn within_limit(content: Vec<u8>) -> io::Result<Vec<u8>> {
    if content.len() as u64 <= LARGEST {
        return Ok(content);
    }
    let text = format!("it has more than {} MiB", LARGEST >> 20);
    Err(io::Error::new(ErrorKind::FileTooLarge, text))
}

/// Whether a read would return, within [`SLICE`]. A pipe that has had no writer yet is not at its end.
fn wait_readable(file: &File) -> io::Result<bool> {
    let mut descriptors = [PollFd::new(file, PollFlags::IN)];
    let slice = Timespec::try_from(SLICE).map_err(io::Error::other)?;
    match poll(&mut descriptors, Some(&slice)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
