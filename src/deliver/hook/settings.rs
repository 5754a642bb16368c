//! An agent's settings, with medbay's hook put in or taken out. Pure: text in, text out.
//!
//! All keep their hooks in a JSON object `hooks`, by event: most in groups that may name the tools that
//! they are for, Crush without groups. Only the hook's own entries are written or removed; every other byte stays, and taking out what was
//! put in gives the text that was there before.

use std::ops::Range;

use serde_json::json;

use super::Dialect;
use super::outline::{Kind, Node, outline};
use crate::text;

/// The time limit that is written for the hook, in seconds.
pub const TIMEOUT_SECONDS: u64 = 60;

/// How an agent's settings have the hook.
struct Form {
    /// What its command ends with.
    call: &'static str,
    /// The events that medbay is called at.
    events: &'static [&'static str],
    /// Hooks stand in an event's list themselves, and not in groups.
    flat: bool,
    /// The time limit, in the agent's own unit.
    timeout: u64,
}

impl Dialect {
    fn form(self) -> Form {
        let (call, events): (_, &[_]) = match self {
            Self::ClaudeCode => (
                "hook claude-code",
                &[
                    "PreToolUse",
                    "PostToolUse",
                    "PostToolUseFailure",
                    "UserPromptSubmit",
                    "Stop",
                    "SubagentStop",
                    "SessionStart",
                    "SessionEnd",
                ],
            ),
            Self::Codex => {
                ("hook codex", &["PreToolUse", "PostToolUse", "UserPromptSubmit", "Stop", "SessionStart"])
            }
            Self::Gemini => (
                "hook gemini",
                &["BeforeTool", "AfterTool", "BeforeAgent", "AfterAgent", "SessionStart", "SessionEnd"],
            ),
            Self::OpenHands => {
                ("hook openhands", &["PreToolUse", "UserPromptSubmit", "Stop", "SessionStart", "SessionEnd"])
            }
            Self::Crush => ("hook crush", &["PreToolUse"]),
        };
        let timeout = if self == Self::Gemini { TIMEOUT_SECONDS * 1000 } else { TIMEOUT_SECONDS };
        Form { call, events, flat: self == Self::Crush, timeout }
    }

    /// The events that medbay is called at, as the agent names them.
    pub fn events(self) -> &'static [&'static str] {
        self.form().events
    }

    /// This program's path as the agent's shell takes it, with what it is asked.
    pub fn command(self, program: &str) -> String {
        let call = self.form().call;
        let plain =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | ':' | '@' | '%');
        if !program.is_empty() && program.chars().all(plain) {
            format!("{program} {call}")
        } else {
            format!("'{}' {call}", program.replace('\'', r"'\''"))
        }
    }

    /// The settings with `command` as a hook at each of its events, in place of any other hook of
    /// medbay; the same text where it is there already.
    ///
    /// # Errors
    /// The text is not understood, and is to be left as it is.
    pub fn connected(self, settings: &str, command: &str) -> Result<String, SettingsError> {
        let form = self.form();
        let already = {
            let root = read(settings)?;
            form.events.iter().all(|event| stands_once(&form, &root, event, command))
                && ours(&form, &root)?.len() == form.events.len()
        };
        if already {
            return Ok(settings.to_owned());
        }
        let mut text = self.disconnected(settings)?;
        if text.trim().is_empty() {
            "{}\n".clone_into(&mut text);
        }
        let style = Style::of(&text, &read(&text)?);
        let mut entry = json!({"type": "command", "command": command, "timeout": form.timeout});
        if form.flat {
            entry = json!({"command": command, "timeout": form.timeout});
        } else {
            entry = json!({"hooks": [entry]});
        }
        for event in form.events {
            text = put(&text, &style, event, &entry)?;
        }
        Ok(text)
    }

    /// The settings without any hook of medbay; the same text where there is none.
    ///
    /// # Errors
    /// The text is not understood, and is to be left as it is.
    pub fn disconnected(self, settings: &str) -> Result<String, SettingsError> {
        let form = self.form();
        let mut text = settings.to_owned();
        if text.trim().is_empty() {
            return Ok(text);
        }
        // One at a time: a removal moves what stands behind it.
        loop {
            let root = read(&text)?;
            let Some(path) = ours(&form, &root)?.into_iter().next() else {
                return Ok(text);
            };
            text = take_out(&text, &root, &path);
        }
    }
}

