//! Conditions on one span: types, nil, arrays, booleans, arithmetic, intrinsics, events, links, scopes.

use super::{check, check_shown};

const SHOP: &str = r#"
1/1 gateway "GET /" 0+100 kind=server status=error message="boom" span.code=500 span.ratio=0.5 span.ok=true scope="http" instrumentation.tier=2
1/2<1 ledger "append" 10+20 kind=client span.code="500" span.ok=false span.tags=["hot","cold"] resource.code=7
1/3<1 - "append" 40+1 kind=internal span.ratio=1 span.ints=[1,2,3] span.mixed=[1,"a"] span.none=[] resource.zone="eu"
"#;

fn on_shop(condition: &str, spans: &str) {
    let expected = if spans.is_empty() { String::new() } else { format!("1: {spans}") };
    check(&format!("{{ {condition} }}"), SHOP, &expected);
}

#[test]
fn the_type_of_a_literal_decides() {
    on_shop("span.code = 500", "1");
    on_shop("span.code = \"500\"", "2");
    on_shop("span.code = 500.0", "");
    on_shop("span.code != 4", "1");
    on_shop("span.ratio > 0", "3");
    on_shop("span.ratio > 0.0", "1");
    on_shop("span.ratio * 2 >= 1", "1 3");
    on_shop("span.code > 499ns", "1");
    on_shop("span.code = ok", "");
    on_shop("duration > 0.5", "1 2 3");
    on_shop("duration >= 20ms", "1 2");
    on_shop("20ms <= duration", "1 2");
    on_shop("duration = 20000000", "2");
}

#[test]
fn missing_values() {
    on_shop("span.ratio = nil", "2");
    on_shop("span.ratio != nil", "1 3");
    on_shop("nil != span.ratio", "1 3");
    on_shop("span.ratio != 9.0", "1");
    on_shop("span.nosuch != 1", "");
    on_shop("nil = nil", "");
    on_shop("resource.service.name != nil", "1 2");
    on_shop("name != nil", "1 2 3");
    on_shop("span.nosuch + 1 = 1 || kind = internal", "3");
    on_shop("(span.ratio * 2) = nil", "2");
}

#[test]
fn arrays() {
    on_shop("span.tags = \"hot\"", "2");
    on_shop("span.tags =~ \"c.*\"", "2");
    on_shop("span.tags != \"hot\"", "");
    on_shop("span.tags != \"warm\"", "2");
    on_shop("span.tags !~ \"h.*\"", "");
    on_shop("span.tags = \"hot\" || span.tags = \"x\"", "2");
    on_shop("span.ints > 2", "3");
    on_shop("span.ints = 2.0", "");
    on_shop("span.mixed = 1", "");
    on_shop("span.none != 1", "");
    on_shop("span.mixed != nil && span.none != nil", "3");
}

#[test]
fn booleans() {
    on_shop("span.ok", "1");
    on_shop("!span.ok", "2");
    on_shop("!(span.ok = true)", "2 3");
    on_shop("!(kind = server)", "2 3");
    on_shop("(kind = server) = false", "2 3");
    on_shop("(kind = server) != true && true", "2 3");
    on_shop("!!(kind = server)", "1");
    on_shop("span.ok || kind = internal", "1 3");
    on_shop("kind = internal || !span.ok", "2 3");
    on_shop("kind = server || kind = client && status = error", "1");
    on_shop("kind = server || (kind = client && status = error)", "1");
    on_shop("span.code", "");
    on_shop("1 < 2", "1 2 3");
    on_shop("false", "");
}

#[test]
fn arithmetic() {
    on_shop("span.code + 1 = 501", "1");
    on_shop("span.code - 1 * 2 = 498", "1");
    on_shop("span.code / 100 = 5", "1");
    on_shop("span.code / 7 = 71", "1");
    on_shop("span.code % 7 = 3", "1");
    on_shop("span.code ^ 2 = 250000", "1");
    on_shop("2 ^ 3 ^ 2 = 512 && kind = server", "1");
    on_shop("-span.code = -500", "1");
    on_shop("-span.code = -500 || kind = client", "1 2");
    on_shop("span.code / 0 > 1", "");
    on_shop("span.ratio / 0.0 > 1e300", "1 3");
    on_shop("duration / 2 = 10ms", "2");
    on_shop("duration > 10ms * 2", "1");
    on_shop("span.code > span.ratio", "1");
}

fn on_error(query: &str, expected: &str) {
    check(query, SHOP, expected);
}

