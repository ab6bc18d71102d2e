//! The table on a terminal: drawn below the messages, and drawn again in its place.

use std::fmt::Write as _;
use std::io::{Write as _, stderr};
use std::time::Instant;

use crossterm::Command;
use crossterm::cursor::MoveUp;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use rustix::termios::tcgetwinsize;
use unicode_width::UnicodeWidthStr;

use super::keys::{self, Key, Keys};
use super::table::{self, Line, Shown, Size};
use super::words;
use crate::state::TenantState;
use crate::status::TenantStatus;

/// The table and where it is.
pub struct Terminal {
    keys: Option<Keys>,
    quit: Box<dyn Fn() + Send>,
    colours: bool,
    tenants: Vec<TenantStatus>,
    /// The first tenant that is shown.
    first: usize,
    ending: bool,
    /// The widths of the lines on the screen.
    drawn: Vec<usize>,
    size: Size,
}

impl Terminal {
    /// `None` if its size is not known.
    pub fn open(quit: Box<dyn Fn() + Send>) -> Option<Self> {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Some(Self {
            keys: Keys::open(),
            quit,
            colours: !no_colour,
            tenants: Vec::new(),
            first: 0,
            ending: false,
            drawn: Vec::new(),
            size: size()?,
        })
    }

    /// Writes lines that stay and draws the table again, if there is something new. Also looks for keys and at the size.
    pub fn update(&mut self, lines: &[String], tenants: Option<Vec<TenantStatus>>) {
        let is_new = tenants.is_some();
        if let Some(tenants) = tenants {
            self.tenants = tenants;
        }
        if self.keys.is_some() && !keys::is_in_foreground() {
            // The shell has the terminal.
            self.drawn.clear();
            lines.iter().for_each(|line| super::to_stderr(line));
            return;
        }
        if self.keys.as_ref().is_some_and(Keys::take) {
            // The process was stopped (Ctrl-Z), and others have written to the terminal.
            self.drawn.clear();
        }
        let resized = size().is_some_and(|size| std::mem::replace(&mut self.size, size) != size);
        let pressed = self.handle_keys();
        if is_new || resized || pressed || !lines.is_empty() {
            self.draw(lines, true);
        }
    }

    /// Removes the table.
    pub fn close(&mut self) {
        self.draw(&[], false);
        keys::restore();
    }

    /// Whether a key was pressed that changes what is shown.
    fn handle_keys(&mut self) -> bool {
        let pressed = self.keys.as_ref().map(Keys::read).unwrap_or_default();
        let capacity = table::capacity(&self.shown(), self.size);
        let most = self.tenants.len().saturating_sub(capacity);
        for key in &pressed {
            let first = self.first.min(most);
            self.first = match key {
                Key::Quit => {
                    self.ending = true;
                    (self.quit)();
                    first
                }
                Key::Up => first.saturating_sub(1),
                Key::Down => first + 1,
                Key::PageUp => first.saturating_sub(capacity),
                Key::PageDown => first + capacity,
                Key::First => 0,
                Key::Last => most,
            }
            .min(most);
        }
        !pressed.is_empty()
    }

    fn shown(&self) -> Shown<'_> {
        Shown {
            tenants: &self.tenants,
            now: Instant::now(),
            first: self.first,
            keys: self.keys.is_some(),
            ending: self.ending || self.is_ending(),
        }
    }

    /// Whether an end was asked for by other means than the key.
    fn is_ending(&self) -> bool {
        let mut states = self.tenants.iter().map(|tenant| &tenant.state);
        let ends = |state: &TenantState| state.is_over() || matches!(state, TenantState::Stopping { .. });
        !self.tenants.is_empty() && states.all(ends)
    }

    /// Writes everything in one piece, so that no half of a table is seen.
    fn draw(&mut self, lines: &[String], with_table: bool) {
        let mut text = String::new();
        ansi(&mut text, BeginSynchronizedUpdate);
        let rows = rows(&self.drawn, self.size.width);
        if rows > 0 {
            text.push('\r');
            ansi(&mut text, MoveUp(u16::try_from(rows).unwrap_or(u16::MAX)));
            ansi(&mut text, Clear(ClearType::FromCursorDown));
        }
        for line in lines {
            for part in line.lines() {
                text.push_str(&words::printable(part));
                text.push_str("\r\n");
            }
        }
        self.drawn.clear();
        if with_table {
            for line in table::lines(&self.shown(), self.size) {
                self.drawn.push(line.iter().map(|span| span.text.width()).sum());
                add_line(&mut text, &line, self.colours);
            }
        }
        ansi(&mut text, EndSynchronizedUpdate);
        // A terminal that is gone needs nothing.
        let _ = stderr().lock().write_all(text.as_bytes());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.close();
    }
}

fn size() -> Option<Size> {
    let size = tcgetwinsize(stderr()).ok()?;
    let of = |value: u16, default: usize| if value == 0 { default } else { usize::from(value) };
    Some(Size {
        width: of(size.ws_col, 80),
        height: of(size.ws_row, 24),
    })
}

/// Number of rows that lines of these widths take. A terminal that has become narrower wraps those that are too wide now.
fn rows(widths: &[usize], width: usize) -> usize {
    widths.iter().map(|line| line.div_ceil(width.max(1)).max(1)).sum()
}

fn add_line(text: &mut String, line: &Line, colours: bool) {
    for span in line {
        let style = span.look.style(colours);
        // Writing to a text cannot fail.
        let _ = write!(text, "{}", style.apply(&span.text));
    }
    text.push_str("\r\n");
}

fn ansi(text: &mut String, command: impl Command) {
    let _ = command.write_ansi(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_take_more_rows_in_a_narrower_terminal() {
        for (width, expected) in [(80, 4), (40, 6), (20, 9), (10, 16)] {
            assert_eq!(rows(&[80, 0, 41, 20], width), expected, "{width}");
        }
    }
}
