//! `events-location`: a file of the events at the stations, a line of JSON each; `docs/activity.schema.json` has its
//! format.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use people::event::LogLine;

/// A log that is being written.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Creates the file; like filesink, it overwrites an existing one.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn create(location: &str) -> Result<Self, gst::ErrorMessage> {
        let path = PathBuf::from(location);
        let file = File::create(&path).map_err(|error| {
            gst::error_msg!(
                gst::ResourceError::OpenWrite,
                ("cannot write the events to {location}: {error}; set events-location= to a file in a folder that exists and may be written to")
            )
        })?;
        Ok(Self { path, file })
    }

    /// Each event is in the file when this returns, so readers that follow the file are up to date.
    ///
    /// # Errors
    /// A file that cannot be written, for example on a full disk.
    pub fn write(&mut self, lines: &[LogLine]) -> Result<(), gst::ErrorMessage> {
        let mut write = |line: &LogLine| self.file.write_all((line.to_json() + "\n").as_bytes());
        lines.iter().try_for_each(&mut write).map_err(|error| {
            gst::error_msg!(
                gst::ResourceError::Write,
                (
                    "cannot write the events to {}: {error}; make room, or set events-location= to a file elsewhere",
                    self.path.display()
                )
            )
        })
    }
}
