//! Tools: what sort a tool is, by its name, and what a call of it asks for, by its arguments.

use std::hash::Hasher as _;

use rustc_hash::FxHasher;
use serde::Serialize;
use serde_json::Value;

/// What sort of tool it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolKind {
    /// Runs a command.
    Shell,
    /// Runs code that is not a shell command.
    Code,
    /// Reads a file.
    Read,
    /// Writes a whole file.
    Write,
    /// Changes a part of a file.
    Edit,
    /// Looks for files, lines or pages.
    Search,
    /// Fetches from the network.
    Fetch,
    /// Hands work to another agent.
    Agent,
    /// Keeps the agent's own plan.
    Plan,
    /// Anything else: an application's own tool.
    Other,
}

impl ToolKind {
    /// The sort of tool that goes by this name. Letter case, `-`, `_`, and the prefix of an MCP
    /// server (`mcp__server__`) do not matter.
    pub fn of(name: &str) -> Self {
        let bare =
            name.strip_prefix("mcp__").and_then(|rest| rest.split_once("__")).map_or(name, |(_, tool)| tool);
        let bare = bare.rsplit(['.', '/', ':']).next().unwrap_or(bare);
        let folded: String =
            bare.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect();
        match folded.as_str() {
            "bash" | "shell" | "sh" | "execcommand" | "localshell" | "localshellcall" | "runshellcommand"
            | "runshell" | "terminal" | "executebash" | "runcommand" | "cmd" | "powershell" | "run"
            | "containerexec" | "unifiedexec" | "shellcommand" | "executecommand" | "bashtool" => Self::Shell,
            "python" | "executecode" | "ipython" | "runipython" | "jupyter" | "exec" | "codeinterpreter"
            | "executepython" | "runcode" | "runpython" | "pythoninterpreter" => Self::Code,
            "read" | "readfile" | "view" | "viewfile" | "cat" | "openfile" | "notebookread"
            | "readmanyfiles" => Self::Read,
            "write" | "writefile" | "createfile" | "create" | "savefile" => Self::Write,
            "edit"
            | "multiedit"
            | "applypatch"
            | "strreplace"
            | "strreplaceeditor"
            | "replace"
            | "notebookedit"
            | "patch"
            | "strreplacebasededittool"
            | "editfile"
            | "applydiff"
            | "searchreplace" => Self::Edit,
            "grep"
            | "glob"
            | "search"
            | "find"
            | "ls"
            | "list"
            | "listdirectory"
            | "websearch"
            | "googlesearch"
            | "googlewebsearch"
            | "searchfilecontent"
            | "lookup"
            | "findfiles"
            | "toolsearch"
            | "codesearch"
            | "wikipediaknowledgesearcher"
            | "arxivpapersearcher" => Self::Search,
            "webfetch" | "fetch" | "browse" | "openurl" | "http" | "httprequest" | "curl" | "visit"
            | "visitpage" | "browserinteractive" | "urltextextractor" => Self::Fetch,
            "task" | "agent" | "spawnagent" | "delegate" | "dispatchagent" | "subagent" | "handoff" => {
                Self::Agent
            }
            "todowrite" | "updateplan" | "taskcreate" | "taskupdate" | "exitplanmode" | "writetodos"
            | "tasktracker" | "plan" => Self::Plan,
            _ => Self::Other,
        }
    }
}

/// A call's arguments, taken apart as far as the kind of tool allows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The shell command, or the code.
    pub command: Option<String>,
    /// The paths that the call names as its target.
    pub paths: Vec<String>,
    /// The URL that it fetches.
    pub url: Option<String>,
    /// The text that it writes (a whole file, or the new part of one).
    pub new_text: Option<String>,
    /// The text that it replaces.
    pub old_text: Option<String>,
    /// Whether the call runs in the background, so that its outcome comes later or never.
    pub background: bool,
    /// Name and text of each argument at the top level (strings bare, other values as JSON).
    pub arguments: Vec<(String, String)>,
}

impl Request {
    /// Takes arguments apart: `input` is JSON text, or the bare text of a tool that takes text. Also
    /// gives the call's hash (see [`call_hash`]), for which the same JSON is needed.
    pub fn parse(tool: &str, kind: ToolKind, input: &str) -> (Self, u64) {
        let value = structured(input);
        let hash = hash_call(tool, input, value.as_ref());
        let request = match value {
            Some(Value::Object(arguments)) => Self::from_arguments(kind, arguments),
            _ => Self::from_text(kind, input),
        };
        (request, hash)
    }

