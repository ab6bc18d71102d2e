//! The table of tenants, as lines for a terminal of some size.

mod columns;
#[cfg(test)]
mod tests;

use std::time::Instant;

use crossterm::style::{Attribute, Color, ContentStyle};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::words;
use crate::status::TenantStatus;
use columns::{columns, row};

/// Lines of a terminal that stay free for messages above the table.
const FREE: usize = 5;
/// Most lines about tenants in trouble.
const TROUBLES: usize = 4;
/// A piece of a line and its look.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Without control characters.
    pub text: String,
    pub look: Look,
}

/// How a text looks, where there are colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Look {
    #[default]
    Plain,
    Head,
    Good,
    Wait,
    Bad,
    Faint,
}

impl Look {
    /// The style; without `colours` it has none.
    pub fn style(self, colours: bool) -> ContentStyle {
        let mut style = ContentStyle::new();
        let (colour, attribute) = match self {
            Self::Plain => (None, None),
            Self::Head => (None, Some(Attribute::Bold)),
            Self::Good => (Some(Color::Green), None),
            Self::Wait => (Some(Color::Yellow), None),
            Self::Bad => (Some(Color::Red), Some(Attribute::Bold)),
            Self::Faint => (None, Some(Attribute::Dim)),
        };
        style.foreground_color = colour.filter(|_| colours);
        if let Some(attribute) = attribute {
            style.attributes.set(attribute);
        }
        style
    }
}

/// A line of the table.
pub type Line = Vec<Span>;

/// The size of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub width: usize,
    pub height: usize,
}

/// What is drawn: the tenants and where the user has scrolled to.
pub struct Shown<'a> {
    pub tenants: &'a [TenantStatus],
    pub now: Instant,
    /// The first tenant that is shown, if not all fit.
    pub first: usize,
    /// Whether keys are read.
    pub keys: bool,
    /// Whether an end was asked for.
    pub ending: bool,
}

/// Number of tenants that a terminal has room for.
pub fn capacity(shown: &Shown, size: Size) -> usize {
    let troubles = troubles(shown, size).len();
    // The head, and the line at the end.
    size.height.saturating_sub(FREE + 2 + troubles).max(1)
}

/// The lines of the table.
pub fn lines(shown: &Shown, size: Size) -> Vec<Line> {
    let capacity = capacity(shown, size);
    let first = shown.first.min(shown.tenants.len().saturating_sub(capacity));
    let visible: Vec<_> = shown.tenants.iter().skip(first).take(capacity).collect();
    let columns = columns(shown, size.width);
    let mut lines = Vec::new();
    if !visible.is_empty() {
        lines.push(row(&columns, |kind| (kind.title().to_owned(), Look::Head)));
    }
    lines.extend(
        visible
            .iter()
            .map(|tenant| row(&columns, |kind| kind.cell(tenant, shown.now))),
    );
    lines.extend(troubles(shown, size));
    let range = (first, visible.len());
    lines.push(vec![last_line(shown, range, size.width)]);
    lines.iter_mut().for_each(|line| cut(line, size.width));
    lines
}

/// Lines about tenants in trouble, as many as a terminal has room for beside one tenant.
fn troubles(shown: &Shown, size: Size) -> Vec<Line> {
    let all = words::troubles(shown.tenants.iter(), shown.now);
    let room = size.height.saturating_sub(FREE + 3).min(TROUBLES);
    let most = if all.len() > room { room.saturating_sub(1) } else { room };
    if let [only] = &*all {
        let lines = wrapped(only, size.width, room);
        return lines.into_iter().map(|line| vec![bad(line)]).collect();
    }
    let mut lines: Vec<Line> = all
        .iter()
        .take(most)
        .map(|text| vec![bad(shorten(text, size.width))])
        .collect();
    if all.len() > most && room > 0 {
        lines.push(vec![bad(format!("and {} more in trouble", all.len() - most))]);
    }
    lines
}

fn bad(text: String) -> Span {
    Span { text, look: Look::Bad }
}

/// The sums, and what the keys do.
fn last_line(shown: &Shown, (first, count): (usize, usize), width: usize) -> Span {
    let tenants = shown.tenants;
    let inferred: Vec<f64> = tenants.iter().filter_map(|tenant| tenant.now?.inferred).collect();
    let mut parts = vec![match tenants.len() {
        0 => "no tenant yet".to_owned(),
        1 => "1 tenant".to_owned(),
        several => format!("{several} tenants"),
    }];
    if tenants.len() > 1 && !inferred.is_empty() {
        parts.push(format!("{:.1} inferred/s", inferred.iter().sum::<f64>()));
    }
    if count < tenants.len() {
        parts.push(format!("{}–{} shown, ↑ ↓ scroll", first + 1, first + count));
    }
    if shown.keys {
        parts.push(if shown.ending { "q ends at once" } else { "q ends" }.to_owned());
    } else if shown.ending {
        parts.push("ending".to_owned());
    }
    Span {
        text: shorten(&parts.join(" · "), width),
        look: Look::Faint,
    }
}

/// The text, cut with `…` if it is wider.
pub fn shorten(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut taken = 1;
    for c in text.chars() {
        taken += c.width().unwrap_or(0);
        if taken > width {
            break;
        }
        short.push(c);
    }
    if width > 0 {
        short.push('…');
    }
    short
}

/// The text in at most so many lines, broken between words; the last one is cut.
fn wrapped(text: &str, width: usize, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let is_last = lines.len() >= most;
        match lines.last_mut() {
            Some(line) if is_last || line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ if most > 0 => lines.push(word.to_owned()),
            _ => {}
        }
    }
    lines.iter().map(|line| shorten(line, width)).collect()
}

/// Cuts a line at the terminal's edge.
fn cut(line: &mut Line, width: usize) {
    let mut left = width;
    for span in line.iter_mut() {
        span.text = shorten(&span.text, left);
        left -= span.text.width();
    }
}
