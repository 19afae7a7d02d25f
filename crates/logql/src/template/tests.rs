//! Templates, text in and text out.

use super::{Data, Template};

struct Line;

impl Data for Line {
    fn label(&self, name: &str) -> Option<&str> {
        self.labels().into_iter().find(|l| l.0 == name).map(|l| l.1)
    }

    fn labels(&self) -> Vec<(&str, &str)> {
        vec![("attempt", "3"), ("latency_ms", "40.85"), ("level", "info"), ("msg", "request done"), ("op", "get_book")]
    }

    fn line(&self) -> &str {
        r#"{"ctx":{"user":{"id":36,"tier":"gold"}},"sizes":[1,2,6]}"#
    }

    fn timestamp(&self) -> i64 {
        1_768_471_200_608_099_011
    }
}

#[track_caller]
fn check(template: &str, want: &str) {
    let mut out = String::new();
    let result = Template::new("line", template).and_then(|t| t.execute(&Line, 0, &mut out));
    match result {
        Ok(()) => assert_eq!(out, want, "{template}"),
        Err(e) => assert_eq!(format!("! {e}"), want, "{template}"),
    }
}

#[test]
fn actions() {
    check("{{.msg}} at {{ .level }}{{.none}}", "request done at info");
    check(
        "{{ if and (eq .level \"info\") (ne .op \"x\") }}yes{{ end }}{{ if or .none .level }}or{{ end }}{{ if not .none }}not{{ end }}",
        "yesornot",
    );
    check("{{ if eq .level \"warn\" }}W{{ else if eq .level \"info\" }}I{{ else }}-{{ end }}", "I");
    check("{{ range $i, $v := fromJson \"[1,2,3]\" }}{{ $i }}={{ $v }};{{ end }}", "0=1;1=2;2=3;");
    check("{{ range fromJson \"{\\\"b\\\":2,\\\"a\\\":[true,null]}\" }}[{{ . }}]{{ end }}", "[[true <nil>]][2]");
    check("{{ range fromJson \"[]\" }}x{{ else }}none{{ end }}", "none");
    check("{{ range $v := fromJson \"[1,2,3]\" }}{{ if eq $v 2.0 }}{{ break }}{{ end }}{{ $v }}{{ end }}", "1");
    check("{{ with fromJson __line__ }}{{ .ctx.user.tier }} {{ index .sizes 2 }} {{ .ctx.user }}{{ end }}", "gold 6 map[id:36 tier:gold]");
    check("{{ $l := .level | ToUpper }}{{ $l }}{{ $l = \"x\" }}{{ $l }}", "INFOx");
    check("{{/* note */}}{{- .level -}}   trimmed", "infotrimmed");
    check("{{ define \"x\" }}<{{ . }}>{{ end }}{{ template \"x\" .level }}", "<info>");
    check("{{ . }}", "map[attempt:3 latency_ms:40.85 level:info msg:request done op:get_book]");
    check("{{ range $k, $v := . }}{{ $k }},{{ end }}", "attempt,latency_ms,level,msg,op,");
    check("{{ fromJson \"{\" }}", "<no value>");
    check("{{ 1.0 }} {{ 1e6 }} {{ 0x10 }} {{ true }} {{ 'a' }} {{ -3 }}", "1 1e+06 16 true 97 -3");
    check("{{ (fromJson __line__).ctx.user.id }}", "36");
}

#[test]
fn functions() {
    check("{{ add .attempt 10 }} {{ div 7 -2 }} {{ mod -7 4 }} {{ int \"12.9\" }} {{ int \"x\" }} {{ int -3.7 }}", "13 -3 -3 12 0 -3");
    check(
        "{{ ceil 1.2 }} {{ floor -1.2 }} {{ round 1.2345 2 }} {{ round .latency_ms 1 }} {{ mulf .latency_ms 2 }} {{ divf 1 3 }}",
        "2 -2 1.23 40.9 81.7 0.3333333333333333",
    );
    check(
        "{{ trunc 3 .msg }} {{ trunc -4 .msg }} {{ substr 2 5 .msg }} {{ substr -1 3 .msg }} {{ substr 3 -1 .msg }}",
        "req done que req uest done",
    );
    check("{{ alignLeft 6 .level }}|{{ alignRight 6 .level }}|{{ alignRight 4 .msg }}", "info  |  info|done");
    check(
        "{{ regexReplaceAll \"([a-z]+)_([a-z]*)\" .op \"${2}-$1\" }} {{ regexReplaceAllLiteral \"[aeiou]\" .msg \"$1\" }}",
        "book-get r$1q$1$1st d$1n$1",
    );
    check(
        "{{ urlencode \"a&b c\" }} {{ urldecode \"a%26b+c\" }} {{ b64enc .level }} {{ b64dec \"aGVsbG8\" }}",
        "a%26b+c a&b c aW5mbw== hello",
    );
    check("{{ bytes \"1.5GiB\" }} {{ bytes \"2 kB\" }} {{ duration \"1h2m3.5s\" }}", "1.610612736e+09 2000 3723.5");
    check(
        "{{ title .msg }} {{ .msg | replace \"e\" \"E\" }} {{ indent 2 .level }}{{ nindent 1 .level }}",
        "Request Done rEquEst donE   info\n info",
    );
    check("{{ __timestamp__ | unixEpochMillis }} {{ __timestamp__.Year }} {{ date \"15:04\" __timestamp__ }}", "1768471200608 2026 10:00");
    check("{{ \"20468\" | unixToTime | date \"2006-01-02\" }}", "2026-01-15");
    check(
        "{{ .none | default \"d\" }} {{ default \"d\" .level }} {{ count \"e\" .msg }} {{ print 1 2 \"x\" .level }}",
        "d info 3 1 2xinfo",
    );
    check(
        "{{ slice .msg 2 5 }} {{ index \"abc\" 1 }} {{ len .msg }} {{ html \"<b>&'\" }} {{ js \"it's\" }}",
        "que 98 12 &lt;b&gt;&amp;&#39; it\\'s",
    );
}

#[test]
fn errors() {
    check("{{.x", "! template: line:1: unclosed action");
    check("{{ nofunc . }}", "! template: line:1: function \"nofunc\" not defined");
    check("{{ if .x }}", "! template: line:1: unexpected EOF");
    check(
        "{{ div 1 0 }}",
        "! template: line:1:3: executing \"line\" at <div 1 0>: error calling div: runtime error: integer divide by zero",
    );
    for bad in [
        "{{ end }}",
        "{{ else }}",
        "{{ $x }}",
        "{{ | }}",
        "{{ ( }}",
        "{{ ) }}",
        "{{ \"a }}",
        "{{ . . }}x{{",
        "{{ break }}",
        "{{ if }}{{ end }}",
        "{{}}",
    ] {
        let mut out = String::new();
        assert!(Template::new("line", bad).and_then(|t| t.execute(&Line, 0, &mut out)).is_err(), "{bad}");
    }
    for failing in [
        "{{ .level.sub }}",
        "{{ index .msg 999 }}",
        "{{ lt 1 \"a\" }}",
        "{{ substr 5 2 .msg }}",
        "{{ urldecode \"%zz\" }}",
        "{{ .level | unixToTime }}",
        "{{ repeat 99999999 \"abc\" }}",
        "{{ define \"x\" }}{{ template \"x\" }}{{ end }}{{ template \"x\" }}",
    ] {
        let t = Template::new("line", failing).unwrap();
        assert!(t.execute(&Line, 0, &mut String::new()).is_err(), "{failing}");
    }
}
