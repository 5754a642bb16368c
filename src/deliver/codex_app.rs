//! Codex's app server: a running program's threads, over its Unix socket (version 0.169).
//!
//! - The socket speaks WebSocket; a message is JSON-RPC 2.0 without the key `jsonrpc`. `initialize`, and
//!   the notification `initialized`, come first.
//! - A thread's id is its session's: the run's name. Only threads that the server has loaded can be
//!   spoken to; those of a Codex without a server are not among them.
//! - While a turn is under way the text goes into it by `turn/steer`, with the id of the turn that it is
//!   for: when that turn is over the server refuses it. Between turns it is queued, which starts one.
//! - The server does not know a text again by `clientUserMessageId`, but its messages carry it as
//!   `clientId`: where a text may have been sent before, the latest turns and the queue are looked at.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use super::courier::{Handing, Parcel, Server};
use crate::text;
use crate::trace::RunId;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many of the latest turns are looked at for a text that may have been sent.
const TURNS: usize = 4;

/// The server at a socket.
#[derive(Clone, Debug)]
pub struct CodexApp {
    socket: PathBuf,
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// There is no server, or it does not speak this protocol.
    #[error("{0}")]
    Unreachable(String),
    /// The server refuses the request: its own words, through the gate.
    #[error("{0}")]
    Refused(String),
}

impl CodexApp {
    /// The server at this socket, which need not be there.
    pub fn at(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into() }
    }

    /// Connects and introduces itself.
    ///
    /// # Errors
    /// There is no server, or it does not speak this protocol.
    pub fn connect(&self) -> Result<Connection, AppError> {
        let unreachable = |what: &dyn std::fmt::Display| {
            AppError::Unreachable(format!("{what}, {}", self.socket.display()))
        };
        let stream = UnixStream::connect(&self.socket).map_err(|e| unreachable(&e))?;
        stream
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
            .map_err(|e| unreachable(&e))?;
        let (socket, _) = tungstenite::client("ws://localhost/", stream).map_err(|e| unreachable(&e))?;
        let mut connection = Connection { socket, last: 0 };
        let me = json!({
            "clientInfo": {"name": "medbay", "version": env!("CARGO_PKG_VERSION")},
            "capabilities": {"experimentalApi": true},
        });
        connection.call::<Value>("initialize", me)?;
        connection.say(&json!({"method": "initialized"}))?;
        Ok(connection)
    }
}

/// A connection that was introduced.
pub struct Connection {
    socket: WebSocket<UnixStream>,
    last: u64,
}

/// A turn, as far as it is wanted here.
#[derive(Clone, Debug, Deserialize)]
pub struct Turn {
    /// Its id.
    pub id: String,
    status: String,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(default)]
    client_id: Option<String>,
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Queued {
    client_user_message_id: String,
}

#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    result: Option<Value>,
    #[serde(default)]
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
}

impl Turn {
    /// Whether it is under way.
    pub fn is_active(&self) -> bool {
        self.status == "inProgress"
    }
}

impl Connection {
    /// The threads that the server has loaded.
    ///
    /// # Errors
    /// As of any request.
    pub fn loaded(&mut self) -> Result<Vec<String>, AppError> {
        Ok(self.call::<Page<String>>("thread/loaded/list", json!({}))?.data)
    }

    /// The latest turns of a thread, the latest first.
    ///
    /// # Errors
    /// As of any request; the thread is not loaded.
    pub fn turns(&mut self, thread: &str, limit: usize) -> Result<Vec<Turn>, AppError> {
        let asked = json!({"threadId": thread, "limit": limit, "itemsView": "full"});
        Ok(self.call::<Page<Turn>>("thread/turns/list", asked)?.data)
    }

    /// Puts a text into the turn `turn`, and into no other.
    ///
    /// # Errors
    /// As of any request; that turn is not under way.
    pub fn steer(&mut self, thread: &str, turn: &str, text: &str, key: &str) -> Result<(), AppError> {
        let steer = json!({
            "threadId": thread, "expectedTurnId": turn, "input": input(text), "clientUserMessageId": key,
        });
        self.call::<Value>("turn/steer", steer).map(drop)
    }

    /// Breaks the turn `turn` off, and no other.
    ///
    /// # Errors
    /// As of any request; that turn is not under way.
    pub fn interrupt(&mut self, thread: &str, turn: &str) -> Result<(), AppError> {
        self.call::<Value>("turn/interrupt", json!({"threadId": thread, "turnId": turn})).map(drop)
    }

