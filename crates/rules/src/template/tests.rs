//! Templates: text in, text out.

use model::Labels;

use super::{Scope, Val, expand};

#[track_caller]
fn check(text: &str, expected: &str) {
    let labels = Labels::from_pairs([("instance", "web.example.org:80"), ("job", "web")]);
    let external = Labels::from_pairs([("region", "eu")]);
    let ask = |q: &str| match q {
        "up" => Ok(["b", "a"]
            .map(|i| promql::Sample {
                labels: Labels::from_pairs([("__name__", "up"), ("instance", i)]),
                t: 0,
                value: promql::SampleValue::Float(if i == "a" { 1.0 } else { 0.5 }),
            })
            .to_vec()),
        "none" => Ok(vec![]),
        q => Err(format!("cannot ask {q}")),
    };
    let scope = Scope {
        name: "T",
        labels: &labels,
        value: Val::Float(1_234_567.0),
        external_labels: &external,
        external_url: "http://host:9090/prom",
        now_ms: 1_500,
        ask: &ask,
    };
    assert_eq!(expand(text, &scope), expected, "{text}");
}

#[test]
fn variables_and_control() {
    check("plain", "plain");
    check(
        "{{ $labels.job }} {{ .Labels.instance }} {{ $value }} {{ $externalLabels.region }} {{ $externalURL }}",
        "web web.example.org:80 1.234567e+06 eu http://host:9090/prom",
    );
    check("[{{ $labels.missing }}]", "[]");
    check("{{ if gt $value 5.0 }}big{{ else }}small{{ end }}", "big");
    check("{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}", "instance=web.example.org:80;job=web;");
    check("{{ with $labels.job }}<{{ . }}>{{ end }}{{ $x := 3 }}{{ $x }}", "<web>3");
    check("{{ define \"d\" }}({{ . }}){{ end }}{{ template \"d\" $labels.job }}", "(web)");
    check("{{ index $labels \"job\" | toUpper | printf \"%5s|\" }} {{ len $labels }}", "  WEB| 2");
    check("{{ if and (eq $labels.job \"web\") (ne 1 2) }}y{{ end }}{{ not true }}{{ or \"\" \"z\" }}", "yfalsez");
}

#[test]
fn queries() {
    check("{{ range query \"up\" | sortByLabel \"instance\" }}{{ .Labels.instance }}={{ .Value }} {{ end }}", "a=1 b=0.5 ");
    check("{{ query \"up\" | first | value }} {{ query \"up\" | first | label \"instance\" }}", "0.5 b");
    check("{{ with query \"none\" }}some{{ else }}none{{ end }}", "none");
    check(
        "{{ query \"none\" | first }}",
        "<error expanding template: error executing template __alert_T: template: __alert_T:1:130: executing \"__alert_T\" at <first>: error calling first: first() called on vector with no elements>",
    );
}

#[test]
fn humanized() {
    check("{{ $value | humanize }} {{ humanize 0.0012 }} {{ humanize 0.0 }} {{ humanize -1500.0 }}", "1.235M 1.2m 0 -1.5k");
    check("{{ humanize1024 1536.0 }} {{ humanize1024 1.0 }} {{ humanize1024 \"1048576\" }}", "1.5ki 1 1Mi");
    check(
        "{{ humanizeDuration 90061.0 }}, {{ humanizeDuration 3661 }}, {{ humanizeDuration 61 }}, {{ humanizeDuration 1.5 }}, {{ humanizeDuration 0.02 }}, {{ humanizeDuration -60 }}, {{ humanizeDuration 0 }}",
        "1d 1h 1m 1s, 1h 1m 1s, 1m 1s, 1.5s, 20ms, -1m 0s, 0s",
    );
    check("{{ humanizePercentage 0.1234567 }} {{ humanizeTimestamp 1435065584.128 }}", "12.35% 2015-06-23 13:19:44.128 +0000 UTC");
    check(
        "{{ toTime 0 }} {{ toDuration 3661.5 }} {{ now }} {{ parseDuration \"1h2m\" }}",
        "1970-01-01 00:00:00 +0000 UTC 1h1m1.5s 1.5 3720",
    );
}

#[test]
fn texts() {
    check(
        "{{ title \"aa bb\" }} {{ toLower \"AB\" }} {{ stripPort $labels.instance }} {{ stripDomain $labels.instance }} {{ stripDomain \"1.2.3.4:5\" }}",
        "Aa Bb ab web.example.org web:80 1.2.3.4:5",
    );
    check("{{ match \"a+\" \"baa\" }} {{ reReplaceAll \"(b)(a+)\" \"$2-$1\" \"baa\" }}", "true aa-b");
    check("{{ graphLink \"up == 0\" }} {{ tableLink \"a\" }}", "/graph?g0.expr=up+%3D%3D+0&g0.tab=0 /graph?g0.expr=a&g0.tab=1");
    check(
        "{{ externalURL }} {{ pathPrefix }} {{ urlQueryEscape \"a b\" }} {{ html \"<a>\" }} {{ (args 1 \"x\").arg1 }}",
        "http://host:9090/prom /prom a+b &lt;a&gt; x",
    );
    check("{{ printf \"%.2f %d %q %v\" 1.234 5 \"x\" true }}", "1.23 5 \"x\" true");
}

#[test]
fn failures_become_text() {
    check("{{ .Labels.a", "<error expanding template: error parsing template __alert_T: template: __alert_T:1: unclosed action>");
    check(
        "{{ nope }}",
        "<error expanding template: error parsing template __alert_T: template: __alert_T:1: function \"nope\" not defined>",
    );
    let deep = format!("{}1{}", "(".repeat(300), ")".repeat(300));
    assert!(super::check(&format!("{{{{ {deep} }}}}")).unwrap_err().contains("too deep"));
    assert!(super::check("{{ $nope }}").unwrap_err().contains("undefined variable"));
    check(
        "{{ define \"r\" }}{{ template \"r\" }}{{ end }}{{ template \"r\" }}",
        "<error expanding template: error executing template __alert_T: template: __alert_T:1:131: executing \"__alert_T\" at <{{template \"r\"}}>: exceeded maximum template depth>",
    );
}
