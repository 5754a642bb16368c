//! A plan that an agent wrote as prose, taken apart into its items.

use std::borrow::Cow;

use crate::trace::{PlanItem, PlanStatus};

/// The items of a plan in prose: its list lines, or the whole if it has none.
pub(super) fn plan_of_prose(text: Cow<'_, str>) -> Vec<PlanItem<'_>> {
    let items: Vec<PlanItem<'_>> = text
        .lines()
        .filter_map(|line| {
            let (text, status) = list_item(line.trim_start())?;
            Some(PlanItem { text: Cow::Owned(text.to_owned()), status })
        })
        .collect();
    if items.is_empty() && !text.trim().is_empty() {
        return vec![PlanItem { text, status: PlanStatus::Pending }];
    }
    items
}

fn list_item(line: &str) -> Option<(&str, PlanStatus)> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let rest = match digits {
        0 => line.strip_prefix("- ").or_else(|| line.strip_prefix("* "))?,
        _ => line.get(digits..)?.strip_prefix(". ")?,
    };
    let (rest, status) = match rest.get(..4) {
        Some("[ ] ") => (rest.get(4..)?, PlanStatus::Pending),
        Some("[x] " | "[X] ") => (rest.get(4..)?, PlanStatus::Done),
        _ => (rest, PlanStatus::Pending),
    };
    (!rest.trim().is_empty()).then_some((rest.trim(), status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_gives_its_list_lines() {
        let plan = plan_of_prose("# Plan\n1. look\n2. fix\n- [x] done\nwords".into());
        assert_eq!(plan.len(), 3);
        assert_eq!(plan[2].status, PlanStatus::Done);
        assert_eq!(plan_of_prose("just words".into()).len(), 1);
    }
}
