//! Receipts: the tag of a delivered text, seen in the agent's own log.
//!
//! Whoever reads a log decides where a receipt may stand: in what a channel put there (an attachment,
//! a tool's result, a hook's prompt), never in the agent's own words or in dumps of its requests.

use jiff::Timestamp;

use crate::ledger::{Ledger, Result};
use crate::recover::ProposalId;
use crate::trace::RunId;

const OPENING: &str = "[medbay ";
/// Hex digits of an id.
const DIGITS: usize = 12;

/// The first tag in a text.
pub fn receipt_in(text: &str) -> Option<ProposalId> {
    receipts_in(text).next()
}

/// All tags in a text, in order.
pub fn receipts_in(text: &str) -> impl Iterator<Item = ProposalId> + '_ {
    text.match_indices(OPENING).filter_map(|(at, _)| {
        let rest = text.get(at + OPENING.len()..)?;
        let id = rest.get(..DIGITS)?;
        let hex = id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let closed = rest.get(DIGITS..).is_some_and(|r| r.starts_with(']'));
        (hex && closed).then(|| ProposalId::stored(id))
    })
}

/// Takes the receipts in a text that a channel put into the log of `run`, in `record` (0-based in its
/// source): what was handed over to this run is confirmed where the whole approved text stands there.
/// Returns what was confirmed by it. Cheap for a text without a tag.
///
/// # Errors
/// The ledger cannot be read or written.
pub fn take_receipts(
    ledger: &Ledger,
    run: &RunId,
    text: &str,
    record: Option<u32>,
    now: Timestamp,
) -> Result<Vec<ProposalId>> {
    let mut confirmed = Vec::new();
    for id in receipts_in(text) {
        // A tag that is nobody's is only text.
        let Some(entry) = ledger.find(id.as_str())?.pop() else { continue };
        let whole = entry.delivery.is_some_and(|sent| text.contains(&sent.text));
        if whole && entry.proposal.target.run == *run && ledger.confirm(&id, record, now)? {
            confirmed.push(id);
        }
    }
    Ok(confirmed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tag_is_found_and_nothing_like_it() {
        let id = ProposalId::of(&RunId::new("r"), "main", "c", "x", "m");
        let text = format!("[medbay 12] é[medbay ABCDEFABCDEF] Operator: go on {} [medbay ", id.tag());
        assert_eq!(receipt_in(&text), Some(id));
        assert_eq!(receipt_in("[medbay 0123456789ab"), None);
        assert_eq!(receipt_in("[medbay 0123456789abc]"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_searched_without_harm(text in "(\\[medbay |[0-9a-f]|\\]|\\PC){0,60}") {
            for id in receipts_in(&text) {
                prop_assert!(text.contains(&id.tag()));
            }
        }
    }
}
