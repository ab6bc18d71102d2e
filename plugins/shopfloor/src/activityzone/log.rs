//! `events-location`: a log of the events at the stations, a line of JSON each; `docs/activity.schema.json` has its
//! format. How it survives what happens to files is in `files::log`.

use std::sync::Arc;

use files::log::{LineLog, Notice, Options};
use gst::glib;
use gst::prelude::*;
use people::event::LogLine;

/// A log that is being written.
pub struct Log {
    lines: LineLog,
    options: Options,
}

impl Log {
    /// Opens the log; what happens to it later is posted as warnings of `element`. With `append`, what the file has is kept.
    ///
    /// # Errors
    /// A path that is a mistake.
    pub fn open(location: &str, append: bool, element: &super::ActivityZone) -> Result<Self, gst::ErrorMessage> {
        let options = Options {
            path: location.into(),
            content: "the events",
            truncate: !append,
        };
        let element: glib::WeakRef<_> = element.downgrade();
        let notify = Arc::new(move |options: &Options, notice: Notice| {
            if let Some(element) = element.upgrade() {
                post(&element, options, &notice);
            }
        });
        let lines = LineLog::open(options.clone(), notify).map_err(|error| {
            gst::error_msg!(
                gst::ResourceError::OpenWrite,
                ("{error}; set events-location= to a file in a folder that exists and may be written to")
            )
        })?;
        Ok(Self { lines, options })
    }

    /// Queues the line; a thread of the log's own writes it.
    pub fn write(&self, line: &LogLine) {
        self.lines.write(&line.to_json());
    }

    /// Waits until the file has each event, for a second at most.
    pub fn flush(&self) {
        self.lines.flush(LineLog::CLOSE_WAIT);
    }

    /// Writes what is queued, for a second at most; what could not be written is posted.
    pub fn close(self, element: &super::ActivityZone) {
        let lines = self.lines.close();
        if lines > 0 {
            post(element, &self.options, &Notice::Lost { lines });
        }
    }
}

fn post(element: &super::ActivityZone, options: &Options, notice: &Notice) {
    let text = notice.describe(options);
    if notice.is_good() {
        // gst-launch-1.0 prints only the second text of an INFO
        gst::element_info!(element, gst::ResourceError::Write, ("{text}"), ["{text}"]);
    } else {
        gst::element_warning!(element, gst::ResourceError::Write, ("{text}"));
    }
}
