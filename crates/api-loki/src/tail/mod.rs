//! Live tail over a websocket: the newest lines first (oldest of them sent first), then every line as it is written.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode};
use model::{LogBatch, Tenant};
use query::{Budget, Direction, LogRange, QueryError};
use store::{LogSubscription, Tail};
use tokio::sync::mpsc;

use crate::error::ApiError;
use crate::face::{Ask, Face};
use crate::json;
use crate::limits::{
    MAX_ALL_TAILS, MAX_ENTRIES, MAX_TAIL_BATCH, MAX_TAIL_BATCHES, MAX_TAIL_DELAY_SECONDS, MAX_TAIL_DROPPED, MAX_TAIL_HELD,
    MAX_TAIL_SECONDS, MAX_TAILS, TAIL_CLOSE_SECONDS, TAIL_PATIENCE, TAIL_POLL_MS, TAIL_QUEUE,
};
use crate::params::{bounds, limit, query_text};
use crate::read::engine::{Cut, Entry, LiveQuery, LogQuery};
use crate::read::render::{self, CATEGORIZE, Line};
use crate::time::parse_int;

/// /loki/api/v1/tail: bad requests are answered before the upgrade, later trouble closes with 1011 and a text.
pub async fn tail(State(face): State<Arc<Face>>, req: Request<Body>) -> Response {
    let (mut parts, body) = req.into_parts();
    // The upgrade takes its part of the request; the parameters stand in the URL.
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
    match plan(&face, Request::from_parts(parts, body)).await {
        Err(e) => e.into_response(),
        Ok(plan) => match upgrade {
            Ok(u) => u.on_upgrade(move |socket| serve(plan, socket)),
            Err(_) => ApiError::bad("Bad Request: tail needs a websocket (Connection: Upgrade, Upgrade: websocket)").into_response(),
        },
    }
}

/// What one tail does.
struct Plan {
    face: Arc<Face>,
    tenant: Tenant,
    query: LogQuery,
    start: i64,
    limit: usize,
    delay: Duration,
    categorize: bool,
    _place: Place,
}

async fn plan(face: &Arc<Face>, req: Request<Body>) -> Result<Plan, ApiError> {
    let ask = Ask::read(face, req).await?;
    let query = LogQuery::parse(query_text(&ask.params)?, ask.extensions(), ask.now)?;
    let seconds = ask.params.given("delay_for").map_or(Ok(0), parse_int).map_err(ApiError::bad)?;
    if !(0..=MAX_TAIL_DELAY_SECONDS).contains(&seconds) {
        return Err(ApiError::bad(format!("delay_for can't be greater than {MAX_TAIL_DELAY_SECONDS}")));
    }
    let [tenant] = ask.tenants.as_slice() else {
        return Err(ApiError::bad("tail reads one tenant at a time; name a single one in X-Scope-OrgID"));
    };
    Ok(Plan {
        face: face.clone(),
        tenant: tenant.clone(),
        query,
        start: bounds(&ask.params, ask.now)?.start,
        limit: limit(&ask.params)?.min(MAX_ENTRIES),
        delay: Duration::from_secs(seconds.unsigned_abs()),
        categorize: ask.encoding_flags().iter().any(|f| f == CATEGORIZE),
        _place: Place::take(face, tenant)?,
    })
}

/// One of the tenant's tails, until dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(face: &Face, tenant: &Tenant) -> Result<Place, ApiError> {
        let mut all = face.tails.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.retain(|_, n| n.load(Ordering::Relaxed) > 0);
        let everyone: usize = all.values().map(|n| n.load(Ordering::Relaxed)).sum();
        if everyone >= MAX_ALL_TAILS {
            return Err(ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                format!("the server serves {MAX_ALL_TAILS} tails already; try again later"),
            ));
        }
        let open = all.entry(tenant.clone()).or_default().clone();
        if open.fetch_add(1, Ordering::Relaxed) >= MAX_TAILS {
            open.fetch_sub(1, Ordering::Relaxed);
            return Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                format!("max concurrent tail requests limit exceeded, count > limit ({} > {MAX_TAILS})", MAX_TAILS + 1),
            ));
        }
        Ok(Place(open))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the reading thread hands to the socket.
enum Out {
    Frame(String),
    Failed(String),
}

