//! What to do with a frame whose requests failed: a table over the kind of failure and the stream's policy.

use triton::FailureKind;

/// How a stream treats failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Frames wait until they are inferred; a model that never worked ends the stream. For files.
    Hold,
    /// Frames pass without inference; a model that never worked ends the stream. For live streams.
    Pass,
    /// Frames pass without inference, whatever fails.
    PassAlways,
    /// Every failure ends the stream.
    Fail,
}

/// What happens to the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is sent again once the server is ready, however long that takes.
    Hold,
    /// It is sent once more.
    Retry,
    /// It passes without inference.
    Pass,
    /// The stream ends with an error.
    End,
}

/// A failed attempt to infer a frame.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// What failed.
    pub kind: FailureKind,
    /// Number of earlier attempts at this frame that the server answered with an error.
    pub refusals: u32,
    /// Whether the model has worked in this session.
    pub has_worked: bool,
    /// Whether the user has limited the time of a request.
    pub is_limited: bool,
}

impl Attempt {
    /// Decides on the frame.
    pub fn action(&self, policy: OnFailure) -> Action {
        let never_worked = !self.has_worked && matches!(self.kind, FailureKind::Refused | FailureKind::SetUp);
        match policy {
            OnFailure::Fail => Action::End,
            OnFailure::PassAlways => Action::Pass,
            OnFailure::Hold | OnFailure::Pass if never_worked => Action::End,
            OnFailure::Pass => Action::Pass,
            OnFailure::Hold => match self.kind {
                FailureKind::ServerAway | FailureKind::ModelAway => Action::Hold,
                FailureKind::Late if !self.is_limited => Action::Hold,
                _ if self.refusals == 0 => Action::Retry,
                _ => Action::Pass,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailureKind::{Failed, Late, ModelAway, Refused, ServerAway, SetUp};

    /// The actions for: hold at the first attempt, hold at the second, pass, pass always, fail.
    fn actions(kind: FailureKind, has_worked: bool, is_limited: bool) -> [Action; 5] {
        let attempt = |refusals| Attempt {
            kind,
            refusals,
            has_worked,
            is_limited,
        };
        [
            attempt(0).action(OnFailure::Hold),
            attempt(1).action(OnFailure::Hold),
            attempt(0).action(OnFailure::Pass),
            attempt(0).action(OnFailure::PassAlways),
            attempt(0).action(OnFailure::Fail),
        ]
    }

    #[test]
    fn a_frame_is_held_retried_passed_or_ends_the_stream() {
        use Action::{End, Hold, Pass, Retry};
        for has_worked in [true, false] {
            assert_eq!(actions(ServerAway, has_worked, false), [Hold, Hold, Pass, Pass, End]);
            assert_eq!(actions(ModelAway, has_worked, false), [Hold, Hold, Pass, Pass, End]);
            assert_eq!(actions(Late, has_worked, false), [Hold, Hold, Pass, Pass, End]);
            assert_eq!(actions(Late, has_worked, true), [Retry, Pass, Pass, Pass, End]);
            assert_eq!(actions(Failed, has_worked, false), [Retry, Pass, Pass, Pass, End]);
        }
        for kind in [Refused, SetUp] {
            assert_eq!(actions(kind, true, false), [Retry, Pass, Pass, Pass, End]);
            assert_eq!(actions(kind, false, false), [End, End, End, Pass, End]);
        }
    }
}
