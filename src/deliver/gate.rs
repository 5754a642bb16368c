//! A gate: an agent asks before it acts, and goes by what the operator says.
//!
//! The request is the value that LangChain's human-in-the-loop middleware interrupts with, and the
//! answer is what it resumes with (langchain 1.x, `HITLRequest` and `HITLResponse`):
//!
//! ```text
//! {"action_requests":[{"name","args","description"}],
//!  "review_configs":[{"action_name","allowed_decisions":["approve","edit","reject","respond"]}]}
//! {"decisions":[{"type":"approve"} | {"type":"edit","edited_action":{"name","args"}}
//!             | {"type":"reject","message"} | {"type":"respond","message"}]}
//! ```
//!
//! On the desk a request stands as a proposal whose text holds, for each action, a word on one line
//! and the action behind it, as drafted: `approve` and what the agent asked for. An operator who edits
//! it changes the action, or the word to `reject` or `respond` with a message. The approved text is
//! all that the answer is made of. An action stands in it as the agent wrote it, digit for digit.
//!
//! The proposal's id holds the digest of the whole request: an approval is of that request alone.
//! Pure: no files, no clock.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::detect::Class;
use crate::ledger::{GATE, as_sent};
use crate::recover::proposal::digest;
use crate::recover::{Proposal, ProposalId, Remedy, Scope, Target};
use crate::text;
use crate::trace::{Probability, RunId};

/// Most actions that one request may name.
const MOST_ACTIONS: usize = 32;
/// Longest name of an action or of a request, in bytes.
const LONGEST_NAME: usize = 200;
/// How the gate marks what it took out.
const TAKEN_OUT: &str = "«redacted: ";
/// What an agent is told of a refusal that came without words.
const NO_REASON: &str = "The operator refused this action.";

/// What an action can be answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Do it.
    Approve,
    /// Do this instead.
    Edit,
    /// Do not do it, for this reason.
    Reject,
    /// Take this as its result.
    Respond,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Approve, Self::Edit, Self::Reject, Self::Respond];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Edit => "edit",
            Self::Reject => "reject",
            Self::Respond => "respond",
        }
    }
}

/// What an agent asks.
#[derive(Debug, Deserialize)]
pub struct Request {
    action_requests: Vec<ActionRequest>,
    #[serde(default)]
    review_configs: Vec<ReviewConfig>,
}

#[derive(Debug, Deserialize)]
struct ActionRequest {
    name: String,
    args: Box<RawValue>,
    #[serde(default)]
    description: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ReviewConfig {
    action_name: String,
    allowed_decisions: Vec<Kind>,
}

/// An action as the operator writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    name: String,
    args: Box<RawValue>,
}

/// What one action is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Do it.
    Approve,
    /// Do this instead: an action as JSON, as the operator wrote it.
    Edit(String),
    /// Do not do it, for this reason.
    Reject(String),
    /// Take this as its result.
    Respond(String),
}

