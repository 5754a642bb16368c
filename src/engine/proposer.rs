//! The proposer: asks an OpenAI-compatible endpoint for the words of a draft, on a thread of its own, so
//! that the desk never waits for it. The template stands meanwhile, and for good where this fails.
//!
//! Nothing is asked unless an endpoint is configured. Time, tokens and the size of the answer are bound.

use std::fmt;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use crate::ledger::Rewrite;
use crate::recover::proposer::{ANSWER_BYTES, answer, request, written};
use crate::recover::{Proposal, ProposalId};
use crate::text::excerpt;

/// How many proposals may wait for the model.
const WAITING: usize = 32;

/// Where to ask, and within which limits.
#[derive(Clone, PartialEq)]
pub struct Endpoint {
    /// The part of the address before `/chat/completions`, e.g. `http://127.0.0.1:11434/v1`.
    pub base_url: String,
    /// The model's name there.
    pub model: String,
    /// The key, where one is needed. Never shown.
    pub key: Option<String>,
    /// How long an answer may take.
    pub time: Duration,
    /// How many tokens an answer may have.
    pub tokens: u32,
    /// What a thousand tokens cost there, in US dollars.
    pub usd_per_thousand_tokens: f64,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.key.is_some() { "set" } else { "none" };
        write!(f, "Endpoint({}, {}, key {key})", self.base_url, self.model)
    }
}

/// What came of asking.
#[derive(Debug)]
pub struct Written {
    /// For which proposal.
    pub proposal: ProposalId,
    /// The text, or why the template stands.
    pub rewrite: Rewrite,
}

/// The proposer's end for the desk's keeper. Dropping it lets the thread end after the request that is
/// under way.
pub struct Proposer {
    jobs: SyncSender<Box<Proposal>>,
    done: Receiver<Written>,
    /// The most tokens that one answer can cost.
    pub tokens: u32,
}

impl Proposer {
    /// Starts the thread.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(endpoint: Endpoint) -> std::io::Result<Self> {
        let (jobs, asked) = sync_channel::<Box<Proposal>>(WAITING);
        let (out, done) = sync_channel(WAITING);
        let tokens = endpoint.tokens;
        std::thread::Builder::new().name("medbay-proposer".to_owned()).spawn(move || {
            let agent = agent(&endpoint);
            while let Ok(proposal) = asked.recv() {
                let rewrite = ask(&agent, &endpoint, &proposal);
                if out.send(Written { proposal: proposal.id, rewrite }).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { jobs, done, tokens })
    }

    /// Asks for the words of a draft. Returns at once; whether there was room.
    pub fn offer(&self, proposal: Proposal) -> bool {
        !matches!(self.jobs.try_send(Box::new(proposal)), Err(TrySendError::Full(_)))
    }

    /// What has been written since.
    pub fn take(&self) -> Option<Written> {
        self.done.try_recv().ok()
    }
}

fn agent(endpoint: &Endpoint) -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(endpoint.time))
        .max_redirects(0)
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .new_agent()
}

/// Asks once.
fn ask(agent: &ureq::Agent, endpoint: &Endpoint, proposal: &Proposal) -> Rewrite {
    let began = Instant::now();
    let sent = request(proposal, &endpoint.model, endpoint.tokens);
    let asked = post(agent, endpoint, &sent).and_then(|body| {
        let answer = answer(&body, sent.len(), endpoint.tokens).map_err(|refused| refused.to_string())?;
        let text = answer.words.and_then(|words| written(&words, proposal));
        Ok((answer.tokens, text.map_err(|refused| refused.to_string())))
    });
    let (tokens, text) = match asked {
        Ok((tokens, text)) => (tokens, text),
        // Whatever it was, the endpoint may have counted what it was sent.
        Err(why) => (sent.len() as u64 / 4, Err(why)),
    };
    Rewrite {
        text: text.map_err(|why| excerpt(&why, 300)),
        writer: excerpt(&endpoint.model, 80),
        tokens,
        usd: tokens as f64 / 1000.0 * endpoint.usd_per_thousand_tokens,
        seconds: began.elapsed().as_secs_f64(),
    }
}

fn post(agent: &ureq::Agent, endpoint: &Endpoint, body: &str) -> Result<String, String> {
    let url = format!("{}/chat/completions", endpoint.base_url.trim_end_matches('/'));
    let mut request = agent.post(&url).header("content-type", "application/json");
    if let Some(key) = &endpoint.key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let mut response = request.send(body).map_err(|error| failed(&error, endpoint))?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(format!("the endpoint answered {status}: look at its own log"));
    }
    let read = response.body_mut().with_config().limit(ANSWER_BYTES as u64).read_to_string();
    read.map_err(|error| failed(&error, endpoint))
}

/// Why there is no answer, with the mend. The key is in none of these.
fn failed(error: &ureq::Error, endpoint: &Endpoint) -> String {
    match error {
        ureq::Error::Timeout(_) => {
            format!("no answer within {} s: raise seconds in [proposer]", endpoint.time.as_secs())
        }
        ureq::Error::BodyExceedsLimit(_) => {
            format!("the answer has more than {ANSWER_BYTES} bytes: look at what answers there")
        }
        ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => {
            "nothing answers at base_url: start the server, or mend the address".to_owned()
        }
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            "nothing answers at base_url: start the server, or mend the address".to_owned()
        }
        ureq::Error::TlsRequired => {
            "base_url begins with https, for which this medbay was not built: build it with --features tls"
                .to_owned()
        }
        other => format!("the endpoint cannot be asked ({other}): check base_url in [proposer]"),
    }
}
