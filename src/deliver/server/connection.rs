//! One connection: reads a request within bounds, checks the token, has it answered, and says when the
//! answer has left. Knows no endpoint.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Semaphore;

use super::answer::Caller;
use crate::ledger::Lease;

/// Connections at once.
const MOST_CONNECTIONS: usize = 64;
/// Largest body, in bytes.
const LARGEST_BODY: usize = 1_000_000;
/// Largest head of a request, in bytes, and its lines.
const LARGEST_HEAD: usize = 64 * 1024;
const MOST_HEADERS: usize = 64;
/// How long a head and a body may take to come.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// What is answered where there are too many connections.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// What is asked, whole.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) body: Bytes,
}

/// What is answered. The lease, where there is one, is reported when the answer has left.
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) lease: Option<Box<Lease>>,
}

impl Answered {
    pub(super) fn json(status: u16, body: String) -> Self {
        Self { status, body, headers: Vec::new(), lease: None }
    }

    /// A sentence.
    pub(super) fn error(status: u16, sentence: impl AsRef<str>) -> Self {
        Self::json(status, serde_json::json!({ "error": sentence.as_ref() }).to_string())
    }

    pub(super) fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }
}

/// Lets so many in and no more.
pub(super) struct Door {
    places: Arc<Semaphore>,
}

impl Default for Door {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(MOST_CONNECTIONS)) }
    }
}

impl Door {
    /// Serves a connection, or tells it that there are too many. With a token, only who has it.
    pub(super) fn admit<S>(&self, mut stream: S, caller: Caller, token: Option<Rc<str>>)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let place = Arc::clone(&self.places).try_acquire_owned();
        tokio::task::spawn_local(async move {
            match place {
                Ok(place) => {
                    serve(stream, caller, token).await;
                    drop(place);
                }
                Err(_) => {
                    let told = tokio::time::timeout(Duration::from_secs(1), stream.write_all(FULL));
                    let _ = told.await;
                }
            }
        });
    }
}

async fn serve<S>(stream: S, caller: Caller, token: Option<Rc<str>>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let caller = Rc::new(caller);
    let lease: Rc<RefCell<Option<Box<Lease>>>> = Rc::default();
    let service = service_fn(|request: Request<Incoming>| {
        let (caller, lease, token) = (Rc::clone(&caller), Rc::clone(&lease), token.clone());
        async move {
            let mut answered = match admitted(request, token.as_deref()).await {
                Ok(asked) => caller.answer(asked).await,
                Err(refused) => refused,
            };
            *lease.borrow_mut() = answered.lease.take();
            Ok::<_, Infallible>(written(answered))
        }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LARGEST_HEAD)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), service);
    let left = connection.await;
    // Ended: the answer was written to the end and the agent's side was open for it.
    let lease = lease.borrow_mut().take();
    match (left, lease) {
        (Ok(()), Some(lease)) => caller.left(&lease),
        (Err(error), Some(lease)) => {
            tracing::warn!("an agent did not take the text of {}: {error}", lease.proposal());
        }
        (Err(error), None) => tracing::debug!("a connection ended: {error}"),
        (Ok(()), None) => {}
    }
}

/// The whole request, where it keeps to the bounds and has the token.
async fn admitted(request: Request<Incoming>, token: Option<&str>) -> Result<Asked, Answered> {
    if let Some(token) = token {
        let given = request
            .headers()
            .get(AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
            .unwrap_or_default();
        if !same(given, token.as_bytes()) {
            let why = "the token is missing or wrong: send `Authorization: Bearer TOKEN` with the token \
                       from the file that `medbay doctor` names";
            return Err(Answered::error(401, why).with(WWW_AUTHENTICATE.as_str(), "Bearer"));
        }
    }
    let method = request.method().as_str().to_owned();
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let body = Limited::new(request.into_body(), LARGEST_BODY).collect();
    match tokio::time::timeout(BODY_WITHIN, body).await {
        Err(_) => Err(Answered::error(408, "the body did not come within 10 s: send it at once")),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Answered::error(413, "the body is larger than 1 MB: send less"))
        }
        Ok(Err(error)) => Err(Answered::error(
            400,
            format!("the body cannot be read: {}", crate::text::excerpt(&error.to_string(), 160)),
        )),
        Ok(Ok(body)) => Ok(Asked { method, path, query, body: body.to_bytes() }),
    }
}

/// Whether two tokens are the same, in a time that does not tell where they differ.
fn same(given: &[u8], token: &[u8]) -> bool {
    given.len() == token.len() && given.iter().zip(token).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

fn written(answered: Answered) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answered.body)));
    *response.status_mut() =
        StatusCode::from_u16(answered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in answered.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}