    fn from_text(kind: ToolKind, input: &str) -> Self {
        let mut request = Self::default();
        match kind {
            ToolKind::Shell | ToolKind::Code => request.command = Some(input.to_owned()),
            ToolKind::Edit => request.read_patch(input),
            ToolKind::Read | ToolKind::Write => request.paths.push(input.trim().to_owned()),
            ToolKind::Fetch => request.url = Some(input.trim().to_owned()),
            _ => {}
        }
        if !input.trim().is_empty() {
            request.arguments.push((String::new(), input.to_owned()));
        }
        request
    }

    fn from_arguments(kind: ToolKind, arguments: serde_json::Map<String, Value>) -> Self {
        let mut request = Self::default();
        for (name, value) in arguments {
            let text = argument_text(&value);
            match name.as_str() {
                "command" | "cmd" | "script" | "code" | "cell"
                    if matches!(kind, ToolKind::Shell | ToolKind::Code) =>
                {
                    request.command = Some(text.clone());
                }
                "file_path" | "path" | "filename" | "file" | "notebook_path" | "absolute_path"
                | "filePath" | "target_file" | "relative_path" => request.paths.push(text.clone()),
                "paths" | "files" => {
                    if let Value::Array(paths) = &value {
                        request.paths.extend(paths.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                }
                "url" | "uri" => request.url = Some(text.clone()),
                "content" | "new_string" | "new_str" | "file_text" | "newString" | "new_source"
                | "contents" | "new_text" => request.new_text = Some(text.clone()),
                "old_string" | "old_str" | "oldString" | "old_text" => request.old_text = Some(text.clone()),
                "edits" => request.read_edits(&value),
                "input" | "patch" | "diff" if kind == ToolKind::Edit => request.read_patch(&text),
                "run_in_background" | "background" | "is_background" => {
                    request.background = value.as_bool().unwrap_or(false);
                }
                _ => {}
            }
            request.arguments.push((name, text));
        }
        if kind == ToolKind::Edit
            && request.paths.is_empty()
            && let Some(patch) = request
                .arguments
                .iter()
                .map(|(_, text)| text)
                .find(|t| t.contains("*** Begin Patch"))
                .cloned()
        {
            request.read_patch(&patch);
        }
        request
    }

    fn read_edits(&mut self, edits: &Value) {
        let Value::Array(edits) = edits else { return };
        let side = |names: [&str; 2]| {
            let texts: Vec<&str> = edits
                .iter()
                .filter_map(|e| names.iter().find_map(|n| e.get(n)).and_then(Value::as_str))
                .collect();
            (!texts.is_empty()).then(|| texts.join("\n"))
        };
        self.old_text = side(["old_string", "oldText"]);
        self.new_text = side(["new_string", "newText"]);
    }

    /// Reads a patch: the `*** Update File:` form of `apply_patch`, or a unified diff.
    fn read_patch(&mut self, patch: &str) {
        let (mut old, mut new) = (String::new(), String::new());
        for line in patch.lines() {
            let header =
                ["*** Update File: ", "*** Add File: ", "*** Delete File: ", "*** Move to: ", "+++ b/"];
            if let Some(path) = header.iter().find_map(|h| line.strip_prefix(h)) {
                self.paths.push(path.trim().to_owned());
            } else if line.starts_with("***") || line.starts_with("---") || line.starts_with("+++") {
            } else if let Some(added) = line.strip_prefix('+') {
                new.push_str(added);
                new.push('\n');
            } else if let Some(removed) = line.strip_prefix('-') {
                old.push_str(removed);
                old.push('\n');
            }
        }
        self.new_text = (!new.is_empty()).then_some(new);
        self.old_text = (!old.is_empty()).then_some(old);
    }

    /// What the call is about, for a label: its command, path, URL or first argument.
    pub fn subject(&self) -> &str {
        self.command
            .as_deref()
            .or(self.paths.first().map(String::as_str))
            .or(self.url.as_deref())
            .or(self.arguments.first().map(|(_, text)| text.as_str()))
            .unwrap_or_default()
    }
}

fn argument_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // Codex classic: {"command":["bash","-lc","…"]}.
        Value::Array(words) if !words.is_empty() && words.iter().all(Value::is_string) => {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            match words.as_slice() {
                [_, flag, script] if flag.starts_with('-') && flag.ends_with('c') => (*script).to_owned(),
                words => words.join(" "),
            }
        }
        other => other.to_string(),
    }
}

/// Hash of a call: the tool and its arguments with the order of keys and the white space between
/// them taken out.
pub fn call_hash(tool: &str, input: &str) -> u64 {
    hash_call(tool, input, structured(input).as_ref())
}

/// A call's input as JSON, if it is an object or an array.
fn structured(input: &str) -> Option<Value> {
    let json = input.trim_start();
    if json.starts_with(['{', '[']) { serde_json::from_str(json).ok() } else { None }
}

fn hash_call(tool: &str, input: &str, value: Option<&Value>) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(tool.as_bytes());
    hasher.write_u8(0);
    match value {
        Some(value) => hash_value(value, &mut hasher),
        None => hasher.write(input.trim().as_bytes()),
    }
    hasher.finish().max(1)
}

