//! The lines that are posted and logged: each has its number and its origin.

use std::sync::Arc;

use people::event::{ClockRecord, LogLine, LogRecord, Origin};
use people::facts::{Fact, Stated};

/// The numbers of a run's lines.
#[derive(Debug, Default)]
pub struct Numbering {
    run: Arc<str>,
    stream_id: Option<Arc<str>>,
    /// The number of the next line.
    sequence: u64,
}

impl Numbering {
    /// Before the first line of the run with an id.
    pub fn new(run: Arc<str>) -> Self {
        Self { run, ..Self::default() }
    }

    /// Sets the id of the stream that begins.
    pub fn set_stream_id(&mut self, stream_id: Arc<str>) {
        self.stream_id = Some(stream_id);
    }

    /// The lines that state it.
    pub fn number(&mut self, stated: Vec<Stated>) -> Vec<LogLine> {
        stated.into_iter().map(|stated| self.line(stated)).collect()
    }

    fn line(&mut self, (fact, utc): Stated) -> LogLine {
        let origin = Origin {
            utc,
            stream_id: self.stream_id.clone(),
            run: Some(self.run.clone()),
            sequence: Some(self.sequence),
        };
        self.sequence += 1;
        let stream = None;
        match fact {
            Fact::Event(event) => LogLine::Event(LogRecord { event, stream, origin }),
            Fact::Clock(step) => LogLine::Clock(ClockRecord { step, stream, origin }),
        }
    }
}
