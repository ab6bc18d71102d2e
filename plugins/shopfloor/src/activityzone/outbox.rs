//! What is to be posted and logged, in order, each line numbered and with its origin.

use std::collections::VecDeque;
use std::sync::Arc;

use people::event::{ClockRecord, LogLine, LogRecord, Origin};
use people::facts::{Fact, Stated};

/// The lines that are to be published.
#[derive(Debug, Default)]
pub struct Outbox {
    lines: VecDeque<LogLine>,
    run: Arc<str>,
    stream_id: Option<Arc<str>>,
    /// The number of the next line.
    sequence: u64,
}

impl Outbox {
    /// An empty outbox of the run with an id.
    pub fn new(run: Arc<str>) -> Self {
        Self { run, ..Self::default() }
    }

    /// GStreamer's id of the stream so far.
    pub fn stream_id(&self) -> Option<&str> {
        self.stream_id.as_deref()
    }

    /// Sets the id of the stream that begins.
    pub fn set_stream_id(&mut self, stream_id: Arc<str>) {
        self.stream_id = Some(stream_id);
    }

    /// Adds what is to be stated.
    pub fn put(&mut self, stated: Vec<Stated>) {
        for (fact, utc) in stated {
            let origin = Origin {
                utc,
                stream_id: self.stream_id.clone(),
                run: Some(self.run.clone()),
                sequence: Some(self.sequence),
            };
            self.sequence += 1;
            let stream = None;
            self.lines.push_back(match fact {
                Fact::Event(event) => LogLine::Event(LogRecord { event, stream, origin }),
                Fact::Clock(step) => LogLine::Clock(ClockRecord { step, stream, origin }),
            });
        }
    }

    /// Takes the first line out.
    pub fn next(&mut self) -> Option<LogLine> {
        self.lines.pop_front()
    }
}
