//! Receipts: the tag of a delivered text, seen in the agent's own log.
//!
//! Whoever reads a log decides where a receipt may stand: in what a channel put there (an attachment,
//! a tool's result, a hook's prompt), never in the agent's own words or in dumps of its requests.

use crate::recover::ProposalId;

const OPENING: &str = "[medbay ";
/// What every text of an operator begins with.
const BEGINNING: &str = "Operator:";
/// Hex digits of an id.
const DIGITS: usize = 12;

/// The first tag in a text.
pub fn receipt_in(text: &str) -> Option<ProposalId> {
    receipts_in(text).next()
}

/// All tags in a text, in order.
fn receipts_in(text: &str) -> impl Iterator<Item = ProposalId> + '_ {
    text.match_indices(OPENING).filter_map(|(at, _)| {
        let rest = text.get(at + OPENING.len()..)?;
        let id = rest.get(..DIGITS)?;
        let hex = id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let closed = rest.get(DIGITS..).is_some_and(|r| r.starts_with(']'));
        (hex && closed).then(|| ProposalId::stored(id))
    })
}

/// An operator's text that stands in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// By its tag.
    pub proposal: ProposalId,
    /// From `Operator:` to the tag, byte for byte; `None` where the log does not carry it whole.
    pub text: Option<String>,
}

/// All operator's texts in a text, in order. `whole`: nothing was left out of it.
pub fn arrived_in(text: &str, whole: bool) -> Vec<Arrived> {
    let mut from = 0;
    let mut all = Vec::new();
    for (at, _) in text.match_indices(OPENING) {
        let end = at + OPENING.len() + DIGITS + 1;
        let Some(proposal) = text.get(at..end).and_then(receipt_in) else { continue };
        let said = text.get(from..end).filter(|_| whole);
        let said = said.and_then(|said| said.get(said.find(BEGINNING)?..));
        all.push(Arrived { proposal, text: said.map(str::to_owned) });
        from = end;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::RunId;
    use proptest::prelude::*;

    #[test]
    fn a_tag_is_found_and_nothing_like_it() {
        let id = ProposalId::of(&RunId::new("r"), "main", "c", "x", "m");
        let text = format!("[medbay 12] é[medbay ABCDEFABCDEF] Operator: go on {} [medbay ", id.tag());
        assert_eq!(receipt_in(&text), Some(id));
        assert_eq!(receipt_in("[medbay 0123456789ab"), None);
        assert_eq!(receipt_in("[medbay 0123456789abc]"), None);
    }

    #[test]
    fn a_text_is_taken_from_its_beginning_to_its_tag() {
        let id = |call| ProposalId::of(&RunId::new("r"), "main", call, "x", "m");
        let (a, b) = (id("a"), id("b"));
        let text = format!(
            "<note>hook says: Operator: do ü {} </note> Operator: and\nthat {}{}",
            a.tag(),
            b.tag(),
            a.tag()
        );
        let arrived = arrived_in(&text, true);
        let texts: Vec<_> = arrived.iter().map(|one| one.text.clone()).collect();
        let first = format!("Operator: do ü {}", a.tag());
        assert_eq!(texts, [Some(first), Some(format!("Operator: and\nthat {}", b.tag())), None]);
        assert_eq!(arrived[1].proposal, b);
        assert!(arrived_in(&text, false).iter().all(|one| one.text.is_none()));
    }

    proptest! {
        #[test]
        fn any_text_is_searched_without_harm(text in "(\\[medbay |[0-9a-f]|\\]|\\PC){0,60}") {
            for id in receipts_in(&text) {
                prop_assert!(text.contains(&id.tag()));
            }
            let ids: Vec<_> = arrived_in(&text, true).into_iter().map(|one| one.proposal).collect();
            prop_assert_eq!(ids, receipts_in(&text).collect::<Vec<_>>());
        }
    }
}
