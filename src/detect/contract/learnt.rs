//! Learnt: what a tool's calls that went well had in common, where no schema was declared.

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value};

use super::schema::{Breach, Type, shown_list, value_hash};
use super::{GOOD_CALLS, MOST_ARGUMENTS};

/// Good calls after which few values of an argument are taken for all that there are.
const GOOD_CALLS_FOR_VALUES: u32 = 8;
/// An argument with more values than this takes any.
const MOST_VALUES: usize = 4;
/// A longer text is no choice of few.
const VALUE_BYTES: usize = 24;

#[derive(Debug, Default)]
struct Argument {
    seen: u32,
    types: Vec<Type>,
    values: FxHashSet<u64>,
    /// The values as they stand, for the operator; empty once there are too many.
    shown: Vec<String>,
    any: bool,
}

/// What was seen of one tool.
#[derive(Debug, Default)]
pub(super) struct Learnt {
    good: u32,
    arguments: FxHashMap<String, Argument>,
    full: bool,
}

impl Learnt {
    /// Takes in a call that went well.
    pub(super) fn learn(&mut self, arguments: &Map<String, Value>) {
        self.good = self.good.saturating_add(1);
        for (name, value) in arguments {
            if self.arguments.len() >= MOST_ARGUMENTS && !self.arguments.contains_key(name) {
                self.full = true;
                continue;
            }
            let name = crate::text::clip(name, 80).to_owned();
            let known = self.arguments.entry(name).or_default();
            known.seen = known.seen.saturating_add(1);
            let kind = Type::of(value);
            if !known.types.contains(&kind) {
                known.types.push(kind);
            }
            match value.as_str().filter(|text| text.len() <= VALUE_BYTES) {
                Some(text) if !known.any => {
                    if known.values.insert(value_hash(value)) {
                        known.shown.push(text.to_owned());
                    }
                    known.any = known.values.len() > MOST_VALUES;
                }
                _ => known.any = true,
            }
            if known.any {
                known.values.clear();
                known.shown.clear();
            }
        }
    }

    /// An argument that none of the good calls had.
    pub(super) fn unseen(&self, arguments: &Map<String, Value>) -> Option<String> {
        if self.good < GOOD_CALLS || self.full {
            return None;
        }
        arguments.keys().find(|name| !self.arguments.contains_key(*name)).cloned()
    }

    /// How a call is unlike all the good ones.
    pub(super) fn breach(&self, arguments: &Map<String, Value>) -> Option<Breach> {
        if self.good < GOOD_CALLS || self.full {
            return None;
        }
        let good = self.good;
        for (name, known) in &self.arguments {
            let shown = crate::text::excerpt(name, 40);
            let Some(value) = arguments.get(name) else {
                if known.seen == good {
                    return Some(Breach {
                        sentence: format!("leaves out {shown}, which all {good} good calls before had"),
                        mend: format!("Give {shown} a value that you have seen."),
                        argument: shown,
                    });
                }
                continue;
            };
            if known.seen >= GOOD_CALLS && !known.types.contains(&Type::of(value)) {
                let wanted: Vec<&str> = known.types.iter().map(|kind| kind.word()).collect();
                return Some(Breach {
                    sentence: format!(
                        "passes {} as {shown}, which was {} in all good calls before",
                        crate::text::quoted(&value.to_string(), 60),
                        wanted.join(" or ")
                    ),
                    mend: format!("Pass {shown} as {}.", wanted.join(" or ")),
                    argument: shown,
                });
            }
            if known.seen >= GOOD_CALLS_FOR_VALUES && !known.any && !known.values.contains(&value_hash(value))
            {
                let values: Vec<&str> = known.shown.iter().map(String::as_str).collect();
                return Some(Breach {
                    sentence: format!(
                        "passes {} as {shown}; all good calls before had one of {}",
                        crate::text::quoted(&value.to_string(), 60),
                        shown_list(&values)
                    ),
                    mend: format!("Choose {shown} from the values that worked before."),
                    argument: shown,
                });
            }
        }
        None
    }
}
