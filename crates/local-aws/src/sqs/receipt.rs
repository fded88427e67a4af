//! Receipt handles: which message, and which receive of it.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// A receipt handle, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub message_id: String,
    pub mark: String,
}

/// What to answer to a handle that is no longer the message's latest, or whose message went back to the queue.
///
/// Both were seen of the real SQS, so what is built on it must live with either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum StaleHandles {
    /// The request succeeds and does nothing.
    #[default]
    Ignore,
    /// The request fails with `InvalidParameterValue`.
    Refuse,
}

impl Receipt {
    /// The handle that clients see.
    pub fn handle(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(format!("{}:{}", self.message_id, self.mark))
    }

    /// Takes a handle apart; nothing where it is none of ours.
    pub fn parse(handle: &str) -> Option<Receipt> {
        let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(handle).ok()?).ok()?;
        let (message_id, mark) = text.split_once(':')?;
        Some(Receipt { message_id: message_id.to_owned(), mark: mark.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_come_back_whole_and_others_are_refused() {
        let receipt = Receipt { message_id: "id".into(), mark: "m".into() };
        assert_eq!(Receipt::parse(&receipt.handle()), Some(receipt));
        assert_eq!(Receipt::parse("not a handle"), None);
        assert_eq!(Receipt::parse("AAAA"), None);
    }
}
