//! Queries in, printed queries or error texts out.

use super::{Features, format_query, parse, parse_selector};

const PLAIN: Features = Features { extensions: false };

#[track_caller]
fn error(text: &str, want: &str) {
    assert_eq!(parse(text, &PLAIN).map(|e| e.to_string()).unwrap_err().to_string(), format!("parse error {want}"), "{text}");
}

#[track_caller]
fn prints(text: &str, want: &str) {
    let first = parse(text, &PLAIN).unwrap_or_else(|e| panic!("{text}: {e}"));
    assert_eq!(first.to_string(), want, "{text}");
    assert_eq!(parse(want, &PLAIN).map(|e| e.to_string()).as_deref(), Ok(want), "printed form of {text}");
}

#[test]
fn syntax_errors_say_where_and_what() {
    let at = |text: &str, col: usize, rest: &str| error(text, &format!("at line 1, col {col}: syntax error: unexpected {rest}"));
    at("{", 2, "$end, expecting IDENTIFIER or }");
    at("{a", 3, "$end, expecting = or =~ or !~ or !=");
    at("{a=", 4, "$end, expecting STRING");
    at("{a=\"b\"", 7, "$end, expecting } or ,");
    at("{a=\"b\",}", 8, "}, expecting IDENTIFIER");
    at("{a=\"b\"} |", 10, "$end");
    at("{a=\"b\"} |= x", 12, "IDENTIFIER, expecting STRING or ip");
    at("{a=\"b\"} |= \"x\" or", 18, "$end, expecting STRING or ip");
    at("{a=\"b\"} | y", 12, "$end");
    at("{a=\"b\"} | y > \"5\"", 15, "STRING");
    at("{a=\"b\"} | y=~5", 14, "NUMBER, expecting STRING");
    at("{a=\"b\"} | y > 3q", 17, "$end");
    at("{a=\"b\"} | y=\"x\" or", 19, "$end, expecting IDENTIFIER or (");
    at("{a=\"b\"} | unwrap y", 11, "unwrap");
    at("{a=\"b\"} | drop", 15, "$end, expecting IDENTIFIER");
    at("{a=\"b\"} | json y=", 18, "$end, expecting STRING");
    at("{a=\"b\"} | label_format y", 25, "$end, expecting =");
    at("{a=\"b\"} | line_format y", 23, "IDENTIFIER, expecting STRING");
    at("{a=\"b\"} | logfmt --other", 20, "IDENTIFIER, expecting NUMBER");
    at("{a=\"b\"} | xml", 14, "$end");
    at("{a=\"b\"} + ", 11, "$end");
    at("rate({a=\"b\"})", 13, ")");
    at("rate({a=\"b\"}[5m]", 17, "$end, expecting )");
    at("rate({a=\"b\"}[5m] offset)", 24, "), expecting DURATION");
    at("rate(1)", 7, "), expecting ,");
    at("rate()", 6, "), expecting NUMBER or { or (");
    at("sum({a=\"b\"})", 12, ")");
    at("sum by a (rate({a=\"b\"}[5m]))", 1, "IDENTIFIER");
    at("sum by (a rate({a=\"b\"}[5m]))", 11, "RATE, expecting , or )");
    at("nothing(1)", 1, "IDENTIFIER");
    at("vector(x)", 8, "IDENTIFIER, expecting NUMBER");
    at("label_replace(vector(1), x)", 26, "IDENTIFIER, expecting STRING");
    at("-rate({a=\"b\"}[5m])", 2, "RATE, expecting NUMBER");
    at("1h", 1, "DURATION");
    at("sum_over_time({a=\"b\"} | unwrap x | json [5m])", 36, "json, expecting IDENTIFIER or (");
    at("sum_over_time({a=\"b\"} | unwrap f(x) [5m])", 33, "(, expecting RANGE or |");
    error("{a=\"b\"} |= \"open", "at line 1, col 12: literal not terminated");
    error("{a=\"b\"}\n| y = ", "at line 2, col 7: syntax error: unexpected $end");
    error("rate({a=\"b\"}[5x])", "at line 1, col 13: unknown unit \"x\" in duration \"5x\"");
    error("", ": syntax error: unexpected $end");
}

