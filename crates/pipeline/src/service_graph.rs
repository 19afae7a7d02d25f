//! The service graph: pairs client and server spans into edges and counts requests, failures and latencies of each.

use std::collections::VecDeque;
use std::sync::Arc;

use model::{Labels, SpanBatch, kind, status};
use rustc_hash::FxHashMap;

use crate::attributes::{TextColumn, label_name};
use crate::limits::{EDGE_WAIT_NS, MAX_EDGES};
use crate::registry::Registry;

/// Tempo's options of the service-graphs processor; the default is Tempo's.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceGraphOptions {
    /// attributes that become labels, looked up in the resource first
    pub dimensions: Vec<String>,
    /// dimensions carry `client_` and `server_` before their name
    pub client_server_prefix: bool,
    /// `traces_service_graph_request_messaging_system_seconds`
    pub messaging_latency: bool,
    /// the label `virtual_node`
    pub virtual_node_label: bool,
    /// upper bounds in seconds
    pub buckets: Vec<f64>,
}

impl Default for ServiceGraphOptions {
    fn default() -> Self {
        ServiceGraphOptions {
            dimensions: vec![],
            client_server_prefix: false,
            messaging_latency: false,
            virtual_node_label: false,
            buckets: (0..8).map(|n| 0.1 * f64::from(1 << n)).collect(),
        }
    }
}

/// Attributes that say a client span calls a database.
const DATABASE: [&str; 4] = ["db.namespace", "db.name", "db.system", "db.system.name"];
/// Attributes that name the peer of a client span whose server never reports, in the order asked.
const PEER: [&str; 4] = ["peer.service", "db.name", "db.system", "db.system.name"];
/// The client of a request that comes from outside.
const USER: &str = "user";

type Key = ([u8; 16], [u8; 8]);

pub struct ServiceGraph {
    options: ServiceGraphOptions,
    bounds: Arc<[f64]>,
    waiting: FxHashMap<Key, Edge>,
    /// keys by the time they came
    order: VecDeque<(u64, Key)>,
    /// edges that ran out without their other half
    pub expired: u64,
}

#[derive(Debug, Clone, Default)]
struct Edge {
    trace: [u8; 16],
    connection: &'static str,
    client: Option<Half>,
    server: Option<Half>,
    /// the server span says it has no parent: the client is a user
    from_user: bool,
    /// how the client names its peer
    peer: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct Half {
    service: String,
    start: u64,
    end: u64,
    failed: bool,
    dimensions: Vec<(String, String)>,
}

/// Columns of one batch that edges need.
struct Columns {
    dimensions: Vec<(String, TextColumn)>,
    database: Vec<TextColumn>,
    peer: Vec<TextColumn>,
    server_address: TextColumn,
    network_address: TextColumn,
    network_port: TextColumn,
}

impl ServiceGraph {
    pub fn new(options: ServiceGraphOptions) -> ServiceGraph {
        let bounds = options.buckets.clone().into();
        ServiceGraph { options, bounds, waiting: FxHashMap::default(), order: VecDeque::new(), expired: 0 }
    }

    pub fn observe(&mut self, batch: &SpanBatch, registry: &mut Registry, now_ns: u64) {
        let columns = self.columns(batch);
        for row in 0..batch.len() {
            match batch.kind[row] {
                kind::CLIENT | kind::PRODUCER => self.client(batch, row, &columns, registry, now_ns),
                kind::SERVER | kind::CONSUMER => self.server(batch, row, &columns, registry, now_ns),
                _ => {}
            }
        }
        self.expire(registry, now_ns);
    }

    fn columns(&self, batch: &SpanBatch) -> Columns {
        let spans = |key: &str| TextColumn::of_spans(batch, key);
        Columns {
            dimensions: self.options.dimensions.iter().map(|d| (label_name(d), TextColumn::of_resource_or_span(batch, d))).collect(),
            database: DATABASE.iter().map(|k| spans(k)).collect(),
            peer: PEER.iter().map(|k| spans(k)).collect(),
            server_address: spans("server.address"),
            network_address: spans("network.peer.address"),
            network_port: spans("network.peer.port"),
        }
    }

    fn client(&mut self, batch: &SpanBatch, row: usize, c: &Columns, registry: &mut Registry, now_ns: u64) {
        let half = half(batch, row, c);
        if half.service.is_empty() {
            return;
        }
        let database = c.database.iter().find_map(|column| column.get(row));
        let connection = if batch.kind[row] == kind::PRODUCER { "messaging_system" } else { "" };
        if batch.kind[row] == kind::CLIENT
            && let Some(name) = database
        {
            // A database does not report spans of its own: the edge is whole with the client's view on both sides.
            let server = Half { service: database_name(c, row, name), dimensions: vec![], ..half.clone() };
            let edge =
                Edge { trace: batch.trace_id[row], connection: "database", client: Some(half), server: Some(server), ..Edge::default() };
            return self.complete(&edge, registry, now_ns);
        }
        let peer = c.peer.iter().find_map(|column| column.get(row)).map(str::to_owned);
        let key = (batch.trace_id[row], batch.span_id[row]);
        self.join(key, now_ns, registry, |e| {
            e.client = Some(half);
            e.peer = peer;
            if !connection.is_empty() {
                e.connection = connection;
            }
        });
    }