#[test]
fn errors_name_the_reason() {
    on_error("{ 1 / 0 = 1 }", "error: division by zero: 1 / 0");
    on_error("{ } | rate()", "error: `{ } | rate()` is a metrics query; ask /api/metrics/query_range or /api/metrics/query");
    on_error("{ parent.a = 1 }", "error: parent not yet supported");
}

#[test]
fn intrinsics() {
    on_shop("name = \"append\"", "2 3");
    on_shop("name =~ \"GET.*\"", "1");
    on_shop("name =~ \"GET\"", "");
    on_shop("name > \"b\"", "");
    on_shop("status = error", "1");
    on_shop("status != error", "2 3");
    on_shop("statusMessage = \"boom\"", "1");
    on_shop("statusMessage = \"\"", "2 3");
    on_shop("span:childCount = 2", "1");
    on_shop("nestedSetParent < 0", "1");
    on_shop("nestedSetParent = -1", "1");
    on_shop("nestedSetParent > 0", "2 3");
    on_shop("nestedSetRight - nestedSetLeft = 1", "2 3");
    on_shop("traceDuration = 100ms", "1 2 3");
    on_shop("rootName = \"GET /\" && kind = client", "2");
    on_shop("trace:rootService = \"gateway\"", "1 2 3");
    on_shop("span:id = \"2\"", "2");
    on_shop("span:id = \"0000000000000002\"", "2");
    on_shop("span:id =~ \"0+2\"", "2");
    on_shop("span:parentID = \"1\"", "2 3");
    on_shop("span:parentID = \"\"", "1");
    on_shop("trace:id = \"1\"", "1 2 3");
    on_shop("trace:id = \"0000000000000000000000000000001\"", "1 2 3");
    on_shop("trace:id != \"zz\" && kind = server", "1");
    on_shop("trace:id = \"zz\"", "");
}

#[test]
fn scopes() {
    on_shop(".code = 7", "");
    on_shop("resource.code = 7", "2");
    on_shop(".zone = \"eu\"", "3");
    on_shop(".zone = nil", "1 2");
    on_shop("instrumentation:name = \"http\"", "1");
    on_shop("instrumentation.tier = 2", "1");
    on_shop("instrumentation.tier = nil", "2 3");
    on_shop("resource.service.name = \"ledger\"", "2");
}

const EVENTS: &str = r#"
1/1 a "x" 0+10 event:exception@2 event.type="timeout" event:cache@5 event.size=7
1/2<1 a "y" 1+10 event:cache@2 event.size=1 event:exception@3 event.size=9 link:ab/cd link.hops=2
1/3<1 a "z" 2+10
"#;

#[test]
fn events_and_links() {
    let on = |condition: &str, spans: &str| {
        check(&format!("{{ {condition} }}"), EVENTS, &if spans.is_empty() { String::new() } else { format!("1: {spans}") });
    };
    on("event:name = \"exception\"", "1 2");
    on("event:name = \"exception\" && event.size > 0", "2");
    on("event.size > 0 && name != \"q\" && event:name = \"exception\"", "2");
    on("event:name = \"exception\" && event.size = 7", "");
    on("event:name = \"nosuch\" || event.size = 7", "1");
    on("event.size = nil", "3");
    on("event.size != nil", "1 2");
    on("!(event.size = 7)", "2 3");
    on("event:timeSinceStart > 4ms", "1");
    on("event.size * 2 = 14", "1");
    on("link:traceID = \"ab\" && link:spanID = \"cd\" && link.hops = 2", "2");
    on("link:traceID != nil", "2");
    on("link.hops > 2", "");
}

#[test]
fn what_is_shown() {
    check_shown("{ kind = server && span.code = 500 && duration > 1ms }", SHOP, "1: 1{kind=server code=500}");
    check_shown(
        "{ kind = internal } | select(span.ints, span.ok, name, duration, resource.zone)",
        SHOP,
        "1: 3{name=append kind=internal ints=[1,2,3] zone=eu}",
    );
    check_shown("{ span.ok = true || span.ratio >= 0.0 }", SHOP, "1: 1{ok=true ratio=0.5}");
    check_shown("{ event:name = \"exception\" && event.size > 0 }", EVENTS, "1: 2{event:name=exception size=9}");
    check_shown("{ name = \"z\" } | select(event:name)", EVENTS, "1: 3{name=z}");
    check_shown(
        "{ link.hops = 2 } | select(link:traceID, link:spanID)",
        EVENTS,
        "1: 2{hops=2 link:traceID=ab link:spanID=00000000000000cd}",
    );
}