impl Decision {
    fn kind(&self) -> Kind {
        match self {
            Self::Approve => Kind::Approve,
            Self::Edit(_) => Kind::Edit,
            Self::Reject(_) => Kind::Reject,
            Self::Respond(_) => Kind::Respond,
        }
    }
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        let request: Self = serde_json::from_slice(body)
            .map_err(|e| format!("the request cannot be read: {}", text::excerpt(&e.to_string(), 200)))?;
        let actions = request.action_requests.len();
        if actions == 0 || actions > MOST_ACTIONS {
            return Err(format!("the request names {actions} actions: name 1 to {MOST_ACTIONS}"));
        }
        for action in &request.action_requests {
            if action.name.is_empty() || action.name.len() > LONGEST_NAME {
                return Err(format!(
                    "an action has a name of {} bytes: give it 1 to {LONGEST_NAME}",
                    action.name.len()
                ));
            }
            if !action.args.get().starts_with('{') {
                return Err(format!(
                    "the arguments of {} are no JSON object: send one",
                    text::quoted(&action.name, 60)
                ));
            }
        }
        Ok(request)
    }

    /// What the action may be answered with; all, where the request does not say.
    fn allowed(&self, action: &ActionRequest) -> &[Kind] {
        self.review_configs
            .iter()
            .find(|config| config.action_name == action.name)
            .map_or(&Kind::ALL, |config| config.allowed_decisions.as_slice())
    }

    /// The request as a proposal. `asked` is its name, by which it may be asked again; `body` all of
    /// it, as it came.
    ///
    /// # Errors
    /// It is too long to be shown whole, in a sentence.
    pub fn draft(&self, run: &RunId, agent: &str, asked: &str, body: &[u8]) -> Result<Proposal, String> {
        let anchor = digest(asked);
        let whole = digest(&String::from_utf8_lossy(body));
        let id = ProposalId::of(run, agent, &anchor, GATE, &whole);
        let actions: Vec<String> = self.action_requests.iter().map(ActionRequest::line).collect();
        let payload: Vec<String> = actions.iter().map(|action| format!("approve\n{action}")).collect();
        let payload = as_sent(&payload.join("\n"), &id)
            .map_err(|e| format!("the request cannot be shown whole, and so it cannot be approved: {e}"))?;
        // What does not come back from the text as it was drafted could not be approved either.
        decisions(&payload, &payload, &id)?;
        let names: Vec<&str> = self.action_requests.iter().map(|action| action.name.as_str()).collect();
        let said: Vec<&str> =
            self.action_requests.iter().filter_map(|action| action.description.as_deref()).collect();
        let takes: Vec<&str> = Kind::ALL
            .iter()
            .filter(|kind| self.action_requests.iter().all(|action| self.allowed(action).contains(kind)))
            .map(|kind| kind.word())
            .collect();
        Ok(Proposal {
            target: Target {
                run: run.clone(),
                format: "medbay".to_owned(),
                agent: agent.to_owned(),
                step: 0,
                record: 0,
                call_id: anchor,
                position: 0,
                input: String::new(),
                turn: String::new(),
                spoken: 0,
                scope: Scope::Run,
            },
            remedy: Remedy::Escalate,
            rule: GATE.to_owned(),
            class: Class::Operational,
            // The call has not been made, and nothing has been judged: even odds.
            p_wrong: Probability::new(0.5),
            sentence: format!("asks before it acts: {}", names.join(", ")),
            claim: if said.is_empty() { actions.join("\n") } else { said.join("\n") },
            fact: format!("it waits for an answer; it takes {}", takes.join(", ")),
            fact_record: None,
            payload,
            check: None,
            tokens: 0,
            seconds: 0,
            why: "the agent asked; change the action, or the word to `reject WHY` or `respond TEXT`"
                .to_owned(),
            means: Vec::new(),
            effects: names.into_iter().map(str::to_owned).collect(),
            model: "none".to_owned(),
            id,
        })
    }

    /// The answer that an approved text gives.
    ///
    /// # Errors
    /// The text is no answer to this request, or the request does not take it: why, in a sentence.
    pub fn answer(&self, drafted: &str, approved: &str, id: &ProposalId) -> Result<String, String> {
        let said = decisions(drafted, approved, id)?;
        if said.len() != self.action_requests.len() {
            return Err("the text does not answer each action once".to_owned());
        }
        self.written(&said)
    }

    /// The answer that refuses every action.
    ///
    /// # Errors
    /// The request takes no refusal.
    pub fn refusal(&self, reason: &str) -> Result<String, String> {
        let reason = if reason.trim().is_empty() { NO_REASON } else { reason };
        self.written(&vec![Decision::Reject(reason.to_owned()); self.action_requests.len()])
    }

    /// The answer that lets every action go on.
    ///
    /// # Errors
    /// The request takes no approval.
    pub fn consent(&self) -> Result<String, String> {
        self.written(&vec![Decision::Approve; self.action_requests.len()])
    }

    fn written(&self, said: &[Decision]) -> Result<String, String> {
        let mut written = Vec::with_capacity(said.len());
        for (action, decision) in self.action_requests.iter().zip(said) {
            let kind = decision.kind();
            if !self.allowed(action).contains(&kind) {
                return Err(format!(
                    "the agent does not take {} for {}",
                    kind.word(),
                    text::quoted(&action.name, 60)
                ));
            }
            written.push(match decision {
                Decision::Approve => r#"{"type":"approve"}"#.to_owned(),
                Decision::Edit(action) => format!(r#"{{"type":"edit","edited_action":{action}}}"#),
                Decision::Reject(why) => format!(r#"{{"type":"reject","message":{}}}"#, json(why)),
                Decision::Respond(text) => format!(r#"{{"type":"respond","message":{}}}"#, json(text)),
            });
        }
        Ok(format!(r#"{{"decisions":[{}]}}"#, written.join(",")))
    }
}

impl ActionRequest {
    /// The action as JSON, its arguments as they came; characters that would act on a terminal or
    /// mislead an eye are written as escapes, which mean the same.
    fn line(&self) -> String {
        let whole = format!(r#"{{"name":{},"args":{}}}"#, json(&self.name), self.args.get());
        let mut line = String::with_capacity(whole.len());
        let mut units = [0; 2];
        for c in whole.chars() {
            match c {
                // Between the parts of a JSON text; in its strings they are escapes already.
                '\n' | '\r' | '\t' => line.push(' '),
                c if text::is_hostile(c) => {
                    for unit in c.encode_utf16(&mut units) {
                        line.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                c => line.push(c),
            }
        }
        line
    }
}

/// A text as a JSON string.
fn json(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// One part of a request's text: a word, and what stands behind it.
struct Part<'a> {
    kind: Kind,
    message: String,
    action: Option<&'a str>,
}

/// What an approved text says of each action; `drafted` is the text that was proposed. An action that
/// is not as drafted is an edit, whatever word stands before it.
///
/// # Errors
/// It cannot be read as an answer: why, in a sentence.
pub fn decisions(drafted: &str, approved: &str, id: &ProposalId) -> Result<Vec<Decision>, String> {
    let drafted = parts(drafted, id)?;
    let approved = parts(approved, id)?;
    if drafted.len() != approved.len() {
        return Err(format!(
            "the text answers {} actions of {}: write one word and one action for each",
            approved.len(),
            drafted.len()
        ));
    }
    let mut said = Vec::with_capacity(approved.len());
    for (was, now) in drafted.iter().zip(approved) {
        let edited = now.action.filter(|action| Some(*action) != was.action);
        said.push(match (now.kind, edited) {
            (Kind::Approve | Kind::Edit, None) => Decision::Approve,
            (Kind::Approve | Kind::Edit, Some(action)) => {
                if action.contains(TAKEN_OUT) {
                    return Err("the edited action holds a secret that is shown as a mark: write the \
                                action without it, or approve it as it was asked"
                        .to_owned());
                }
                Decision::Edit(action.to_owned())
            }
            (Kind::Reject, _) if now.message.is_empty() => Decision::Reject(NO_REASON.to_owned()),
            (Kind::Reject, _) => Decision::Reject(now.message),
            (Kind::Respond, _) if now.message.is_empty() => {
                return Err("`respond` needs the text that the agent is to take as the result".to_owned());
            }
            (Kind::Respond, _) => Decision::Respond(now.message),
        });
    }
    Ok(said)
}

fn parts<'a>(sent: &'a str, id: &ProposalId) -> Result<Vec<Part<'a>>, String> {
    let tag = id.tag();
    let sent = sent.trim();
    let sent = sent.strip_suffix(tag.as_str()).unwrap_or(sent);
    let mut rest = sent.strip_prefix("Operator:").unwrap_or(sent).trim();
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (line, below) = rest.split_once('\n').unwrap_or((rest, ""));
        let (word, message) = line.trim().split_once([' ', ':']).unwrap_or((line.trim(), ""));
        let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.word() == word) else {
            return Err(format!(
                "{} is no answer: write approve, edit, reject or respond before each action",
                text::quoted(line, 60)
            ));
        };
        let message = message.trim_start_matches([':', ' ']).trim();
        // A message over several lines is written as a JSON string.
        let message = serde_json::from_str::<String>(message).unwrap_or_else(|_| message.to_owned());
        rest = below.trim_start();
        let mut action = None;
        if rest.starts_with('{') {
            let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<&'a RawValue>();
            let raw = match stream.next() {
                Some(Ok(raw)) => raw.get(),
                Some(Err(e)) => return Err(unreadable(&e)),
                None => return Err("an action is cut off: write it whole".to_owned()),
            };
            let written: Action = serde_json::from_str(raw).map_err(|e| unreadable(&e))?;
            if written.name.is_empty() || !written.args.get().starts_with('{') {
                return Err(
                    r#"an action is {"name":…,"args":{…}}: name it, and give it an object"#.to_owned()
                );
            }
            action = Some(raw);
            rest = rest.get(stream.byte_offset()..).unwrap_or_default().trim_start();
        } else if kind == Kind::Edit {
            return Err("`edit` needs the action that is to be done instead".to_owned());
        } else if kind == Kind::Approve && !message.is_empty() {
            return Err("`approve` takes no words: change the action, or write `reject WHY`".to_owned());
        }
        parts.push(Part { kind, message, action });
    }
    Ok(parts)
}

fn unreadable(error: &serde_json::Error) -> String {
    format!("an action cannot be read as JSON: {}", text::excerpt(&error.to_string(), 160))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn request(body: &str) -> (Request, Proposal) {
        let request = Request::read(body.as_bytes()).unwrap();
        let proposal = request.draft(&RunId::new("r"), "main", "i1", body.as_bytes()).unwrap();
        (request, proposal)
    }

    fn answered(body: &str, edit: impl Fn(&str) -> String) -> Result<Value, String> {
        let (request, proposal) = request(body);
        let edited = as_sent(&edit(&proposal.payload), &proposal.id).unwrap();
        let answer = request.answer(&proposal.payload, &edited, &proposal.id)?;
        Ok(serde_json::from_str(&answer).unwrap())
    }

    const REFUND: &str = r#"{"action_requests":[{"name":"refund","args":{"order":"A17","cents":123456789012345678901234567890}}]}"#;

    #[test]
    fn each_word_gives_its_decision() {
        assert_eq!(answered(REFUND, str::to_owned).unwrap(), json!({"decisions":[{"type":"approve"}]}));
        let rejected = answered(REFUND, |text| text.replace("approve", "reject: too much")).unwrap();
        assert_eq!(rejected["decisions"][0], json!({"type":"reject","message":"too much"}));
        let said = answered(REFUND, |_| "respond \"two\\nlines\"".to_owned()).unwrap();
        assert_eq!(said["decisions"][0], json!({"type":"respond","message":"two\nlines"}));
    }

    #[test]
    fn a_changed_action_is_an_edit_down_to_the_last_digit() {
        let (request, proposal) = request(REFUND);
        let edited = proposal.payload.replace("34567890}", "34567891}");
        let answer = request.answer(&proposal.payload, &edited, &proposal.id).unwrap();
        assert!(answer.contains(r#""type":"edit""#), "{answer}");
        assert!(answer.contains("123456789012345678901234567891"), "{answer}");
    }

    #[test]
    fn what_is_no_answer_is_refused_in_a_sentence() {
        for (text, why) in [
            ("yes", "no answer"),
            ("approve gladly", "no words"),
            ("edit", "needs the action"),
            ("respond", "needs the text"),
            ("approve\n{\"name\":\"x\"", "JSON"),
            ("approve\n{\"name\":\"x\",\"args\":3}", "object"),
            ("approve\napprove", "2 actions of 1"),
        ] {
            let error = answered(REFUND, |_| text.to_owned()).unwrap_err();
            assert!(error.contains(why) && !error.contains('\n'), "{text}: {error}");
        }
    }

    #[test]
    fn only_what_the_agent_takes_is_answered() {
        let body = r#"{"action_requests":[{"name":"a","args":{}}],
            "review_configs":[{"action_name":"a","allowed_decisions":["approve"]}]}"#;
        let error = answered(body, |text| text.replace("approve", "reject no")).unwrap_err();
        assert!(error.contains("does not take reject"), "{error}");
        assert!(Request::read(body.as_bytes()).unwrap().refusal("").is_err());
        assert!(Request::read(body.as_bytes()).unwrap().consent().is_ok());
    }

    #[test]
    fn a_secret_is_approved_unseen_and_never_edited_into_a_mark() {
        let body = r#"{"action_requests":[{"name":"login","args":{"password":"correct-horse-battery","user":"ada"}}]}"#;
        let (request, proposal) = request(body);
        assert!(!proposal.payload.contains("battery"), "{}", proposal.payload);
        let same = request.answer(&proposal.payload, &proposal.payload, &proposal.id).unwrap();
        assert_eq!(same, r#"{"decisions":[{"type":"approve"}]}"#);
        let edited = proposal.payload.replace("ada", "eve");
        assert!(request.answer(&proposal.payload, &edited, &proposal.id).unwrap_err().contains("secret"));
    }

    #[test]
    fn another_request_under_the_same_name_is_another_proposal() {
        let (_, a) = request(REFUND);
        let (_, b) = request(&REFUND.replace("A17", "A18"));
        assert_ne!(a.id, b.id);
    }

    proptest! {
        #[test]
        fn an_approval_means_the_request_whatever_stands_in_it(
            name in "\\PC{1,20}", key in "\\PC{0,10}",
            value in "\\PC{0,40}|[\\x00-\\x1f\u{80}-\u{9f}\u{202a}-\u{202e}\u{e0000}-\u{e0010}\"\\\\{}\n]{0,40}",
        ) {
            let args = json!({ key: value });
            let body = json!({"action_requests":[{"name": name, "args": args}]}).to_string();
            let request = Request::read(body.as_bytes()).unwrap();
            let proposal = request.draft(&RunId::new("r"), "main", "i", body.as_bytes()).unwrap();
            let answer = request.answer(&proposal.payload, &proposal.payload, &proposal.id).unwrap();
            prop_assert_eq!(answer, r#"{"decisions":[{"type":"approve"}]}"#);
            prop_assert!(!proposal.payload.chars().any(|c| c != '\n' && text::is_hostile(c)));
        }

        #[test]
        fn no_body_harms(body in "\\PC{0,200}|[\\[\\]{}\",:a-z_]{0,200}") {
            let _ = Request::read(body.as_bytes());
            let _ = decisions(&body, &body, &ProposalId::stored("000000000000"));
        }
    }
}