    /// Queues a text for the next turn; between turns it begins one.
    ///
    /// # Errors
    /// As of any request; the thread is not known.
    pub fn queue(&mut self, thread: &str, text: &str, key: &str) -> Result<(), AppError> {
        let add = json!({"threadId": thread, "input": input(text), "clientUserMessageId": key});
        self.call::<Value>("thread/queue/add", add).map(drop)
    }

    /// Whether a text with this key stands in the queue.
    ///
    /// # Errors
    /// As of any request.
    pub fn is_queued(&mut self, thread: &str, key: &str) -> Result<bool, AppError> {
        let queue = self.call::<Page<Queued>>("thread/queue/list", json!({"threadId": thread}))?;
        Ok(queue.data.iter().any(|queued| queued.client_user_message_id == key))
    }

    /// Asks, and waits for the answer; what comes between is passed over.
    fn call<T: DeserializeOwned>(&mut self, method: &str, params: Value) -> Result<T, AppError> {
        self.last += 1;
        let id = Value::from(self.last);
        self.say(&json!({"id": id, "method": method, "params": params}))?;
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let message = self.socket.read().map_err(|e| match e {
                tungstenite::Error::Io(e)
                    if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
                {
                    AppError::Unreachable(format!("it did not answer {method} in time"))
                }
                e => AppError::Unreachable(format!("{method}: {e}")),
            })?;
            let Message::Text(said) = message else { continue };
            let Ok(reply) = serde_json::from_str::<Reply>(said.as_str()) else { continue };
            if reply.method.is_some() || reply.id.as_ref() != Some(&id) {
                continue;
            }
            if let Some(error) = reply.error {
                return Err(AppError::Refused(text::excerpt(&error.message, 200)));
            }
            return serde_json::from_value(reply.result.unwrap_or_default())
                .map_err(|e| AppError::Unreachable(format!("{method} was answered otherwise: {e}")));
        }
        Err(AppError::Unreachable(format!("it did not answer {method} in time")))
    }

    fn say(&mut self, what: &Value) -> Result<(), AppError> {
        self.socket
            .send(Message::text(what.to_string()))
            .map_err(|e| AppError::Unreachable(format!("it does not listen: {e}")))
    }
}

fn input(text: &str) -> Value {
    json!([{"type": "text", "text": text, "text_elements": []}])
}

impl Server for CodexApp {
    fn channel(&self) -> &'static str {
        "codex app-server"
    }

    fn runs(&mut self) -> Result<Vec<RunId>, String> {
        if !self.socket.exists() {
            return Ok(Vec::new());
        }
        let mut connection = self.connect().map_err(|e| e.to_string())?;
        let threads = connection.loaded().map_err(|e| e.to_string())?;
        Ok(threads.into_iter().map(RunId::new).collect())
    }

    fn hand(&mut self, parcel: &Parcel<'_>) -> Handing {
        self.connect()
            .and_then(|mut connection| hand(&mut connection, parcel))
            .unwrap_or_else(|error| Handing::Failed(format!("Codex's app server did not take it: {error}")))
    }
}

fn hand(connection: &mut Connection, parcel: &Parcel<'_>) -> Result<Handing, AppError> {
    let thread = parcel.run.as_str();
    let turns = connection.turns(thread, TURNS)?;
    if parcel.again {
        let mut items = turns.iter().flat_map(|turn| &turn.items);
        let in_a_turn = items.any(|item| item.client_id.as_deref() == Some(parcel.key));
        if in_a_turn || connection.is_queued(thread, parcel.key)? {
            return Ok(Handing::There);
        }
    }
    let active = turns.iter().find(|turn| turn.is_active()).map(|turn| turn.id.as_str());
    let over = |turn: &str| Handing::Over(format!("the turn that it was for, {}, is over", short(turn)));
    let Some(turn) = parcel.turn.or(active) else {
        connection.queue(thread, parcel.text, parcel.key)?;
        return Ok(Handing::Taken);
    };
    if active != Some(turn) {
        return Ok(over(turn));
    }
    match connection.steer(thread, turn, parcel.text, parcel.key) {
        Ok(()) => {}
        // Over since the look at it: the server says so, and has taken nothing.
        Err(AppError::Refused(why)) if why.contains("active turn") => return Ok(over(turn)),
        Err(error) => return Err(error),
    }
    if parcel.stop
        && let Err(error) = connection.interrupt(thread, turn)
    {
        tracing::warn!("a turn that was to stop goes on with the operator's text: {error}");
    }
    Ok(Handing::Taken)
}

fn short(id: &str) -> String {
    text::excerpt(id, 40)
}