/// Why the settings are left as they are.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// It is not JSON.
    #[error("line {line} is not JSON ({why}): mend it, or add the hook by hand")]
    NotJson {
        /// 1-based.
        line: usize,
        /// Why, through the gate.
        why: String,
    },
    /// A part is not what the client's settings have there.
    #[error("{what} is not {expected}: mend it, or add the hook by hand")]
    Unexpected {
        /// Which part.
        what: String,
        /// What it should be.
        expected: &'static str,
    },
}

fn read(settings: &str) -> Result<Node, SettingsError> {
    if settings.trim().is_empty() {
        return Ok(Node { span: 0..0, kind: Kind::Object(Vec::new()) });
    }
    let root = outline(settings)
        .map_err(|(line, why)| SettingsError::NotJson { line, why: text::excerpt(&why, 120) })?;
    let Kind::Object(_) = root.kind else {
        return Err(unexpected("the file's content", "an object"));
    };
    Ok(root)
}

fn unexpected(what: &str, expected: &'static str) -> SettingsError {
    SettingsError::Unexpected { what: what.to_owned(), expected }
}

/// Where a hook of medbay stands: in which event, which element of its list and place of the group, where
/// there are groups.
struct Place {
    event: String,
    element: usize,
    hook: Option<usize>,
}

/// All hooks of medbay.
fn ours(form: &Form, root: &Node) -> Result<Vec<Place>, SettingsError> {
    let twice = |what: &str| unexpected(what, "there only once");
    let Some(hooks) = root.member("hooks").map_err(|()| twice("\"hooks\""))? else {
        return Ok(Vec::new());
    };
    let Kind::Object(events) = &hooks.value.kind else {
        return Err(unexpected("\"hooks\"", "an object"));
    };
    let mut found = Vec::new();
    for event in events {
        let name = || text::quoted(&event.key, 60);
        hooks.value.member(&event.key).map_err(|()| twice(&name()))?;
        let Some(elements) = event.value.elements() else {
            // What is no event of ours may be a switch.
            if form.events.contains(&event.key.as_str()) {
                return Err(unexpected(&name(), "a list"));
            }
            continue;
        };
        for (element, node) in elements.iter().enumerate() {
            if form.flat {
                if is_ours(form, node) {
                    found.push(Place { event: event.key.clone(), element, hook: None });
                }
                continue;
            }
            let inner = node.member("hooks").map_err(|()| twice("\"hooks\" of a group"))?;
            let inner = inner.and_then(|m| m.value.elements()).unwrap_or_default();
            let places = inner.iter().enumerate().filter(|(_, hook)| is_ours(form, hook));
            found.extend(places.map(|(hook, _)| Place {
                event: event.key.clone(),
                element,
                hook: Some(hook),
            }));
        }
    }
    Ok(found)
}

