//! Keys that a user presses while the table is shown.
//!
//! The terminal passes each key at once and does not echo it, and stays as it is otherwise: Ctrl-C, Ctrl-Z and Ctrl-S work as
//! ever. Its modes are given back at the end, and by a panic.

use std::io::{IsTerminal, stdin};
use std::panic;
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEventKind};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// A key that means something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Quit,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
}

/// The terminal's modes before this process.
static BEFORE: Mutex<Before> = Mutex::new(Before::Unknown);
static HOOK: Once = Once::new();

enum Before {
    Unknown,
    Modes(Termios),
    /// Given back, and not to be changed again.
    Restored,
}

/// Reads keys from standard input.
pub struct Keys(());

impl Keys {
    /// `None` if standard input is not a terminal.
    pub fn open() -> Option<Self> {
        if !stdin().is_terminal() {
            return None;
        }
        HOOK.call_once(|| {
            let next = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                restore();
                next(info);
            }));
        });
        Some(Self(()))
    }

    /// Makes the terminal pass single keys, if it does not; call this before [`Self::read`]. True if it did not any more: a shell has
    /// had it, as after Ctrl-Z and `fg`.
    pub fn take(&self) -> bool {
        take_single_keys() == Taken::Anew
    }

    /// The keys since the last call. Only while the process is in the foreground: reading from the terminal in the background would
    /// stop the process.
    pub fn read(&self) -> Vec<Key> {
        let mut keys = Vec::new();
        if take_single_keys() != Taken::No {
            while event::poll(Duration::ZERO).is_ok_and(|is_there| is_there) {
                match event::read() {
                    Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => keys.extend(meaning(key.code)),
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
        }
        keys
    }
}

/// Whether this process is in the foreground of its terminal.
pub fn is_in_foreground() -> bool {
    tcgetpgrp(stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
}

fn meaning(code: KeyCode) -> Option<Key> {
    Some(match code {
        KeyCode::Char('q' | 'Q') => Key::Quit,
        KeyCode::Up | KeyCode::Char('k') => Key::Up,
        KeyCode::Down | KeyCode::Char('j') => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown | KeyCode::Char(' ') => Key::PageDown,
        KeyCode::Home => Key::First,
        KeyCode::End => Key::Last,
        _ => return None,
    })
}

/// Whether the terminal passes single keys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    No,
    /// As before.
    Kept,
    /// From now on.
    Anew,
}

fn take_single_keys() -> Taken {
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    if matches!(*before, Before::Restored) || !is_in_foreground() {
        return Taken::No;
    }
    let Ok(mut modes) = tcgetattr(stdin()) else {
        return Taken::No;
    };
    let lines = LocalModes::ICANON | LocalModes::ECHO;
    if !modes.local_modes.intersects(lines) {
        return Taken::Kept;
    }
    if matches!(*before, Before::Unknown) {
        *before = Before::Modes(modes.clone());
    }
    modes.local_modes.remove(lines);
    modes.special_codes[SpecialCodeIndex::VMIN] = 1;
    modes.special_codes[SpecialCodeIndex::VTIME] = 0;
    match tcsetattr(stdin(), OptionalActions::Now, &modes) {
        Ok(()) => Taken::Anew,
        Err(_) => Taken::No,
    }
}

/// Gives the terminal back as it was, for good.
pub fn restore() {
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Before::Modes(modes) = std::mem::replace(&mut *before, Before::Restored)
        && is_in_foreground()
    {
        // In the background its modes are the shell's.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &modes);
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// Said between the terminal's modes before and after.
    const PANIC: &str = "a panic while keys are read";

    #[test]
    fn a_panic_gives_the_terminal_back() {
        let this = std::env::current_exe().expect("a path");
        let test = "view::keys::tests::reads_keys_until_it_panics";
        let line = format!("'{}' --ignored --exact {test} --nocapture; stty -a", this.display());
        // a terminal of its own
        let shown = Command::new("script")
            .args(["-qc", &line, "/dev/null"])
            .stdin(Stdio::null())
            .output()
            .expect("script of Debian's bsdutils");
        let shown = String::from_utf8_lossy(&shown.stdout);
        let (during, after) = shown.split_once(PANIC).expect("the panic's message");
        assert!(during.contains("-icanon") && during.contains("-echo "), "{shown}");
        assert!(after.contains(" icanon") && after.contains(" echo "), "{shown}");
    }

    #[test]
    #[ignore = "run by a_panic_gives_the_terminal_back"]
    fn reads_keys_until_it_panics() {
        let Some(keys) = Keys::open() else { return };
        assert!(keys.take());
        Command::new("stty").arg("-a").status().expect("coreutils");
        panic!("{PANIC}");
    }

    #[test]
    fn keys_have_a_meaning_or_none() {
        for (code, expected) in [
            (KeyCode::Char('q'), Some(Key::Quit)),
            (KeyCode::Char('Q'), Some(Key::Quit)),
            (KeyCode::Up, Some(Key::Up)),
            (KeyCode::Char(' '), Some(Key::PageDown)),
            (KeyCode::Char('x'), None),
            (KeyCode::Enter, None),
        ] {
            assert_eq!(meaning(code), expected, "{code:?}");
        }
    }
}
