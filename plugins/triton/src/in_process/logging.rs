//! Triton's log callback (since 2.72), which passes each record to a hook.
//!
//! After `TRITONSERVER_ServerOptionsSetLogCallback` of pull request 504 of `triton-inference-server/core`: each server that
//! starts installs the callback of its options for the whole process, and no callback removes it.
#![allow(unsafe_code)]

use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::catch_unwind;
use std::ptr::{self, NonNull};

use super::ffi::{Api, Failure, LogFn, Outcome, TritonOptions};
use crate::{LogHook, LogLevel, LogRecord};

/// `TRITONSERVER_ServerOptionsSetLogCallback`.
type SetLogCallback = unsafe extern "C" fn(*mut TritonOptions, Option<LogFn>, *mut c_void) -> Outcome;

/// Sets the hook of a server that will be started with `options`; `None`: standard error. False if this Triton has no log
/// callbacks.
pub(super) fn set_hook(api: &Api, options: NonNull<TritonOptions>, hook: Option<LogHook>) -> Result<bool, Failure> {
    let Some(set) = api.ServerOptionsSetLogCallback else {
        return Ok(false);
    };
    // SAFETY: the outcome is that of one of Triton's functions.
    unsafe { api.check(call(set, options, hook)) }.map(|()| true)
}

fn call(set: SetLogCallback, options: NonNull<TritonOptions>, hook: Option<LogHook>) -> Outcome {
    let (callback, userp) = match hook {
        // A function, which lives as long as the process.
        Some(hook) => (Some(on_record as LogFn), hook as *mut c_void),
        None => (None, ptr::null_mut()),
    };
    // SAFETY: the options live; the callback is of the declared type, and `userp` is what it expects.
    unsafe { set(options.as_ptr(), callback, userp) }
}

/// Triton has a record for the log. `userp` is a [`LogHook`].
unsafe extern "C" fn on_record(
    level: u32,
    filename: *const c_char,
    line: c_int,
    _timestamp_us: u64,
    message: *const c_char,
    userp: *mut c_void,
) {
    // SAFETY: `call` passed a hook, and hooks are functions, which are not unloaded: Triton has this one's address, too.
    let hook = unsafe { std::mem::transmute::<*mut c_void, LogHook>(userp) };
    // SAFETY: Triton's strings live during the call.
    let (file, message) = unsafe { (text(filename), text(message)) };
    let record = LogRecord {
        level: level_of(level),
        file: &file,
        line: u32::try_from(line).unwrap_or(0),
        message: &message,
    };
    // A panic must not cross into Triton; the record is lost.
    let _ = catch_unwind(|| hook(&record));
}

/// The level of `TRITONSERVER_LogLevel`. Unknown ones are for people who look closely.
fn level_of(raw: u32) -> LogLevel {
    match raw {
        0 => LogLevel::Info,
        1 => LogLevel::Warnings,
        2 => LogLevel::Errors,
        _ => LogLevel::Verbose,
    }
}

/// # Safety
/// `raw` is null or a NUL-terminated string that lives as long as the result.
unsafe fn text<'a>(raw: *const c_char) -> Cow<'a, str> {
    if raw.is_null() {
        return Cow::Borrowed("");
    }
    // SAFETY: as promised by the caller.
    unsafe { CStr::from_ptr(raw) }.to_string_lossy()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Level, file, line and message of a record.
    type Seen = (LogLevel, String, u32, String);

    thread_local! {
        static SEEN: RefCell<Vec<Seen>> = const { RefCell::new(Vec::new()) };
    }

    fn remember(record: &LogRecord<'_>) {
        let seen = (
            record.level,
            record.file.to_owned(),
            record.line,
            record.message.to_owned(),
        );
        SEEN.with_borrow_mut(|all| all.push(seen));
    }

    fn panicking(_: &LogRecord<'_>) {
        panic!("this panic is part of a test");
    }

    /// Calls the callback as Triton does.
    fn log(hook: LogHook, level: u32, file: Option<&CStr>, line: c_int, message: Option<&CStr>) {
        let pointer = |text: Option<&CStr>| text.map_or(ptr::null(), CStr::as_ptr);
        // SAFETY: the strings and the hook outlive the call.
        unsafe { on_record(level, pointer(file), line, 7, pointer(message), hook as *mut c_void) };
    }

    #[test]
    fn records_reach_the_hook() {
        for (level, expected) in [
            (0, LogLevel::Info),
            (1, LogLevel::Warnings),
            (2, LogLevel::Errors),
            (3, LogLevel::Verbose),
            (9, LogLevel::Verbose),
        ] {
            log(remember, level, Some(c"server.cc"), 42, Some(c"two\nlines"));
            let record = SEEN.with_borrow_mut(Vec::pop);
            assert_eq!(record, Some((expected, "server.cc".into(), 42, "two\nlines".into())));
        }
    }

    /// A Triton that logs one record when the callback is set, and one without a callback to nowhere.
    unsafe extern "C" fn log_at_once(_: *mut TritonOptions, callback: Option<LogFn>, userp: *mut c_void) -> Outcome {
        if let Some(callback) = callback {
            // SAFETY: the strings live during the call; `userp` belongs to the callback.
            unsafe { callback(1, c"a.cc".as_ptr(), 3, 0, c"set".as_ptr(), userp) };
        }
        ptr::null_mut()
    }

    #[test]
    fn the_hook_is_passed_to_triton() {
        let options = NonNull::dangling(); // not used by this Triton
        assert!(call(log_at_once, options, Some(remember)).is_null());
        assert!(call(log_at_once, options, None).is_null());
        assert_eq!(SEEN.take(), [(LogLevel::Warnings, "a.cc".into(), 3, "set".into())]);
    }

    #[test]
    fn broken_records_are_passed_as_far_as_they_go() {
        log(remember, 0, None, -1, None);
        log(remember, 0, Some(c"a\xff.cc"), 1, Some(c"\xff"));
        let expected: [Seen; 2] = [
            (LogLevel::Info, String::new(), 0, String::new()),
            (LogLevel::Info, "a\u{fffd}.cc".into(), 1, "\u{fffd}".into()),
        ];
        assert_eq!(SEEN.take(), expected);
    }

    #[test]
    fn a_panic_of_the_hook_does_not_reach_triton() {
        log(panicking, 2, Some(c"server.cc"), 1, Some(c"x"));
    }
}
