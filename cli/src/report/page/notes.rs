//! What a reader must know about a page before its numbers.

use maud::{Markup, html};
use people::event::StepReason;

use super::super::ledger::{Note, NoteKind};
use super::super::sums::Tally;
use super::scale::Scale;

/// The notes of a page.
pub fn list(tally: &Tally, scale: Scale, cameras: usize) -> Markup {
    let mut notes: Vec<String> = tally.notes.iter().map(|text| note(text, scale, cameras)).collect();
    if !tally.contradictions.is_empty() {
        let number = tally.contradictions.len();
        notes.push(format!(
            "{number} {} of a vest at two places at once, listed below; the time counts once in the worker's sums",
            if number == 1 { "contradiction" } else { "contradictions" }
        ));
    }
    html! {
        @if !notes.is_empty() {
            ul.notes { @for note in notes { li { (note) } } }
        }
    }
}

/// A note in words.
pub fn note(note: &Note, scale: Scale, cameras: usize) -> String {
    let (from, to) = (scale.time(note.from), scale.time(note.to));
    let camera = if cameras > 1 {
        format!("{}: ", note.camera)
    } else {
        String::new()
    };
    let text = match &note.kind {
        NoteKind::Unfinished => format!(
            "the log ends at {from} without totals, because the process was killed or is still running; what follows is unknown"
        ),
        NoteKind::Missing { first: 0, count } => {
            format!("the first {count} lines of the run that begins before {to} are missing")
        }
        NoteKind::Missing { first, count: 1 } => format!("line {first} is missing, between {from} and {to}"),
        NoteKind::Missing { first, count } => {
            format!("{count} lines are missing, {first} to {}, between {from} and {to}", first + count - 1)
        }
        NoteKind::Step(step) => format!(
            "the clock was stepped by {:+.1} s at {from}; the sums are of running time, which has no step",
            seconds(*step)
        ),
        NoteKind::Odd { reason, step } => odd(*reason, seconds(*step), &from),
        NoteKind::Overlap => format!("two runs recorded from {from} to {to}; each moment counts once"),
        NoteKind::Unassigned => {
            "the lines that name the stations' workers (starts, heartbeats and totals) are missing; the stations count as unassigned".to_owned()
        }
    };
    camera + &text
}

fn seconds(step: i64) -> f64 {
    step as f64 / 1000.0
}

fn odd(reason: StepReason, step: f64, at: &str) -> String {
    let what = match reason {
        StepReason::NoTimestamp => "frames have no timestamps and are timed by their duration or the clock".to_owned(),
        StepReason::OutsideSegment => {
            "frames are outside of their segment and are timed as those without timestamps".to_owned()
        }
        StepReason::Backward => format!("timestamps went back by {:.3} s and were passed over", step.abs()),
        StepReason::Glitch => format!("single frames with timestamps {step:+.3} s off were left out"),
        StepReason::Ahead => format!("timestamps went ahead by {step:.3} s; the time between is unknown"),
        StepReason::NewClock => "timestamps of another clock; the stations begin anew".to_owned(),
        StepReason::HostClock => format!("the computer's clock was set by {step:+.1} s; the sums have no step"),
        StepReason::CameraClock => format!("the camera's clock was set by {step:+.1} s; the sums have no step"),
        StepReason::Other => format!("the time was odd by {step:+.3} s, for a reason that this version does not know"),
    };
    format!("{what} (first at {at})")
}