fn is_ours(form: &Form, hook: &Node) -> bool {
    let Some(command) = hook.text_of("command") else { return false };
    let program = match command.trim().strip_suffix(form.call) {
        Some(program) => program,
        None => {
            let arguments: Vec<&str> = hook
                .member("args")
                .ok()
                .flatten()
                .and_then(|m| m.value.elements())
                .unwrap_or_default()
                .iter()
                .filter_map(|a| match &a.kind {
                    Kind::Text(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect();
            if arguments.join(" ") != form.call {
                return false;
            }
            command
        }
    };
    let program = program.trim().trim_matches(['\'', '"']);
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
    matches!(name, "medbay" | "medbay.exe")
}

fn stands_once(form: &Form, root: &Node, event: &str, command: &str) -> bool {
    let elements = root
        .member("hooks")
        .ok()
        .flatten()
        .and_then(|hooks| hooks.value.member(event).ok().flatten())
        .and_then(|m| m.value.elements())
        .unwrap_or_default();
    // One of ours takes every tool: it names none.
    let elements = elements.iter().filter(|element| matches!(element.member("matcher"), Ok(None)));
    let hooks: Vec<&Node> = if form.flat {
        elements.collect()
    } else {
        elements
            .filter_map(|group| group.member("hooks").ok().flatten()?.value.elements())
            .flatten()
            .collect()
    };
    hooks.into_iter().filter(|hook| hook.text_of("command") == Some(command)).count() == 1
}

/// How the file is written.
struct Style {
    /// What one level is set in by; `None`: everything on one line.
    indent: Option<String>,
    line_end: &'static str,
}

impl Style {
    fn of(text: &str, root: &Node) -> Self {
        let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let first = root.inside().first().map(|span| span.start);
        let indent = match first.and_then(|first| text.get(root.span.start + 1..first)) {
            None => Some("  ".to_owned()),
            Some(before) => before.rsplit_once('\n').map(|(_, indent)| indent.to_owned()),
        };
        Self { indent, line_end }
    }

    fn line(&self, depth: usize) -> String {
        self.indent
            .as_ref()
            .map_or(String::new(), |indent| format!("{}{}", self.line_end, indent.repeat(depth)))
    }

    /// A value as it stands at that depth.
    fn value(&self, value: &serde_json::Value, depth: usize) -> String {
        let Some(indent) = &self.indent else { return value.to_string() };
        let mut bytes = Vec::new();
        let form = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
        let mut writer = serde_json::Serializer::with_formatter(&mut bytes, form);
        match serde::Serialize::serialize(value, &mut writer) {
            Ok(()) => String::from_utf8_lossy(&bytes).replace('\n', &self.line(depth)),
            Err(_) => value.to_string(),
        }
    }

    fn colon(&self) -> &'static str {
        if self.indent.is_some() { ": " } else { ":" }
    }
}

/// Puts an entry at the end of an event's list, and makes the list where there is none.
fn put(
    settings: &str,
    style: &Style,
    event: &str,
    entry: &serde_json::Value,
) -> Result<String, SettingsError> {
    let root = read(settings)?;
    let twice = |what: &str| unexpected(what, "there only once");
    let member = |key: &str, value: &str| format!("\"{key}\"{}{value}", style.colon());
    let Some(hooks) = root.member("hooks").map_err(|()| twice("\"hooks\""))? else {
        let text = append(settings, &root, style, 0, &member("hooks", "{}"));
        return put(&text, style, event, entry);
    };
    let Some(list) = hooks.value.member(event).map_err(|()| twice(event))? else {
        let text = append(settings, &hooks.value, style, 1, &member(event, "[]"));
        return put(&text, style, event, entry);
    };
    Ok(append(settings, &list.value, style, 2, &style.value(entry, 3)))
}

/// Adds an item at the end of an object or a list that stands at `depth`.
fn append(text: &str, into: &Node, style: &Style, depth: usize, item: &str) -> String {
    match into.inside().last() {
        Some(last) => replaced(text, last.end..last.end, &format!(",{}{item}", style.line(depth + 1))),
        None => {
            let inner = into.span.start + 1..into.span.end.saturating_sub(1);
            replaced(text, inner, &format!("{}{item}{}", style.line(depth + 1), style.line(depth)))
        }
    }
}

/// Takes one hook out, and with it whatever held nothing else.
fn take_out(text: &str, root: &Node, place: &Place) -> String {
    let mut levels: Vec<(&Node, usize)> = Vec::new();
    let mut at = Some(root);
    for step in ["hooks", &place.event] {
        let Some(node) = at else { break };
        let Kind::Object(members) = &node.kind else { break };
        let Some(index) = members.iter().position(|m| m.key == step) else { break };
        levels.push((node, index));
        at = members.get(index).map(|m| &m.value);
    }
    if let Some(list) = at {
        levels.push((list, place.element));
        let group = list.elements().and_then(|groups| groups.get(place.element));
        if let (Some(hooks), Some(hook)) = (group.and_then(|g| g.member("hooks").ok().flatten()), place.hook)
        {
            // A group that holds nothing else goes as a whole.
            if hooks.value.inside().len() > 1 {
                levels.push((&hooks.value, hook));
            }
        }
    }
    // The innermost that leaves something behind; the file's own object stays in any case.
    let chosen = levels.iter().rev().find(|(node, _)| node.inside().len() > 1);
    let Some((node, index)) = chosen.or(levels.first()) else {
        return text.to_owned();
    };
    let items = node.inside();
    let cut = match (index.checked_sub(1).and_then(|i| items.get(i)), items.get(*index), items.get(index + 1))
    {
        (Some(before), Some(item), _) => before.end..item.end,
        (None, Some(item), Some(next)) => item.start..next.start,
        _ => node.span.start + 1..node.span.end.saturating_sub(1),
    };
    replaced(text, cut, "")
}

fn replaced(text: &str, span: Range<usize>, with: &str) -> String {
    let (before, after) = (text.get(..span.start), text.get(span.end..));
    format!("{}{with}{}", before.unwrap_or_default(), after.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    const COMMAND: &str = "/opt/bin/medbay hook claude-code";

    const CLAUDE: Dialect = Dialect::ClaudeCode;

    fn hooks_at(text: &str, event: &str) -> Vec<String> {
        let all: Value = serde_json::from_str(text).unwrap();
        let groups = all["hooks"][event].as_array().cloned().unwrap_or_default();
        groups
            .iter()
            .flat_map(|g| g["hooks"].as_array().unwrap().clone())
            .map(|h| h["command"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn every_other_byte_stays_and_taking_out_gives_back_what_was() {
        for before in [
            "{}",
            "{}\n",
            "{\"a\":1}",
            "{\n    \"b\": 1.50,\n    \"a\": [ 1,2 ],\n    \"ü\": \"\\u00fc\"\n}\n",
            "{\r\n\t\"model\": \"x\"\r\n}\r\n",
            "{\n  \"hooks\": {\n    \"Stop\": [\n      {\"hooks\": [{\"type\":\"command\",\"command\":\"say done\"}]}\n    ]\n  },\n  \"z\": null\n}",
            "{\"hooks\":{\"PreToolUse\":[{\"matcher\":\"Bash\",\"hooks\":[{\"type\":\"command\",\"command\":\"x medbay hook\"}]}]},\"permissions\":{}}",
        ] {
            let with = CLAUDE.connected(before, COMMAND).unwrap();
            for event in CLAUDE.events() {
                let ours = hooks_at(&with, event);
                assert_eq!(ours.iter().filter(|c| *c == COMMAND).count(), 1, "{with}");
            }
            assert_eq!(CLAUDE.connected(&with, COMMAND).unwrap(), with, "twice is once");
            assert_eq!(CLAUDE.disconnected(&with).unwrap(), before);
            assert_eq!(CLAUDE.disconnected(before).unwrap(), before);
            if before.contains('\r') {
                assert_eq!(with.matches('\n').count(), with.matches("\r\n").count());
            }
        }
    }

    #[test]
    fn an_older_place_of_the_program_is_replaced_and_a_strangers_hook_is_left() {
        let old = CLAUDE.connected("{\n  \"a\": 1\n}\n", "'/old dir/medbay' hook claude-code").unwrap();
        let with = CLAUDE.connected(&old, COMMAND).unwrap();
        assert_eq!(hooks_at(&with, "Stop"), [COMMAND]);
        assert!(!with.contains("old dir"));
        let mixed = r#"{"hooks":{"Stop":[{"hooks":[{"type":"command","command":"a"},{"type":"command","command":"/x/medbay hook claude-code"},{"type":"command","command":"notmedbay hook claude-code"}]}]}}"#;
        let without = CLAUDE.disconnected(mixed).unwrap();
        assert_eq!(hooks_at(&without, "Stop"), ["a", "notmedbay hook claude-code"]);
        let listed =
            r#"{"hooks":{"Stop":[{"hooks":[{"command":"/x/medbay","args":["hook","claude-code"]}]}]}}"#;
        assert_eq!(CLAUDE.disconnected(listed).unwrap(), "{}");
    }

    #[test]
    fn what_is_not_understood_is_an_error_with_its_place() {
        for (text, part) in [
            ("{\n\"a\": 1,\n}", "line 3"),
            ("[]", "the file's content"),
            ("// note\n{}", "line 1"),
            ("{\"hooks\": []}", "\"hooks\" is not an object"),
            ("{\"hooks\": {\"Stop\": {}}}", "is not a list"),
            ("{\"hooks\": {}, \"hooks\": {}}", "only once"),
            ("{\"hooks\": {\"Stop\": [], \"Stop\": []}}", "only once"),
        ] {
            let error = CLAUDE.connected(text, COMMAND).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(CLAUDE.disconnected(text).is_err());
        }
    }

    #[test]
    fn each_agent_has_the_hook_in_its_own_form() {
        for dialect in Dialect::ALL {
            let command = dialect.command("/opt/bin/medbay");
            assert_eq!(command, format!("/opt/bin/medbay hook {}", dialect.name()));
            let strangers = "{\n  \"hooks\": {\n    \"enabled\": true,\n    \"Notification\": [],\n    \"PreToolUse\": [{\"command\": \"own\", \"hooks\": [{\"command\": \"x\"}]}]\n  }\n}\n";
            for before in ["{}", "{\"a\":[1]}", strangers] {
                let with = dialect.connected(before, &command).unwrap();
                assert_eq!(dialect.connected(&with, &command).unwrap(), with, "twice is once");
                assert_eq!(dialect.disconnected(&with).unwrap(), before);
                let all: Value = serde_json::from_str(&with).unwrap();
                for event in dialect.events() {
                    let entry = all["hooks"][event].as_array().unwrap().last().unwrap();
                    let hook = if dialect == Dialect::Crush { entry } else { &entry["hooks"][0] };
                    assert_eq!(hook["command"], command, "{with}");
                    let limit = if dialect == Dialect::Gemini { 60_000 } else { 60 };
                    assert_eq!(hook["timeout"], limit);
                }
            }
        }
    }

    #[test]
    fn a_path_with_blanks_is_quoted_for_the_shell() {
        assert_eq!(CLAUDE.command("/a/medbay"), "/a/medbay hook claude-code");
        assert_eq!(CLAUDE.command("/a b/it's/medbay"), r"'/a b/it'\''s/medbay' hook claude-code");
        let with = CLAUDE.connected("{}", &CLAUDE.command("/a b/it's/medbay")).unwrap();
        assert_eq!(CLAUDE.disconnected(&with).unwrap(), "{}");
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec(("[a-z\\\\\"{}:,]{1,6}", inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_settings_come_back_as_they_were(
            members in proptest::collection::vec(("[a-z]{1,6}", value()), 0..5),
            groups in proptest::collection::vec(("Stop|PreToolUse|Other", "[a-z ]{1,8}"), 0..4),
            pretty in any::<bool>(),
        ) {
            let mut all = serde_json::Map::from_iter(members.into_iter().filter(|(k, _)| k != "hooks"));
            let mut hooks = serde_json::Map::new();
            for (event, command) in groups {
                let list = hooks.entry(event).or_insert_with(|| json!([]));
                list.as_array_mut().unwrap().push(json!({"hooks": [{"command": command}]}));
            }
            if !hooks.is_empty() {
                all.insert("hooks".into(), hooks.into());
            }
            let before = if pretty {
                serde_json::to_string_pretty(&all).unwrap()
            } else {
                serde_json::to_string(&all).unwrap()
            };
            let with = CLAUDE.connected(&before, COMMAND).unwrap();
            let mut added: Value = serde_json::from_str(&with).unwrap();
            prop_assert_eq!(CLAUDE.disconnected(&with).unwrap(), before.clone());
            for event in CLAUDE.events() {
                let there = hooks_at(&with, event);
                prop_assert_eq!(there.last().map(String::as_str), Some(COMMAND));
            }
            added.as_object_mut().unwrap().remove("hooks");
            all.remove("hooks");
            prop_assert_eq!(added, Value::Object(all));
        }
    }
}
