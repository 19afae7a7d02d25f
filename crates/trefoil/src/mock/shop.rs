//! The shop: what happens in one order, service by service.

use super::random::Random;

pub const SYMBOLS: [&str; 4] = ["BTC-USD", "ETH-USD", "SOL-USD", "XRP-EUR"];
pub const EXCHANGES: [&str; 3] = ["kraken", "coinbase", "binance"];
pub const OPERATIONS: [&str; 4] = ["fetch_price", "place_order", "cancel_order", "get_book"];

/// The services, in the order of `Service`.
pub const SERVICES: [&str; 4] = ["gateway", "data-service", "decision-service", "exchange-client"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    Gateway,
    Data,
    Decision,
    Exchange,
}

/// OTLP's numbers of span kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Internal = 1,
    Server = 2,
    Client = 3,
    Producer = 4,
    Consumer = 5,
}

#[derive(Debug, Clone)]
pub struct Step {
    pub service: Service,
    pub id: [u8; 8],
    pub parent: [u8; 8],
    pub name: String,
    pub kind: Kind,
    pub start: u64,
    pub end: u64,
    pub attrs: Vec<(&'static str, Attr)>,
    /// the error message of a failed step
    pub error: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Attr {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
}

#[derive(Debug, Clone)]
pub struct Line {
    pub service: Service,
    pub span: [u8; 8],
    pub time: u64,
    /// OTLP severity number and text
    pub severity: (i32, &'static str),
    pub body: String,
}

/// One trace with its log lines.
#[derive(Debug, Clone)]
pub struct Order {
    pub trace: [u8; 16],
    pub symbol: &'static str,
    pub exchange: &'static str,
    pub operation: &'static str,
    pub failed: bool,
    pub price: f64,
    pub steps: Vec<Step>,
    pub lines: Vec<Line>,
}

pub struct Shop {
    random: Random,
    prices: [f64; 4],
}

impl Shop {
    pub fn new(random: Random) -> Shop {
        Shop { random, prices: [64_000.0, 3_100.0, 145.0, 0.52] }
    }

    /// What happens in one order that begins at `start` (Unix nanoseconds).
    pub fn order(&mut self, start: u64) -> Order {
        let r = &mut self.random;
        let at = (r.next() % 4) as usize;
        self.prices[at] *= 1.0 + r.between(-0.002, 0.002);
        let mut order = Order {
            trace: r.id(),
            symbol: SYMBOLS[at],
            exchange: r.pick(&EXCHANGES),
            operation: r.pick(&OPERATIONS),
            failed: r.chance(0.08),
            price: self.prices[at],
            steps: vec![],
            lines: vec![],
        };
        let total = (r.between(8.0, 60.0) * if r.chance(0.05) { 8.0 } else { 1.0 } * 1e6) as u64;
        let root = self.gateway(&mut order, start, total);
        let data = self.data(&mut order, root, start + total / 20, total * 8 / 10);
        if order.operation == "place_order" {
            self.decision(&mut order, data, start + total / 5, total / 2);
        }
        order
    }

    fn gateway(&mut self, o: &mut Order, start: u64, total: u64) -> [u8; 8] {
        let status = if o.failed { 503 } else { 200 };
        let route = format!("/api/{}", o.operation);
        let user = format!("u-{}", self.random.next() % 40);
        let attrs = vec![
            ("http.request.method", text("POST")),
            ("http.route", text(&route)),
            ("http.response.status_code", Attr::Int(status)),
            ("user.id", Attr::Text(user)),
        ];
        let id = self.step(o, Service::Gateway, [0; 8], &format!("POST {route}"), Kind::Server, start, total, attrs);
        self.line(o, Service::Gateway, id, start + total, format!("{} {route} {status} {}ms", "POST", total / 1_000_000));
        id
    }

    fn data(&mut self, o: &mut Order, parent: [u8; 8], start: u64, total: u64) -> [u8; 8] {
        let call = self.step(
            o,
            Service::Gateway,
            parent,
            "call data-service",
            Kind::Client,
            start,
            total,
            vec![("peer.service", text("data-service"))],
        );
        let hit = self.random.chance(0.4);
        let attrs = vec![
            ("crypto.symbol", text(o.symbol)),
            ("crypto.exchange", text(o.exchange)),
            ("operation.type", text(o.operation)),
            ("cache.hit", Attr::Bool(hit)),
            ("crypto.price", Attr::Float((o.price * 100.0).round() / 100.0)),
        ];
        let id = self.step(o, Service::Data, call, o.operation, Kind::Server, start + total / 50, total * 9 / 10, attrs);
        if !hit {
            let attrs = vec![("server.address", Attr::Text(format!("api.{}.example", o.exchange))), ("crypto.exchange", text(o.exchange))];
            self.step(o, Service::Exchange, id, &format!("GET {}", o.exchange), Kind::Client, start + total / 10, total / 2, attrs);
        }
        let statement = format!("SELECT price FROM quotes WHERE symbol = '{}'", o.symbol);
        let attrs = vec![
            ("db.system", text("postgresql")),
            ("db.statement", Attr::Text(statement)),
            ("db.rows", Attr::Int((self.random.next() % 200) as i64)),
        ];
        self.step(o, Service::Data, id, "SELECT quotes", Kind::Client, start + total * 7 / 10, total / 10, attrs);
        let body = if o.failed {
            format!("level=error msg=\"exchange timeout\" exchange={} symbol={}", o.exchange, o.symbol)
        } else {
            format!("level=info msg=\"price served\" symbol={} price={:.2} cache_hit={hit}", o.symbol, o.price)
        };
        self.line(o, Service::Data, id, start + total / 2, body);
        id
    }

    fn decision(&mut self, o: &mut Order, parent: [u8; 8], start: u64, total: u64) {
        let topic = |op: &str| {
            vec![("messaging.system", text("kafka")), ("messaging.destination.name", text("decisions")), ("messaging.operation", text(op))]
        };
        let sent = self.step(o, Service::Data, parent, "decisions publish", Kind::Producer, start, total / 10, topic("publish"));
        let taken =
            self.step(o, Service::Decision, sent, "decisions process", Kind::Consumer, start + total / 5, total / 2, topic("process"));
        let score = self.random.between(0.0, 1.0);
        let attrs = vec![("rule.score", Attr::Float(score)), ("operation.type", text("decide")), ("crypto.symbol", text(o.symbol))];
        self.step(o, Service::Decision, taken, "evaluate rules", Kind::Internal, start + total / 4, total / 3, attrs);
        let body =
            format!("{{\"level\":\"info\",\"msg\":\"decided\",\"symbol\":\"{}\",\"score\":{score:.3},\"buy\":{}}}", o.symbol, score > 0.5);
        self.line(o, Service::Decision, taken, start + total / 2, body);
    }

    #[expect(clippy::too_many_arguments, reason = "a span has that many parts")]
    fn step(
        &mut self,
        o: &mut Order,
        service: Service,
        parent: [u8; 8],
        name: &str,
        kind: Kind,
        start: u64,
        dur: u64,
        attrs: Vec<(&'static str, Attr)>,
    ) -> [u8; 8] {
        let id = self.random.id();
        let fails = o.failed && matches!(kind, Kind::Server | Kind::Client) && !name.starts_with("SELECT");
        let error = fails.then(|| format!("{} did not answer in time", o.exchange));
        o.steps.push(Step { service, id, parent, name: name.to_owned(), kind, start, end: start + dur.max(1_000), attrs, error });
        id
    }

    fn line(&mut self, o: &mut Order, service: Service, span: [u8; 8], time: u64, body: String) {
        let severity = if o.failed { (17, "ERROR") } else { (9, "INFO") };
        o.lines.push(Line { service, span, time, severity, body });
    }
}

fn text(s: &str) -> Attr {
    Attr::Text(s.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_one_connected_trace() {
        let mut shop = Shop::new(Random::new(3));
        for _ in 0..50 {
            let o = shop.order(1_000_000_000_000);
            let roots = o.steps.iter().filter(|s| s.parent == [0; 8]).count();
            assert_eq!(roots, 1);
            assert!(o.steps.iter().all(|s| s.parent == [0; 8] || o.steps.iter().any(|p| p.id == s.parent)));
            assert!(o.lines.iter().all(|l| o.steps.iter().any(|s| s.id == l.span)));
            assert_eq!(o.failed, o.steps.iter().any(|s| s.error.is_some()));
        }
    }
}