#[test]
fn checks_say_what_is_wrong() {
    let whole = |text: &str, rest: &str| error(text, &format!(": {rest}"));
    whole("{a=~\"b(\"}", "error parsing regexp: missing closing ): `b(`");
    whole("{a=\"b\"} |~ \"b(\"", "stage '|~ \"b(\"' : error parsing regexp: missing closing ): `b(`");
    whole("{a=\"b\"} |= ip(\"nope\")", "stage '|= ip(\"nope\")' : ip: invalid pattern: \"nope\"");
    whole("{a=\"b\"} !~ ip(\"1.2.3.4\")", "stage '!~ ip(\"1.2.3.4\")' : ip: invalid operation");
    whole("{a=\"b\"} |> \"<x> y\"", "stage '|> \"<x> y\"' : named captures are not allowed: found '<x>'");
    whole("{a=\"b\"} | regexp \"x\"", "invalid regexp parser: at least one named capture must be supplied");
    whole("{a=\"b\"} | pattern \"x\"", "invalid pattern parser: at least one capture is required");
    whole(
        "{a=\"b\"} | json y=\"c[\"",
        "stage '| json y=\"c[\"' : cannot parse expression [c[]: syntax error: unexpected $end, expecting STRING or INDEX",
    );
    whole(
        "{a=\"b\"} | label_format y=c,y=d",
        "stage '| label_format y=c,y=d' : multiple label name 'y' not allowed in a single format operation",
    );
    whole("sum_over_time({a=\"b\"}[5m])", "invalid aggregation sum_over_time without unwrap");
    whole("count_over_time({a=\"b\"} | unwrap y[5m])", "invalid aggregation count_over_time with unwrap");
    whole("rate({a=\"b\"}[5m]) by (x)", "grouping not allowed for rate aggregation");
    whole("quantile_over_time({a=\"b\"} | unwrap y[5m])", "parameter required for operation quantile_over_time");
    whole("min_over_time(0.5, {a=\"b\"} | unwrap y[5m])", "parameter 0.5 not supported for operation min_over_time");
    whole("topk(vector(1))", "parameter required for operation topk");
    whole("topk(0, vector(1))", "invalid parameter (must be greater than 0) topk(0");
    whole("bottomk(1.5, vector(1))", "invalid parameter bottomk(1.5,");
    whole("max(3, vector(1))", "unsupported parameter for operation max(3,");
    whole("sort(vector(1)) by (x)", "sort and sort_desc doesn't allow grouping by ");
    whole("1 or vector(1)", "unexpected literal for left leg of logical/set binary operation (or): 1.000000");
    whole("{a=\"b\"} * 2", "unexpected type for left leg of binary operation (*): *syntax.MatchersExpr");
    whole("2 * {a=\"b\"} | json", "unexpected type for right leg of binary operation (*): *syntax.PipelineExpr");
    whole("0x11", "unable to parse literal as a float: strconv.ParseFloat: parsing \"0x11\": invalid syntax");
    whole(
        "label_replace(vector(1), \"a\", \"b\", \"c\", \"d(\")",
        "invalid regex in label_replace: error parsing regexp: missing closing ): `^(?:d()$`",
    );
    whole("label_replace(vector(1), \"a b\", \"b\", \"c\", \"d\")", "invalid destination label name in label_replace: a b");
    for open in ["{}", "{a=\"\"}", "{a!=\"x\"}", "{a=~\".*\"}", "rate({a=~\"x|\"}[1m])"] {
        assert!(parse(open, &PLAIN).unwrap_err().to_string().starts_with("parse error : queries require at least one"), "{open}");
    }
    assert!(parse(&"(".repeat(5_000), &PLAIN).is_err());
    assert!(parse(&format!("{{a=\"b\"}} | {}x=\"y\"", "(".repeat(5_000)), &PLAIN).is_err());
}

#[test]
fn long_chains_are_bounded() {
    let chain = |n: usize| vec!["vector(1)"; n].join(" + ");
    assert!(parse(&chain(251), &PLAIN).is_ok_and(|e| e.clone() == e && !e.to_string().is_empty()));
    assert!(parse(&chain(9_000), &PLAIN).unwrap_err().to_string().contains("more than 250 binary operators"));
    let filters = |n: usize| format!("{{a=\"b\"}} | {}", vec!["x=\"1\""; n].join(" or "));
    assert!(parse(&filters(300), &PLAIN).is_ok_and(|e| e.clone() == e && !e.to_string().is_empty()));
    assert!(parse(&filters(9_000), &PLAIN).unwrap_err().to_string().contains("more than 300 label filter conditions"));
}

