//! Queries and the errors that they give.

use super::{parse, parse_number, parse_selector};
use crate::Features;

#[track_caller]
fn check(query: &str, want: &str) {
    match parse(query, &Features::all()) {
        Ok(e) => assert_eq!(e.to_string(), want, "{query}"),
        Err(e) => assert_eq!(format!("! {e}"), want, "{query}"),
    }
}

#[test]
fn precedence_and_signs() {
    check("-1^2", "-1 ^ 2");
    check("1 + 2 * 3 ^ 2 ^ 2", "1 + 2 * 3 ^ 2 ^ 2");
    check("a or b and c > d + e * f ^ g", "a or b and c > d + e * f ^ g");
    check("-a offset 5m [5m]", "! 1:14: parse error: no offset modifiers allowed before range");
    check("1_000 + 0x1F + 0755 + Inf", "1000 + 31 + 493 + +Inf");
}

#[test]
fn selectors() {
    check("{\"a.b\", c=~'x|y',}", "{__name__=\"a.b\",c=~\"x|y\"}");
    check("foo @ 1.5 offset -5m", "foo @ 1.500 offset -5m");
    check("foo[5m] anchored @ end()", "foo[5m] anchored @ end()");
    check("foo[5m:1m]", "foo[5m:1m]");
    check("foo{__name__=\"x\"}", "! 1:1: parse error: metric name must not be set twice: \"foo\" or \"x\"");
    check("{a=~\".*\"}", "! 1:1: parse error: vector selector must contain at least one non-empty matcher");
    check("foo{a=}", "! 1:7: parse error: unexpected \"}\" in label matching, expected string");
    check("sum{on=\"x\"}", "sum{on=\"x\"}");
}

#[test]
fn syntax_errors_have_their_context() {
    check("", "! unknown position: parse error: no expression found in input");
    check("foo bar", "! 1:5: parse error: unexpected identifier \"bar\"");
    check("sum(foo bar)", "! 1:9: parse error: unexpected identifier \"bar\" in aggregation");
    check("rate(foo[5m],)", "! 1:13: parse error: trailing commas not allowed in function call args");
    check("sum by job (x)", "! 1:8: parse error: unexpected identifier \"job\" in grouping opts, expected \"(\"");
    check("foo @ bar", "! 1:7: parse error: unexpected identifier \"bar\" in @, expected timestamp");
    check("foo offset bar", "! 1:12: parse error: unexpected identifier \"bar\" in offset, expected number, duration, step(), or range()");
    check("foo[5m 1m]", "! 1:8: parse error: unexpected duration \"1m\" in subquery or range, expected \":\" or \"]\"");
    check("1 +", "! 1:4: parse error: unexpected end of input");
}

#[test]
fn types() {
    check("rate(foo)", "! 1:6: parse error: expected type range vector in call to function \"rate\", got instant vector");
    check("1 > 2", "! 1:3: parse error: comparisons between scalars must use BOOL modifier");
    check("a * on(x) group_left(x) b", "! 1:3: parse error: label \"x\" must not occur in ON and GROUP clause at once");
    check("a and on(x) group_left b", "! 1:1: parse error: no grouping allowed for \"and\" operation");
    check("sum(foo[5m])", "! 1:5: parse error: expected type instant vector in aggregation expression, got range vector");
}

#[test]
fn features_are_needed() {
    let none = Features::default();
    for (query, want) in [
        ("info(a)", "1:1: parse error: function \"info\" is not enabled"),
        ("a + fill(0) b", "1:1: parse error: binop fill modifiers are experimental and not enabled"),
        ("a[5m] smoothed", "1:1: parse error: smoothed modifier is experimental and not enabled"),
        (
            "limitk(1, a)",
            "1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
        ),
    ] {
        assert_eq!(parse(query, &none).unwrap_err().to_string(), want);
    }
}

#[test]
fn depth_is_bounded() {
    let deep = "(".repeat(5_000) + "1" + &")".repeat(5_000);
    assert!(parse(&deep, &Features::default()).unwrap_err().reason.contains("deeper"));
    let long = "a".to_owned() + &"+a".repeat(5_000);
    assert!(parse(&long, &Features::default()).unwrap_err().reason.contains("more than"));
}

#[test]
fn match_parameters() {
    assert_eq!(parse_selector("foo{a=\"b\"}").unwrap().len(), 2);
    assert_eq!(parse_selector("{}").unwrap().len(), 0);
    assert_eq!(parse_selector("{").unwrap_err().to_string(), "1:2: parse error: unexpected end of input inside braces");
    assert_eq!(parse_selector("sum(").unwrap_err().to_string(), "1:4: parse error: unexpected \"(\"");
}

#[test]
fn numbers() {
    for (text, v) in [("0755", 493.0), ("1_000", 1000.0), ("089", 89.0), ("0x_1f", 31.0), ("1e3", 1000.0), (".5", 0.5)] {
        assert_eq!(parse_number(text), Ok(v), "{text}");
    }
    assert!(parse_number("1e400").unwrap_err().ends_with("value out of range"));
}
