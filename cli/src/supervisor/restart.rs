//! Whether a tenant is started again, by how its run ended and by `--restart`.
//!
//! A live stream has no end: a camera that is unplugged, rebooted or out of reach ends with an error, with EOS, or with
//! silence, and is to be had back. A file has one, and begins from its start when it is played again, so an error in it comes
//! again, and its seconds would be in the log twice.

use std::time::Duration;

use crate::backoff::Backoff;

/// Longest delay. Jitter adds up to once the delay.
const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// A tenant whose frames have left for so long plays well: the delays start anew. Short, since a camera on a bad line that plays for half a
/// minute at a time would otherwise be away for longer and longer.
pub const PLAYED_WELL: Duration = Duration::from_secs(10);

/// The delays before a tenant's restarts: the first, and each further one twice as long.
pub fn delays(first: Duration) -> Backoff {
    Backoff::new(first, LONGEST_DELAY)
}

/// The option `--restart`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RestartPolicy {
    /// Not at all
    Never,
    /// After an error, a stall, or the end of a live stream
    OnFailure,
    /// However they end
    Always,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The end of the stream.
    Eos,
    /// An error while it played.
    Error,
    /// No frame left any more.
    Stall,
    /// It had no frame before the error.
    NotStarted,
    /// It was asked to end, and was stopped since it did not.
    GivenUp,
}

/// What comes after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it has ended.
    Ended,
    /// Nothing: it has failed.
    Failed,
    /// The next run, after a delay.
    Restart,
}

/// What a tenant is, as far as it decides about its restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Whether its stream is live.
    pub live: bool,
    /// Whether it was found in a folder: then it may be a part of what is being set up.
    pub in_folder: bool,
}

/// What comes after a run that has ended so. For one that was asked to end, the policy is `Never`. Without a policy live streams are always restarted, and files are not, unless they are of a
/// folder and have not started.
pub fn after(end: End, kind: Kind, policy: Option<RestartPolicy>) -> Next {
    let is_failure = match end {
        End::Eos => kind.live,
        End::Error | End::Stall | End::NotStarted | End::GivenUp => true,
    };
    let policy = policy.unwrap_or(match (kind.live, kind.in_folder, end) {
        (true, ..) => RestartPolicy::Always,
        (false, true, End::NotStarted) => RestartPolicy::OnFailure,
        (false, ..) => RestartPolicy::Never,
    });
    match policy {
        RestartPolicy::Always => Next::Restart,
        RestartPolicy::OnFailure if is_failure => Next::Restart,
        // A camera's end is its end if nobody wants it back.
        _ if end == End::Eos => Next::Ended,
        _ => Next::Failed,
    }
}

/// Whether a run without frames is ended for it.
pub fn ends_stalls(kind: Kind, policy: Option<RestartPolicy>) -> bool {
    after(End::Stall, kind, policy) == Next::Restart
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIVE: Kind = Kind {
        live: true,
        in_folder: false,
    };
    const FILE: Kind = Kind {
        live: false,
        in_folder: false,
    };
    const FILE_OF_FOLDER: Kind = Kind {
        live: false,
        in_folder: true,
    };

    #[test]
    fn what_comes_after_a_run() {
        use End::{Eos, Error, NotStarted, Stall};
        use Next::{Ended, Failed, Restart};
        use RestartPolicy::{Always, Never, OnFailure};
        let policies = [None, Some(Never), Some(OnFailure), Some(Always)];
        for (kind, end, expected) in [
            (LIVE, Eos, [Restart, Ended, Restart, Restart]),
            (LIVE, Error, [Restart, Failed, Restart, Restart]),
            (LIVE, Stall, [Restart, Failed, Restart, Restart]),
            (LIVE, NotStarted, [Restart, Failed, Restart, Restart]),
            (FILE, Eos, [Ended, Ended, Ended, Restart]),
            (FILE, Error, [Failed, Failed, Restart, Restart]),
            (FILE, Stall, [Failed, Failed, Restart, Restart]),
            (FILE, NotStarted, [Failed, Failed, Restart, Restart]),
            (FILE_OF_FOLDER, Eos, [Ended, Ended, Ended, Restart]),
            (FILE_OF_FOLDER, Error, [Failed, Failed, Restart, Restart]),
            (FILE_OF_FOLDER, Stall, [Failed, Failed, Restart, Restart]),
            (FILE_OF_FOLDER, NotStarted, [Restart, Failed, Restart, Restart]),
        ] {
            assert_eq!(
                policies.map(|policy| after(end, kind, policy)),
                expected,
                "{end:?} of {kind:?}"
            );
        }
    }

    proptest! {
        /// `always` restarts whatever `on-failure` restarts, and that whatever `never` does: nothing. What was asked to end never
        /// comes back.
        #[test]
        fn policies_are_ordered(live: bool, in_folder: bool, end in 0..5usize) {
            let end = [End::Eos, End::Error, End::Stall, End::NotStarted, End::GivenUp][end];
            let kind = Kind { live, in_folder };
            let restarts = |policy| after(end, kind, Some(policy)) == Next::Restart;
            prop_assert!(!restarts(RestartPolicy::Never));
            prop_assert!(!restarts(RestartPolicy::OnFailure) || restarts(RestartPolicy::Always));
            prop_assert!(restarts(RestartPolicy::Always));
        }
    }
}