#[test]
fn prints_as_loki() {
    prints("{a=`b`,c!=\"d\",e=~\"f\"}|=\"x\"or`y`!~\"z\"", "{a=\"b\", c!=\"d\", e=~\"f\"} |= \"x\" or \"y\" !~ \"z\"");
    prints("{a=\"b\"}|json x=\"y.z\",w|logfmt --strict k", "{a=\"b\"} | json x=\"y.z\",w=\"w\" | logfmt --strict k=\"k\"");
    prints("{a=\"b\"} | (x=\"y\" or w>1.50) and v=1", "{a=\"b\"} | ( ( x=\"y\" or w>1.5 ) , v==1 )");
    prints("{a=\"b\"} | t<=90m | b!=3KB | ip=ip(\"::1\")", "{a=\"b\"} | t<=1h30m0s | b!=3.0kB | ip=ip(\"::1\")");
    prints(
        "{a=\"b\"}|label_format x=y,z=\"{{.w}}\"|drop x,y=\"z\"|keep w,v=~\"u\"|decolorize|unpack",
        "{a=\"b\"} | label_format x=y,z=\"{{.w}}\" | drop x,y=\"z\" | keep w,v=~\"u\" | decolorize | unpack",
    );
    prints(
        "sum by(c,d)(count_over_time({a=\"b\"}[1h30m] offset 5m |= \"x\"))",
        "sum by (c,d)(count_over_time({a=\"b\"} |= \"x\"[1h30m] offset 5m0s))",
    );
    prints("topk(5,sum without(a)(bytes_rate({a=\"b\"}[90s])))", "topk(5,sum without (a)(bytes_rate({a=\"b\"}[1m30s])))");
    prints(
        "quantile_over_time(0.9,{a=\"b\"}|unwrap duration(x)|__error__=\"\"[5m])by(y)",
        "quantile_over_time(0.9,{a=\"b\"} | unwrap duration(x) | __error__=\"\"[5m]) by (y)",
    );
    prints("vector(1)/on(a)group_left(c)vector(2)>bool 3", "((vector(1) / on (a) group_left (c) vector(2)) > bool 3)");
    prints("vector(1)+vector(2)*vector(3)^vector(4)^vector(5)", "(vector(1) + (vector(2) * (vector(3) ^ (vector(4) ^ vector(5)))))");
    prints("vector(1) or vector(2) and vector(3)", "(vector(1) or (vector(2) and vector(3)))");
    prints("(1+2)*3", "9");
    prints("-2^2", "4");
    prints("rate(({a=\"b\"} |= \"x\")[1m])", "rate({a=\"b\"} |= \"x\"[1m])");
    prints("label_replace(vector(1),\"x\",\"$1\",\"y\",\"(.*)\")", "label_replace(vector(1),\"x\",\"$1\",\"y\",\"(.*)\")");
}

#[test]
fn long_queries_are_laid_out() {
    let text = "sum(count_over_time({service=\"shop\"}|level!=\"\"|json a=\"b.c\"|logfmt|drop __error__,__error_details__|line_format \"{{.a}}\"[1m]))by(x)/2";
    let want = "  sum by (x)(\n    count_over_time(\n      {service=\"shop\"}\n        | level!=\"\"\n        | json a=\"b.c\"\n        | logfmt\n        | drop __error__,__error_details__\n        | line_format \"{{.a}}\" [1m]\n    )\n  )\n/\n  2";
    assert_eq!(format_query(text, &PLAIN).as_deref(), Ok(want));
    assert_eq!(parse(want, &PLAIN).map(|e| e.to_string()), parse(text, &PLAIN).map(|e| e.to_string()));
}

#[test]
fn selectors() {
    assert_eq!(parse_selector("{a=\"b\", c=~\"d\"}").map(|m| m.len()), Ok(2));
    assert_eq!(parse_selector("{}").map(|m| m.len()), Ok(0));
    for bad in ["", "{a=\"b\"} |= \"x\"", "vector(1)", "{a=\"b\""] {
        assert!(parse_selector(bad).is_err(), "{bad}");
    }
}