async fn serve(plan: Plan, mut socket: WebSocket) {
    let (sender, mut frames) = mpsc::channel(TAIL_QUEUE);
    let budget = Budget::unlimited();
    let inner = budget.clone();
    let reader = tokio::task::spawn_blocking(move || read(&plan, &sender, &inner));
    let mut ping = tokio::time::interval(Duration::from_secs(1));
    let end = tokio::time::sleep(Duration::from_secs(MAX_TAIL_SECONDS));
    tokio::pin!(end);
    let reason = loop {
        tokio::select! {
            out = frames.recv() => match out {
                Some(Out::Frame(text)) => if socket.send(Message::Text(text.into())).await.is_err() { break None },
                Some(Out::Failed(text)) => break Some(text),
                None => break Some("the server is stopping".to_owned()),
            },
            got = socket.recv() => match got {
                Some(Ok(Message::Close(_)) | Err(_)) | None => break None,
                Some(Ok(_)) => {}
            },
            _ = ping.tick() => if socket.send(Message::Ping(Default::default())).await.is_err() { break None },
            () = &mut end => break Some("reached tail max duration limit".to_owned()),
        }
    };
    budget.cancel();
    drop(frames);
    if let Some(text) = reason {
        // A close frame carries at most 123 bytes of reason.
        let end = (0..=text.len().min(120)).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        let frame = CloseFrame { code: close_code::ERROR, reason: text[..end].into() };
        // The client may be gone already.
        _ = socket.send(Message::Close(Some(frame))).await;
    }
    // The closing handshake ends before the connection does: the peer's close is answered, ours is not lost to a reset.
    let goodbye = async { while let Some(Ok(_)) = socket.recv().await {} };
    _ = tokio::time::timeout(Duration::from_secs(TAIL_CLOSE_SECONDS), goodbye).await;
    _ = reader.await;
}

/// Runs on a thread of its own until the socket goes away.
fn read(plan: &Plan, out: &mpsc::Sender<Out>, budget: &Budget) {
    let ended = follow(plan, out, budget);
    if let Err(e) = ended
        && e != QueryError::Canceled
    {
        // The socket may be gone already.
        _ = out.blocking_send(Out::Failed(e.to_string()));
    }
}

fn follow(plan: &Plan, out: &mpsc::Sender<Out>, budget: &Budget) -> Result<(), QueryError> {
    // Subscribed before the past is read: what comes in between is seen twice and told apart by its content.
    let live = plan.face.backend.store.subscribe_logs(&plan.tenant);
    let view = plan.face.view(std::slice::from_ref(&plan.tenant)).map_err(|e| QueryError::Storage(e.text))?;
    let range = LogRange { start: plan.start, end: i64::MAX };
    let cut = Cut { range, direction: Direction::Backward, limit: plan.limit, interval: 0 };
    let mut past = view.read(|source| plan.query.lines(source, cut, budget))?;
    drop(view);
    past.reverse();
    let mut sent: HashSet<(i64, u64)> = past.iter().map(key).collect();
    for lines in past.chunks(MAX_TAIL_BATCH) {
        let all = frame(lines, &[], plan.categorize);
        out.blocking_send(Out::Frame(all)).map_err(|_| QueryError::Canceled)?;
    }
    drop(past);
    let opened = Instant::now();
    let mut held = Held { plan, query: plan.query.live()?, out, lines: vec![], dropped: vec![] };
    loop {
        budget.check()?;
        if out.is_closed() {
            return Err(QueryError::Canceled);
        }
        match live.recv_timeout(Duration::from_millis(TAIL_POLL_MS)) {
            Tail::Closed => return Ok(()),
            Tail::Timeout => {}
            Tail::Batch(first) => {
                for b in std::iter::once(first).chain(std::iter::from_fn(|| live.try_recv())).take(MAX_TAIL_BATCHES) {
                    held.add(&b, &sent);
                }
            }
        }
        if !sent.is_empty() && opened.elapsed() > Duration::from_secs(10) {
            sent = HashSet::new();
        }
        held.flush(&live)?;
    }
}

fn key(line: &Entry) -> (i64, u64) {
    use std::hash::{Hash, Hasher};
    let mut h = rustc_hash::FxHasher::default();
    (&line.line, line.stream.hash64(), line.metadata.hash64()).hash(&mut h);
    (line.ts, h.finish())
}