fn hash_value(value: &Value, hasher: &mut FxHasher) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            for key in keys {
                // What a call is for is told in words of the model and changes nothing.
                if key == "description" {
                    continue;
                }
                hasher.write(key.as_bytes());
                hasher.write_u8(1);
                if let Some(value) = map.get(key) {
                    hash_value(value, hasher);
                }
            }
            hasher.write_u8(2);
        }
        Value::Array(items) => {
            for item in items {
                hash_value(item, hasher);
            }
            hasher.write_u8(3);
        }
        Value::String(text) => {
            hasher.write(text.as_bytes());
            hasher.write_u8(4);
        }
        other => hasher.write(other.to_string().as_bytes()),
    }
}

/// Hash of an outcome's text. Words that differ between equal outcomes are left out: clock times,
/// durations, addresses, long hexadecimal ids. 0 stands for no outcome and is never returned.
pub fn outcome_hash(text: &str) -> u64 {
    let mut hasher = FxHasher::default();
    for word in text.split_ascii_whitespace() {
        if is_volatile(word) {
            hasher.write_u8(b'#');
        } else {
            hasher.write(word.as_bytes());
        }
        hasher.write_u8(b' ');
    }
    hasher.finish().max(1)
}

fn is_volatile(word: &str) -> bool {
    if !word.bytes().any(|b| b.is_ascii_digit()) {
        return false;
    }
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let clock = word.bytes().filter(|b| *b == b':').count() >= 2 && digits >= 5;
    let address = word.starts_with("0x") && word.len() > 6;
    let unit = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let duration = matches!(unit, "s" | "ms" | "us" | "µs" | "ns" | "sec" | "secs" | "seconds")
        && unit.len() < word.len();
    let hexadecimal = word.len() >= 12 && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    clock || address || duration || hexadecimal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(kind: ToolKind, input: &str) -> Request {
        Request::parse("", kind, input).0
    }

    #[test]
    fn names_of_known_programs_are_classified() {
        for (name, kind) in [
            ("Bash", ToolKind::Shell),
            ("exec_command", ToolKind::Shell),
            ("run_shell_command", ToolKind::Shell),
            ("mcp__files__read_file", ToolKind::Read),
            ("MultiEdit", ToolKind::Edit),
            ("apply_patch", ToolKind::Edit),
            ("WebFetch", ToolKind::Fetch),
            ("spawn_agent", ToolKind::Agent),
            ("TodoWrite", ToolKind::Plan),
            ("book_reservation", ToolKind::Other),
        ] {
            assert_eq!(ToolKind::of(name), kind, "{name}");
        }
    }

    #[test]
    fn arguments_are_taken_apart() {
        let edit = parsed(ToolKind::Edit, r#"{"file_path":"a.py","old_string":"x","new_string":"y"}"#);
        assert_eq!(
            (edit.paths.as_slice(), edit.old_text.as_deref(), edit.new_text.as_deref()),
            (&["a.py".to_owned()][..], Some("x"), Some("y"))
        );
        let shell = parsed(ToolKind::Shell, r#"{"command":["bash","-lc","cargo test"]}"#);
        assert_eq!(shell.command.as_deref(), Some("cargo test"));
        let patch = parsed(
            ToolKind::Edit,
            "*** Begin Patch\n*** Update File: /w/a.py\n@@\n-old\n+new\n*** End Patch\n",
        );
        assert_eq!(
            (patch.paths.as_slice(), patch.new_text.as_deref()),
            (&["/w/a.py".to_owned()][..], Some("new\n"))
        );
        let json_patch =
            parsed(ToolKind::Edit, r#"{"cmd":"*** Begin Patch\n*** Add File: b.py\n+x\n*** End Patch"}"#);
        assert_eq!(json_patch.paths, ["b.py"]);
    }

    #[test]
    fn equal_calls_have_one_hash() {
        assert_eq!(call_hash("t", r#"{"a":1,"b":"x"}"#), call_hash("t", r#"{ "b": "x", "a": 1 }"#));
        assert_eq!(
            call_hash("Bash", r#"{"command":"ls","description":"one"}"#),
            call_hash("Bash", r#"{"command":"ls"}"#)
        );
        assert_ne!(call_hash("t", r#"{"a":1}"#), call_hash("t", r#"{"a":2}"#));
    }

    #[test]
    fn equal_outcomes_have_one_hash() {
        assert_eq!(
            outcome_hash("Ran 3 tests in 0.003s at 12:00:01"),
            outcome_hash("Ran 3 tests in 0.120s at 12:00:09")
        );
        assert_ne!(outcome_hash("3 failed"), outcome_hash("2 failed"));
    }
}
