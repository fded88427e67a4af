//! What an error means to the queue: the only such table.

use std::time::Duration;

use flodrama_asset::ErrorKind;

/// What happens to a message whose job ended without a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Record the failure for the content team and acknowledge: the same bytes would fail again.
    Fail,
    /// Acknowledge without a record: the work is not wanted any more.
    Drop,
    /// Let it come back after so long; what was committed stays.
    Retry(Duration),
}

/// The table.
pub fn action(kind: ErrorKind) -> Action {
    use ErrorKind::*;
    match kind {
        NotMedia | EmptyFile | Truncated | NoVideo | Encrypted | UnsupportedCodec | OverLimit | NameTaken => {
            Action::Fail
        }
        // Deterministic work that failed its proof fails it again; somebody must look.
        ProofFailed => Action::Fail,
        // A newer upload has its own message, and a removed one needs none.
        Superseded | NotFound => Action::Drop,
        Unavailable | TooManyRequests => Action::Retry(Duration::from_secs(20)),
        // Another worker may have the room that this one lacks.
        OutOfResources => Action::Retry(Duration::from_secs(60)),
        Cancelled => Action::Retry(Duration::ZERO),
        // Faults of ours: the queue's redrive policy ends them in the dead-letter queue, where ops see them.
        Stalled | Internal | Config | Unauthenticated | Forbidden | NotIncluded | NotYetOpen
        | NoLongerOpen | NotInCountry | AccessUnreadable | BadRequest => {
            Action::Retry(Duration::from_secs(30))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Permanent, transient, ours, this machine's: the four ways in which a job goes wrong.
    #[test]
    fn r11_what_fails_again_is_recorded_and_what_passes_is_tried_again() {
        use ErrorKind::*;
        let permanent =
            [NotMedia, EmptyFile, Truncated, NoVideo, Encrypted, UnsupportedCodec, OverLimit, NameTaken];
        for kind in permanent {
            assert!(kind.is_bad_input());
            assert_eq!(action(kind), Action::Fail, "{kind}");
        }
        assert_eq!(action(ProofFailed), Action::Fail);
        for kind in [Superseded, NotFound] {
            assert_eq!(action(kind), Action::Drop, "{kind}");
        }
        let soon = |kind| matches!(action(kind), Action::Retry(after) if after < Duration::from_secs(60));
        for kind in [Unavailable, TooManyRequests, Stalled, Internal, Config] {
            assert!(!kind.is_bad_input() && soon(kind), "{kind}");
        }
        // This machine's lack is not mended by asking it again at once.
        assert_eq!(action(OutOfResources), Action::Retry(Duration::from_secs(60)));
    }

    #[test]
    fn an_interrupted_job_comes_back_at_once() {
        assert_eq!(action(ErrorKind::Cancelled), Action::Retry(Duration::ZERO));
    }
}