/// Lines that wait for their delay to pass.
struct Held<'a> {
    plan: &'a Plan,
    query: LiveQuery,
    out: &'a mpsc::Sender<Out>,
    lines: Vec<(Instant, Entry)>,
    dropped: Vec<Entry>,
}

impl Held<'_> {
    fn add(&mut self, b: &LogBatch, sent: &HashSet<(i64, u64)>) {
        let now = Instant::now();
        self.query.entries(b, i64::MIN, &mut |e| {
            if sent.contains(&key(&e)) {
                return;
            }
            if self.lines.len() < MAX_TAIL_HELD {
                self.lines.push((now, e));
            } else if self.dropped.len() < MAX_TAIL_DROPPED {
                self.dropped.push(e);
            }
        });
    }

    /// Sends what is due. A socket that does not keep up loses lines and is told so.
    fn flush(&mut self, live: &LogSubscription) -> Result<(), QueryError> {
        let missed = live.take_missed();
        let due = self.lines.iter().take_while(|(at, _)| at.elapsed() >= self.plan.delay).count();
        let mut ready: Vec<Entry> = self.lines.drain(..due).map(|(_, l)| l).collect();
        ready.sort_by_key(|l| l.ts);
        if missed > 0 {
            tracing::warn!(missed, tenant = %self.plan.tenant, "a tail reads too slowly; lines were lost");
        }
        let mut patience = TAIL_PATIENCE;
        for lines in ready.chunks(MAX_TAIL_BATCH) {
            if self.offer(frame(lines, &self.dropped, self.plan.categorize), &mut patience)? {
                self.dropped.clear();
            } else {
                let room = MAX_TAIL_DROPPED.saturating_sub(self.dropped.len());
                self.dropped.extend(lines.iter().take(room).cloned());
            }
        }
        Ok(())
    }

    /// Whether the socket's queue took the frame while the patience lasted.
    fn offer(&self, text: String, patience: &mut Duration) -> Result<bool, QueryError> {
        const NAP: Duration = Duration::from_millis(5);
        let mut out = Out::Frame(text);
        loop {
            match self.out.try_send(out) {
                Ok(()) => return Ok(true),
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(QueryError::Canceled),
                Err(mpsc::error::TrySendError::Full(_)) if *patience < NAP => return Ok(false),
                Err(mpsc::error::TrySendError::Full(back)) => {
                    out = back;
                    *patience -= NAP;
                    std::thread::sleep(NAP);
                }
            }
        }
    }
}

/// `{"streams":[…]}`, with the lines that were dropped since the last frame.
fn frame(lines: &[Entry], dropped: &[Entry], categorize: bool) -> String {
    let views: Vec<Line<'_>> = lines.iter().map(Line::of).collect();
    let mut out = String::from("{\"streams\":");
    json::array(&mut out, render::group(&views, categorize), |out, (labels, lines)| render::stream(out, &labels, &lines, categorize));
    if !dropped.is_empty() {
        out.push_str(",\"dropped_entries\":");
        json::array(&mut out, dropped, |out, l| {
            out.push_str(&format!("{{\"timestamp\":\"{}\",\"labels\":", l.ts));
            json::object(out, Line::of(l).flat().iter());
            out.push('}');
        });
    }
    if categorize {
        out.push_str(",\"encodingFlags\":[\"categorize-labels\"]");
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Labels;

    #[test]
    fn frames() {
        let line = |ts: i64, text: &str| Entry {
            ts,
            line: text.into(),
            stream: Labels::from_pairs([("a", "b")]),
            metadata: Labels::from_pairs([("k", "v")]),
            parsed: Labels::empty(),
        };
        assert_eq!(frame(&[line(1, "x")], &[], false), r#"{"streams":[{"stream":{"a":"b","k":"v"},"values":[["1","x"]]}]}"#);
        assert_eq!(
            frame(&[line(1, "x")], &[line(2, "y")], true),
            r#"{"streams":[{"stream":{"a":"b"},"values":[["1","x",{"structuredMetadata":{"k":"v"}}]]}],"dropped_entries":[{"timestamp":"2","labels":{"a":"b","k":"v"}}],"encodingFlags":["categorize-labels"]}"#
        );
    }
}
