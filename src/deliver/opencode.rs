//! opencode's own server over HTTP (`opencode serve`, or the one that its screen runs; version 1.18).
//!
//! - `GET /session` lists the sessions of the project that the server was started in; a session's id is
//!   the run's name.
//! - `POST /session/ID/prompt_async` takes a text: a working agent reads it before its next step, an idle
//!   one begins to work. The server does not know a text again (the same `messageID` puts it in twice):
//!   where it may have been sent before, the session's latest messages are looked at.
//! - `POST /session/ID/abort` breaks the work off.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ureq::Agent;

use super::courier::{Handing, Parcel, Server};
use crate::text;
use crate::trace::RunId;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many of the latest messages are looked at for a text that may have been sent.
const MESSAGES: usize = 50;
/// Largest answer that is read, in bytes.
const LARGEST: u64 = 32 << 20;

/// The server at an address.
#[derive(Debug)]
pub struct Opencode {
    agent: Agent,
    base: String,
    /// The `Authorization` header's value.
    pass: Option<String>,
}

#[derive(Deserialize)]
struct Session {
    id: String,
    #[serde(default, rename = "parentID")]
    parent: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    info: Info,
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    role: String,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    text: String,
}

impl Opencode {
    /// The server at `address` (`http://HOST:PORT`), which need not be there, with its password if it has
    /// one.
    pub fn at(address: &str, password: Option<&str>) -> Self {
        let agent = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .new_agent();
        let pass = password.map(|password| {
            let pair = format!("opencode:{password}");
            format!("Basic {}", data_encoding::BASE64.encode(pair.as_bytes()))
        });
        Self { agent, base: address.trim_end_matches('/').to_owned(), pass }
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(pass) = &self.pass {
            request = request.header("authorization", pass);
        }
        let mut answer = request.call().map_err(|e| e.to_string())?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(LARGEST).read_to_vec().map_err(|e| e.to_string())?;
        refused(status, &body)?;
        serde_json::from_slice(&body).map_err(|e| format!("{path} was answered otherwise: {e}"))
    }

    fn post(&self, path: &str, body: &Value) -> Result<(), String> {
        let mut request =
            self.agent.post(format!("{}{path}", self.base)).header("content-type", "application/json");
        if let Some(pass) = &self.pass {
            request = request.header("authorization", pass);
        }
        let mut answer = request.send(body.to_string()).map_err(|e| e.to_string())?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(LARGEST).read_to_vec().unwrap_or_default();
        refused(status, &body)
    }

    fn holds(&self, session: &str, tag: &str) -> Result<bool, String> {
        let latest: Vec<Said> = self.get(&format!("/session/{session}/message?limit={MESSAGES}"))?;
        let typed = latest.iter().filter(|said| said.info.role == "user");
        Ok(typed.flat_map(|said| &said.parts).any(|part| part.text.contains(tag)))
    }
}

fn refused(status: u16, body: &[u8]) -> Result<(), String> {
    if (200..300).contains(&status) {
        return Ok(());
    }
    Err(format!("it answers {status}: {}", text::excerpt(&String::from_utf8_lossy(body), 160)))
}

impl Server for Opencode {
    fn channel(&self) -> &'static str {
        "opencode server"
    }

    fn runs(&mut self) -> Result<Vec<RunId>, String> {
        let sessions: Vec<Session> = self.get("/session")?;
        let main = sessions.into_iter().filter(|session| session.parent.is_none());
        Ok(main.map(|session| RunId::new(session.id)).collect())
    }

    fn hand(&mut self, parcel: &Parcel<'_>) -> Handing {
        let failed = |why: String| Handing::Failed(format!("opencode's server did not take it: {why}"));
        let session = parcel.run.as_str();
        // It becomes a part of an address.
        if !session.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            return failed("the run's name is not one of its sessions".to_owned());
        }
        if parcel.again {
            match self.holds(session, parcel.tag) {
                Ok(true) => return Handing::There,
                Ok(false) => {}
                Err(why) => return failed(why),
            }
        }
        if parcel.stop
            && let Err(why) = self.post(&format!("/session/{session}/abort"), &json!({}))
        {
            return failed(why);
        }
        // What is to stop it is only put down: an answer would be work.
        let body = json!({"noReply": parcel.stop, "parts": [{"type": "text", "text": parcel.text}]});
        match self.post(&format!("/session/{session}/prompt_async"), &body) {
            Ok(()) => Handing::Taken,
            Err(why) => failed(why),
        }
    }
}
