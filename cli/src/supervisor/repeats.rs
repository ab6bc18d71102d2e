//! Warnings of elements that come again and again, as of a camera that sends garbage: each text is printed once a minute.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a text is not printed again.
const PERIOD: Duration = Duration::from_secs(60);
/// Most texts that are printed in that time: some have another number in them each time.
const MOST: usize = 20;

/// The texts of the last minute.
#[derive(Default)]
pub struct Repeats {
    /// When each was printed, and how often it has come since.
    printed: BTreeMap<String, (Instant, u64)>,
    /// When it was said that others are left out.
    left_out: Option<Instant>,
}

impl Repeats {
    /// What is to be printed for a text that comes at `now`.
    pub fn print(&mut self, text: &str, now: Instant) -> Option<String> {
        let is_recent = |at: Instant| now.saturating_duration_since(at) < PERIOD;
        if let Some((at, count)) = self.printed.get_mut(text) {
            if is_recent(*at) {
                *count += 1;
                return None;
            }
            let more = std::mem::take(count);
            *at = now;
            let repeated = if more == 0 {
                String::new()
            } else {
                format!(" ({more} more in the meantime)")
            };
            return Some(format!("{text}{repeated}"));
        }
        self.printed.retain(|_, (at, _)| is_recent(*at));
        if self.printed.len() < MOST {
            self.printed.insert(text.to_owned(), (now, 0));
            return Some(text.to_owned());
        }
        let is_said = self.left_out.is_some_and(is_recent);
        (!is_said).then(|| {
            self.left_out = Some(now);
            format!("warning: more than {MOST} warnings and notes a minute: others are left out")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_printed_once_a_minute_with_the_number_of_repeats() {
        let begin = Instant::now();
        let mut repeats = Repeats::default();
        for (second, text, expected) in [
            (0, "a", Some("a")),
            (1, "a", None),
            (2, "b", Some("b")),
            (59, "a", None),
            (60, "a", Some("a (2 more in the meantime)")),
            (62, "b", Some("b")),
            (119, "a", None),
            (300, "a", Some("a (1 more in the meantime)")),
        ] {
            let printed = repeats.print(text, begin + Duration::from_secs(second));
            assert_eq!(printed.as_deref(), expected, "{text} after {second} s");
        }
    }

    #[test]
    fn texts_that_differ_each_time_are_left_out_soon() {
        let begin = Instant::now();
        let mut repeats = Repeats::default();
        let count = (0..1000u32).filter(|n| {
            repeats
                .print(&n.to_string(), begin + Duration::from_millis(u64::from(*n)))
                .is_some()
        });
        assert_eq!(count.count(), MOST + 1);
        assert!(repeats.print("later", begin + Duration::from_secs(100)).is_some());
    }
}
