//! Which key runs which command where: the table's keys, changed by the operator's configuration.

use std::collections::HashMap;

use super::command::{Act, COMMANDS, Command, Context, by_name};
use super::key::Key;
use super::model::Model;

/// Which key runs which command where.
#[derive(Clone, Debug)]
pub struct Keymap {
    bound: HashMap<(Context, Key), Act>,
}

/// Why a key map cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeymapError {
    /// No command has this name.
    #[error("keys: there is no command `{0}`; `:` in the console lists them")]
    NoCommand(String),
    /// Text that names no key.
    #[error("keys.{command}: `{key}` names no key; write j, G, C-d, A-x, Enter, Space or F5")]
    NoKey {
        /// Of which command.
        command: String,
        /// The text.
        key: String,
    },
    /// A key that two commands want in the same place.
    #[error("keys.{command}: `{key}` already runs {other} there; give one of them another key")]
    Taken {
        /// The command that wants it.
        command: String,
        /// The key.
        key: String,
        /// The command that has it.
        other: &'static str,
    },
    /// A command that has no keys in the table has no place where a key could hold.
    #[error("keys.{0}: this command takes no key; use it from the palette")]
    NoPlace(String),
}

impl Default for Keymap {
    fn default() -> Self {
        let mut bound = HashMap::new();
        for command in COMMANDS {
            for (context, keys) in command.keys {
                for key in keys.iter().filter_map(|key| Key::parse(key)) {
                    bound.insert((*context, key), command.act);
                }
            }
        }
        Self { bound }
    }
}

impl Keymap {
    /// The table's keys with changes: command name and its new keys, which replace the table's.
    /// An empty list unbinds a command.
    pub fn with(changes: &[(String, Vec<String>)]) -> Result<Self, KeymapError> {
        let mut map = Self::default();
        let mut wanted: Vec<(&'static Command, Vec<Key>)> = Vec::new();
        for (name, keys) in changes {
            let command = by_name(name).ok_or_else(|| KeymapError::NoCommand(name.clone()))?;
            if command.keys.is_empty() {
                return Err(KeymapError::NoPlace(name.clone()));
            }
            let keys = keys
                .iter()
                .map(|key| {
                    Key::parse(key)
                        .ok_or_else(|| KeymapError::NoKey { command: name.clone(), key: key.clone() })
                })
                .collect::<Result<Vec<_>, _>>()?;
            map.bound.retain(|_, act| *act != command.act);
            wanted.push((command, keys));
        }
        for (command, keys) in wanted {
            for (context, _) in command.keys {
                for key in &keys {
                    let before = map.bound.insert((*context, *key), command.act);
                    if let Some(other) = before.filter(|act| *act != command.act) {
                        return Err(KeymapError::Taken {
                            command: command.name.to_owned(),
                            key: key.to_string(),
                            other: super::command::of(other).map_or("another", |c| c.name),
                        });
                    }
                }
            }
        }
        Ok(map)
    }

    /// What a key does now: a replay's keys first, then the screen's, then everybody's.
    pub fn act(&self, model: &Model, key: Key) -> Option<Act> {
        [
            Context::Replay,
            Context::Fleet,
            Context::Run,
            Context::Desk,
            Context::Decisions,
            Context::List,
            Context::Any,
        ]
        .into_iter()
        .filter(|context| context.holds(model))
        .find_map(|context| self.bound.get(&(context, key)).copied())
    }

    /// The keys that run a command in a context, the table's first key first.
    pub fn keys(&self, context: Context, command: &Command) -> Vec<Key> {
        let mut keys: Vec<Key> = self
            .bound
            .iter()
            .filter(|((at, _), act)| *at == context && **act == command.act)
            .map(|((_, key), _)| *key)
            .collect();
        let table: Vec<Option<Key>> = command
            .keys
            .iter()
            .filter(|(at, _)| *at == context)
            .flat_map(|(_, keys)| keys.iter().map(|key| Key::parse(key)))
            .collect();
        keys.sort_by_key(|key| (table.iter().position(|t| *t == Some(*key)).unwrap_or(usize::MAX), *key));
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str, keys: &[&str]) -> (String, Vec<String>) {
        (name.to_owned(), keys.iter().map(|k| (*k).to_owned()).collect())
    }

    #[test]
    fn keys_can_be_changed_and_swapped() {
        let map = Keymap::with(&[change("approve", &["e"]), change("edit", &["a"])]).unwrap();
        assert_eq!(map.bound.get(&(Context::Desk, Key::char('e'))), Some(&Act::Approve));
        assert_eq!(map.bound.get(&(Context::Desk, Key::char('a'))), Some(&Act::Edit));
    }

    #[test]
    fn conflicts_and_mistakes_are_said_in_one_sentence() {
        let error = |changes: &[(String, Vec<String>)]| Keymap::with(changes).unwrap_err().to_string();
        assert_eq!(
            error(&[change("approve", &["v"])]),
            "keys.approve: `v` already runs veto there; give one of them another key"
        );
        assert!(error(&[change("aprove", &["v"])]).contains("no command `aprove`"));
        assert!(error(&[change("approve", &["Hyper-a"])]).contains("names no key"));
        assert!(error(&[change("messages", &["m"])]).contains("takes no key"));
    }
}
