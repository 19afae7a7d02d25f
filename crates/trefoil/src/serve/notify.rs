//! Tells Alertmanagers of alerts: a bounded queue and a task each, batches posted one after another, failures dropped (the next send heals).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::rules::{Alerting, Endpoint, Login, Outgoing, Queue, body};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use model::Labels;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cli::client::Http;

/// How long the queues may drain when the process stops.
const DRAIN: Duration = Duration::from_secs(5);

/// Cheap to clone.
#[derive(Clone)]
pub struct Notifier(Arc<[Arc<Receiver>]>);

struct Receiver {
    endpoint: Endpoint,
    queue: Mutex<Queue>,
    filled: Notify,
}

impl Notifier {
    /// Starts a task for each Alertmanager; they drain and end with `stop`.
    pub fn start(alerting: Alerting, external: Labels, stop: &CancellationToken) -> Notifier {
        let receivers = alerting.endpoints.into_iter().map(|endpoint| {
            let receiver = Arc::new(Receiver { endpoint, queue: Mutex::default(), filled: Notify::new() });
            tokio::spawn(run(receiver.clone(), external.clone(), stop.clone()));
            receiver
        });
        Notifier(receivers.collect())
    }

    pub fn send(&self, alerts: &[Outgoing]) {
        if alerts.is_empty() {
            return;
        }
        for r in self.0.iter() {
            let mut queue = r.queue.lock().unwrap_or_else(PoisonError::into_inner);
            let before = queue.dropped;
            queue.push(alerts);
            if queue.dropped > before {
                tracing::warn!(
                    url = r.endpoint.url,
                    dropped = queue.dropped - before,
                    "alerts dropped: too many wait for the Alertmanager"
                );
            }
            drop(queue);
            r.filled.notify_one();
        }
    }
}

async fn run(receiver: Arc<Receiver>, external: Labels, stop: CancellationToken) {
    let http = Http::http1();
    loop {
        tokio::select! {
            () = receiver.filled.notified() => post_all(&receiver, &http, &external).await,
            () = stop.cancelled() => {
                if tokio::time::timeout(DRAIN, post_all(&receiver, &http, &external)).await.is_err() {
                    tracing::warn!(url = receiver.endpoint.url, "alerts were left unsent at the stop");
                }
                return;
            }
        }
    }
}

async fn post_all(receiver: &Receiver, http: &Http, external: &Labels) {
    loop {
        let batch = receiver.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        if batch.is_empty() {
            return;
        }
        if let Err(e) = post(&receiver.endpoint, http, body(&batch, external)).await {
            tracing::warn!(url = receiver.endpoint.url, alerts = batch.len(), error = e, "alerts not delivered");
        }
    }
}

async fn post(endpoint: &Endpoint, http: &Http, body: Vec<u8>) -> Result<(), String> {
    let mut request = Request::builder().method(Method::POST).uri(&endpoint.url).header("content-type", "application/json");
    match &endpoint.login {
        Login::None => {}
        Login::Basic { user, password } => request = request.header("authorization", basic(user, password)),
        Login::Header(value) => request = request.header("authorization", value),
    }
    let request = request.body(Full::new(Bytes::from(body))).map_err(|e| e.to_string())?;
    let timeout = Duration::from_millis(endpoint.timeout_ms.unsigned_abs());
    match tokio::time::timeout(timeout, http.send(request)).await {
        Err(_) => Err(format!("no answer within {timeout:?}")),
        Ok(Err(e)) => Err(e),
        Ok(Ok(answer)) if answer.status.is_success() => Ok(()),
        Ok(Ok(answer)) => Err(format!("bad response status {}: {}", answer.status, answer.text().chars().take(200).collect::<String>())),
    }
}

/// `Basic` and user:password in base64.
fn basic(user: &str, password: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = format!("{user}:{password}");
    let mut out = String::from("Basic ");
    for three in text.as_bytes().chunks(3) {
        let bits = three.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - three.len()));
        for i in 0..4 {
            let at = (bits >> (18 - 6 * i) & 63) as usize;
            out.push(if i > three.len() { '=' } else { char::from(ALPHABET[at]) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn basic_is_base64() {
        assert_eq!(basic("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!((basic("a", "b"), basic("ab", "")), ("Basic YTpi".into(), "Basic YWI6".into()));
    }

    #[tokio::test]
    async fn alerts_reach_the_manager() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut got = vec![];
            while !got.ends_with(b"]") {
                assert!(stream.read_buf(&mut got).await.unwrap() > 0, "the request ended early");
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            String::from_utf8(got).unwrap()
        });
        let endpoint =
            Endpoint { url: format!("http://{address}/am/api/v2/alerts"), timeout_ms: 5_000, login: Login::Header("Bearer t".into()) };
        let stop = CancellationToken::new();
        let notifier = Notifier::start(Alerting { endpoints: vec![endpoint] }, Labels::from_pairs([("r", "eu")]), &stop);
        notifier.send(&[Outgoing {
            labels: Labels::from_pairs([("alertname", "A")]),
            annotations: Labels::empty(),
            starts_at: 0,
            ends_at: 1_000,
            generator_url: "g".into(),
        }]);
        let request = server.await.unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /am/api/v2/alerts HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("authorization: Bearer t") && head.contains("content-type: application/json"), "{head}");
        assert_eq!(
            body,
            r#"[{"annotations":{},"endsAt":"1970-01-01T00:00:01.000Z","generatorURL":"g","labels":{"alertname":"A","r":"eu"},"startsAt":"1970-01-01T00:00:00.000Z"}]"#
        );
        stop.cancel();
    }
}