    fn server(&mut self, batch: &SpanBatch, row: usize, c: &Columns, registry: &mut Registry, now_ns: u64) {
        let half = half(batch, row, c);
        if half.service.is_empty() {
            return;
        }
        let root = batch.parent_id[row] == [0; 8];
        if root {
            let edge = Edge { trace: batch.trace_id[row], server: Some(half), from_user: true, ..Edge::default() };
            return self.end(edge, registry, now_ns);
        }
        let connection = if batch.kind[row] == kind::CONSUMER { "messaging_system" } else { "" };
        self.join((batch.trace_id[row], batch.parent_id[row]), now_ns, registry, |e| {
            e.server = Some(half);
            if !connection.is_empty() {
                e.connection = connection;
            }
        });
    }

    /// Adds one half to its edge; an edge with both halves is counted and gone.
    fn join(&mut self, key: Key, now_ns: u64, registry: &mut Registry, add: impl FnOnce(&mut Edge)) {
        if !self.waiting.contains_key(&key) {
            if self.waiting.len() >= MAX_EDGES {
                self.expire_one(registry, now_ns);
            }
            self.order.push_back((now_ns, key));
        }
        let edge = self.waiting.entry(key).or_insert_with(|| Edge { trace: key.0, ..Edge::default() });
        add(edge);
        if edge.client.is_some()
            && edge.server.is_some()
            && let Some(whole) = self.waiting.remove(&key)
        {
            self.complete(&whole, registry, now_ns);
        }
    }

    /// Ends the edges that waited long enough.
    pub fn expire(&mut self, registry: &mut Registry, now_ns: u64) {
        while self.order.front().is_some_and(|(t, _)| now_ns.saturating_sub(*t) >= EDGE_WAIT_NS) {
            self.expire_one(registry, now_ns);
        }
    }

    fn expire_one(&mut self, registry: &mut Registry, now_ns: u64) {
        let Some((_, key)) = self.order.pop_front() else { return };
        // An edge that was completed left its key behind.
        if let Some(edge) = self.waiting.remove(&key) {
            self.end(edge, registry, now_ns);
        }
    }

    /// An edge without its other half: a user before it or a peer behind it, else it is only counted.
    fn end(&mut self, mut edge: Edge, registry: &mut Registry, now_ns: u64) {
        let outside = |service: String| Some(Half { service, ..Half::default() });
        match (&edge.client, &edge.server, edge.peer.take()) {
            (None, Some(_), _) if edge.from_user => edge.client = outside(USER.to_owned()),
            (Some(_), None, Some(peer)) => edge.server = outside(peer),
            _ => {
                self.expired += 1;
                return;
            }
        }
        edge.connection = "virtual_node";
        self.complete(&edge, registry, now_ns);
    }

    fn complete(&self, edge: &Edge, registry: &mut Registry, now_ns: u64) {
        let (Some(client), Some(server)) = (&edge.client, &edge.server) else { return };
        let now_ms = (now_ns / 1_000_000) as i64;
        let labels = self.labels(edge, client, server);
        let seconds = |h: &Half| h.end.saturating_sub(h.start) as f64 / 1e9;
        let trace = edge.trace;
        registry.add("traces_service_graph_request_total", &labels, 1.0, now_ms);
        if client.failed || server.failed {
            registry.add("traces_service_graph_request_failed_total", &labels, 1.0, now_ms);
        }
        registry.observe("traces_service_graph_request_server_seconds", &labels, &self.bounds, seconds(server), 1.0, trace, now_ms);
        registry.observe("traces_service_graph_request_client_seconds", &labels, &self.bounds, seconds(client), 1.0, trace, now_ms);
        if self.options.messaging_latency && edge.connection == "messaging_system" {
            let between = server.start.saturating_sub(client.end) as f64 / 1e9;
            registry.observe("traces_service_graph_request_messaging_system_seconds", &labels, &self.bounds, between, 1.0, trace, now_ms);
        }
    }

    fn labels(&self, edge: &Edge, client: &Half, server: &Half) -> Labels {
        let mut pairs: Vec<(String, &str)> =
            vec![("client".into(), &client.service), ("server".into(), &server.service), ("connection_type".into(), edge.connection)];
        for (side, half) in [("client", client), ("server", server)] {
            for (name, value) in &half.dimensions {
                let name = if self.options.client_server_prefix { format!("{side}_{name}") } else { name.clone() };
                pairs.push((name, value));
            }
        }
        if self.options.virtual_node_label && edge.connection == "virtual_node" {
            pairs.push(("virtual_node".into(), if edge.from_user { "client" } else { "server" }));
        }
        Labels::from_pairs(pairs.into_iter().filter(|(_, v)| !v.is_empty()))
    }
}

fn half(batch: &SpanBatch, row: usize, c: &Columns) -> Half {
    Half {
        service: batch.resource(row).service_name().unwrap_or("").to_owned(),
        start: batch.start[row],
        end: batch.end[row],
        failed: batch.status[row] == status::ERROR,
        dimensions: c.dimensions.iter().filter_map(|(n, column)| Some((n.clone(), column.get(row)?.to_owned()))).collect(),
    }
}

/// peer.service, server.address, network.peer.address[:port], else the database's own name.
fn database_name(c: &Columns, row: usize, database: &str) -> String {
    if let Some(name) = c.peer[0].get(row).or(c.server_address.get(row)) {
        return name.to_owned();
    }
    match (c.network_address.get(row), c.network_port.get(row)) {
        (Some(address), Some(port)) => format!("{address}:{port}"),
        (Some(address), None) => address.to_owned(),
        _ => database.to_owned(),
    }
}
