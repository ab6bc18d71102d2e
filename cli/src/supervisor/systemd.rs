//! What systemd is told, if it has started this process as a service of `Type=notify`: see sd_notify(3).

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// Time after the start at which the service is ready although a tenant still starts: one that hangs holds no other, nor the system.
const READY_AFTER: Duration = Duration::from_secs(60);

/// The link to systemd. Without systemd, nothing is sent.
pub struct Systemd {
    started: Instant,
    is_ready: bool,
    status: String,
    watchdog: Option<Duration>,
    fed: Option<Instant>,
}

impl Systemd {
    /// Of a process that started then.
    pub fn new(started: Instant) -> Self {
        Self {
            started,
            is_ready: false,
            status: String::new(),
            watchdog: sd_notify::watchdog_enabled(),
            fed: None,
        }
    }

    /// The loop has turned. The service is ready once every tenant plays or was tried.
    pub fn turn(&mut self, now: Instant, were_tried: bool, status: &str) {
        if self.watchdog.is_some_and(|limit| is_due(self.fed, now, limit)) {
            self.fed = Some(now);
            send(&[NotifyState::Watchdog]);
        }
        let is_ready = were_tried || now.duration_since(self.started) >= READY_AFTER;
        if is_ready && !self.is_ready {
            self.is_ready = true;
            send(&[NotifyState::Ready]);
        }
        if status != self.status {
            status.clone_into(&mut self.status);
            send(&[NotifyState::Status(status)]);
        }
    }

    /// The tenants are asked to end.
    pub fn stopping(&self) {
        send(&[NotifyState::Stopping]);
    }
}

/// Whether the watchdog, who waits for `limit`, is to be fed: at a quarter of that.
fn is_due(fed: Option<Instant>, now: Instant, limit: Duration) -> bool {
    fed.is_none_or(|fed| now.duration_since(fed) >= limit / 4)
}

/// That systemd is out of reach is no reason to do anything else.
fn send(states: &[NotifyState]) {
    let _ = sd_notify::notify(states);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_fed_well_within_its_limit() {
        let begin = Instant::now();
        let limit = Duration::from_secs(30);
        for (fed, now, expected) in [(None, 0.0, true), (Some(0.0), 7.4, false), (Some(0.0), 7.5, true)] {
            let at = |seconds| begin + Duration::from_secs_f32(seconds);
            assert_eq!(is_due(fed.map(at), at(now), limit), expected, "{fed:?} {now}");
        }
    }
}
