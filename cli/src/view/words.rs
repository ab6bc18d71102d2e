//! What is said of a tenant, in words: for the table and for plain lines.

use std::time::{Duration, Instant};

use people::Activity;

use crate::state::TenantState;
use crate::status::sample::Skipped;
use crate::status::{Inference, TenantStatus};

/// Its state in at most a few words.
pub fn state(tenant: &TenantStatus, now: Instant) -> String {
    let since = |then: Instant| short(now.saturating_duration_since(then));
    match (&tenant.state, &tenant.inference) {
        (TenantState::Waiting { at, .. }, _) => format!("waiting {}", short(at.saturating_duration_since(now))),
        // A file that waits for its server is stalled, too, and this says why.
        (TenantState::Playing | TenantState::Starting | TenantState::Stalled { .. }, Inference::Dead { .. }) => {
            "no inference".to_owned()
        }
        (TenantState::Stalled { since: then }, _) => format!("stalled {}", since(*then)),
        (TenantState::Playing, _) => match tenant.fraction() {
            Some(played) => format!("playing {:.0} %", 100.0 * played),
            None => "playing".to_owned(),
        },
        (other, _) => other.name().to_owned(),
    }
}

/// What is wrong with it, and why; `None` if nothing is.
pub fn trouble(tenant: &TenantStatus, now: Instant) -> Option<String> {
    let what = match &tenant.state {
        TenantState::Failed { reason } => format!("failed: {reason}"),
        TenantState::Waiting { reason, at } => {
            let left = at.saturating_duration_since(now);
            format!("starts again in {}: {reason}", short(left))
        }
        state => match (dead(tenant), state) {
            (Some((what, why)), _) => format!("{what}: {why}"),
            (None, TenantState::Stalled { since }) => {
                format!("no frame for {}", short(now.saturating_duration_since(*since)))
            }
            _ => return None,
        },
    };
    Some(printable(&format!("{}: {what}", tenant.tenant)))
}

/// What is wrong with tenants, those that have failed for good last. Where several are not inferred for the same reason, as when their
/// server is away, they have one text.
pub fn troubles<'a>(tenants: impl Iterator<Item = &'a TenantStatus>, now: Instant) -> Vec<String> {
    let mut dead_for: Vec<(&str, Vec<&TenantStatus>)> = Vec::new();
    let (mut others, mut failed) = (Vec::new(), Vec::new());
    for tenant in tenants {
        match (dead(tenant), trouble(tenant, now)) {
            (Some((_, why)), _) => match dead_for.iter_mut().find(|(reason, _)| *reason == why) {
                Some((_, group)) => group.push(tenant),
                None => dead_for.push((why, vec![tenant])),
            },
            (None, Some(text)) if tenant.state.is_over() => failed.push(text),
            (None, text) => others.extend(text),
        }
    }
    let of_group = |(why, group): (&str, Vec<&TenantStatus>)| match &*group {
        [tenant] => trouble(tenant, now),
        [first, second, rest @ ..] => {
            let names = match rest.len() {
                0 => format!("{} and {}", first.tenant, second.tenant),
                more => format!("{}, {} and {more} more", first.tenant, second.tenant),
            };
            Some(printable(&format!("{names}: nothing inferred: {why}")))
        }
        [] => None,
    };
    let dead = dead_for.into_iter().filter_map(of_group);
    dead.chain(others).chain(failed).collect()
}

/// That nothing is inferred, and why: without the remedy, which the element's warning has.
fn dead(tenant: &TenantStatus) -> Option<(String, &str)> {
    let Inference::Dead { lasts, passed, reason } = &tenant.inference else {
        return None;
    };
    let frames = match passed {
        0 => "the stream waits".to_owned(),
        1 => "1 frame passed".to_owned(),
        several => format!("{several} frames passed"),
    };
    let what = format!("nothing inferred for {}, {frames}", short(*lasts));
    Some((what, reason.split("; ").next().unwrap_or(reason)))
}

/// The rates of skipped frames by reason, the greatest first.
pub fn skipped(skipped: &Skipped<f64>) -> String {
    let mut parts = [
        (skipped.overload, "overload"),
        (skipped.failed, "failed"),
        (skipped.interval, "interval"),
    ];
    parts.sort_by(|a, b| b.0.total_cmp(&a.0));
    let parts = parts.iter().filter(|(rate, _)| *rate >= 0.05);
    let parts: Vec<_> = parts.map(|(rate, reason)| format!("{rate:.1} {reason}")).collect();
    parts.join(" ")
}

