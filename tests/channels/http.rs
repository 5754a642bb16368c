//! A client that says what it is told to, right or wrong.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }
}

pub(crate) trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Where the server is asked.
#[derive(Clone)]
pub(crate) enum To<'a> {
    Socket(&'a Path),
    Http(SocketAddr, String),
}

impl To<'_> {
    pub(crate) fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let limit = Some(Duration::from_secs(60));
        Ok(match self {
            Self::Socket(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(limit)?;
                Box::new(stream)
            }
            Self::Http(address, _) => {
                let stream = TcpStream::connect(address)?;
                stream.set_read_timeout(limit)?;
                Box::new(stream)
            }
        })
    }

    pub(crate) fn request(&self, method: &str, target: &str, body: &str) -> String {
        let token = match self {
            Self::Http(_, token) => format!("authorization: Bearer {token}\r\n"),
            Self::Socket(_) => String::new(),
        };
        format!(
            "{method} {target} HTTP/1.1\r\nhost: localhost\r\n{token}content-length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// Asks, and gives an error where no whole answer came.
    pub(crate) fn try_ask(&self, method: &str, target: &str, body: &str) -> io::Result<Answer> {
        let mut stream = self.connect()?;
        stream.write_all(self.request(method, target, body).as_bytes())?;
        read(&mut *stream)
    }

    #[track_caller]
    pub(crate) fn ask(&self, method: &str, target: &str, body: &str) -> Answer {
        self.try_ask(method, target, body).unwrap()
    }
}

pub(crate) fn read(stream: &mut dyn Stream) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    // A server that closes on somebody who is still sending resets the connection.
    let end = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        end?;
        return Err(io::Error::other(format!("no answer: {text:?}")));
    };
    let said = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    if said.is_some_and(|length| length != body.len()) {
        return Err(io::Error::other("the answer was cut off"));
    }
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap();
    Ok(Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() })
}
