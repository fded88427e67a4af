//! The time that the stack lives by: the machine's clock, which a test may push forwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use tokio::sync::Notify;

/// Tells the time to visibility timeouts, signatures and tokens. Clones share one time.
#[derive(Clone, Default)]
pub struct Clock(Arc<Inner>);

#[derive(Default)]
struct Inner {
    ahead_ms: AtomicI64,
    moved: Notify,
}

impl Clock {
    /// Milliseconds since the epoch.
    pub fn now_ms(&self) -> i64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        since_epoch.as_millis() as i64 + self.0.ahead_ms.load(Ordering::SeqCst)
    }

    /// Seconds since the epoch.
    pub fn now_s(&self) -> i64 {
        self.now_ms() / 1000
    }

    /// The time as a date, UTC.
    pub fn now(&self) -> OffsetDateTime {
        date(self.now_ms())
    }

    /// Moves the time forwards, at once, and wakes whoever waits for a moment that this reaches.
    pub fn advance(&self, by: Duration) {
        self.0.ahead_ms.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
        self.0.moved.notify_waiters();
    }

    /// Ends when [`advance`](Clock::advance) is next called.
    pub(crate) fn moved(&self) -> impl Future<Output = ()> + '_ {
        self.0.moved.notified()
    }
}

/// A count of milliseconds since the epoch as a date; the epoch itself where it is out of range.
pub(crate) fn date(ms: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// `2026-11-22T10:00:00.123Z`, the form that AWS's documents use.
pub(crate) fn iso_ms(ms: i64) -> String {
    let at = date(ms);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_move_together() {
        let clock = Clock::default();
        let other = clock.clone();
        let before = other.now_s();
        clock.advance(Duration::from_secs(3600));
        assert!(other.now_s() >= before + 3600);
    }

    #[test]
    fn dates_read_as_aws_writes_them() {
        assert_eq!(iso_ms(1_795_341_600_007), "2026-11-22T10:00:00.007Z");
    }
}