/// The active stations and who works there.
pub fn active(tenant: &TenantStatus) -> String {
    let active = tenant
        .stations
        .iter()
        .filter(|station| station.state == Activity::Active);
    let names = active.map(|station| match &station.worker {
        Some(worker) => format!("{} ({worker})", station.station),
        None => station.station.to_string(),
    });
    let names: Vec<_> = names.collect();
    let unknown = tenant
        .stations
        .iter()
        .filter(|station| station.state == Activity::Unknown)
        .count();
    let text = match (names.len(), unknown) {
        (0, 0) => "none".to_owned(),
        (0, _) => format!("{unknown} unknown"),
        _ => names.join(", "),
    };
    printable(&text)
}

/// A line about it, for where there is no table.
pub fn line(tenant: &TenantStatus, now: Instant) -> String {
    let mut parts = Vec::new();
    if let Some(trouble) = trouble(tenant, now) {
        parts.push(trouble);
    } else {
        let name = printable(&tenant.tenant);
        let percent = tenant.fraction().map(|played| format!("{:.0} %", 100.0 * played));
        let left = tenant.time_left().map(|left| format!("{} left", rounded(left)));
        let first: Vec<_> = percent.into_iter().chain(left).collect();
        parts.push(match first.is_empty() {
            true => format!("{name}: {}", state(tenant, now)),
            false => format!("{name}: {}", first.join(", ")),
        });
    }
    parts.push(format!("{} frames", tenant.frames.count));
    if let Some(rates) = tenant.now {
        parts.push(match rates.fps_in {
            Some(fps_in) => format!("{fps_in:.1} fps in, {:.1} out", rates.fps_out),
            None => format!("{:.1} fps", rates.fps_out),
        });
        parts.extend(rates.inferred.map(|inferred| format!("{inferred:.1} inferred/s")));
        let skipped = skipped(&rates.skipped);
        if !skipped.is_empty() {
            parts.push(format!("skipped/s {skipped}"));
        }
        parts.extend(rates.age_p95.map(|age| format!("age {}", short(age))));
        if !rates.delay.is_zero() {
            parts.push(format!("delay {}", short(rates.delay)));
        }
    }
    parts.extend(tenant.workers.as_ref().map(|workers| match workers.len() {
        0 => "no worker seen yet".to_owned(),
        _ => printable(&format!("workers seen: {}", workers.join(" "))),
    }));
    if !tenant.stations.is_empty() {
        parts.push(format!("active stations: {}", active(tenant)));
    }
    match tenant.restarts {
        0 => {}
        1 => parts.push("1 restart".to_owned()),
        several => parts.push(format!("{several} restarts")),
    }
    parts.join(", ")
}

/// A duration of at most six characters.
pub fn short(time: Duration) -> String {
    match time.as_millis() {
        0..1000 => format!("{} ms", time.as_millis()),
        1000..9950 => format!("{:.1} s", time.as_secs_f64()),
        _ => rounded(time),
    }
}

/// A duration for people: seconds up to two minutes, then minutes, then hours.
pub fn rounded(time: Duration) -> String {
    match time.as_secs_f64().round() as u64 {
        seconds @ 0..=120 => format!("{seconds} s"),
        seconds @ ..7200 => format!("{} min", (seconds + 30) / 60),
        seconds => format!("{} h", (seconds + 1800) / 3600),
    }
}

/// The text on one line and without control characters, which would move the terminal's cursor.
pub fn printable(text: &str) -> String {
    let parts: Vec<_> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    let joined = match &*parts {
        [only] => (*only).to_owned(),
        several => several.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" "),
    };
    joined
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        for (milliseconds, expected) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1.0 s"),
            (9949, "9.9 s"),
            (9950, "10 s"),
            (120_000, "120 s"),
            (121_000, "2 min"),
            (7_199_000, "120 min"),
            (7_200_000, "2 h"),
            (360_000_000, "100 h"),
        ] {
            assert_eq!(short(Duration::from_millis(milliseconds)), expected);
        }
    }

    #[test]
    fn what_moves_a_cursor_is_not_printed() {
        assert_eq!(printable("    at x"), "    at x");
        assert_eq!(printable("one\n    two\n"), "one two");
        assert_eq!(printable("\u{1b}[2Jgone\r\u{7}"), "\u{fffd}[2Jgone\u{fffd}\u{fffd}");
        assert_eq!(printable(""), "");
    }

    #[test]
    fn skipped_frames_have_their_reasons_the_greatest_first() {
        let of = |interval, overload, failed| {
            skipped(&Skipped {
                interval,
                overload,
                failed,
            })
        };
        assert_eq!(of(0.0, 0.04, 0.0), "");
        assert_eq!(of(12.5, 3.0, 0.1), "12.5 interval 3.0 overload 0.1 failed");
    }
}
