//! The language with a host that adds next to nothing: text in, text out.

use std::collections::BTreeMap;

use crate::{Entry, Host, Template};

type Val<'d> = crate::Val<'d, Plain>;

/// Data are names with texts; the one function of its own is `twice`, the one method of a time is `Add`.
#[derive(Debug, Clone, Copy)]
pub struct Plain;

impl Host for Plain {
    type Context<'d> = &'d [(&'d str, &'d str)];
    type Time = i64;

    const LIST: &'static str = "[]string";
    const MAP: &'static str = "map[string]string";
    const TIME: &'static str = "time.Time";
    const FAMILIES: &'static [&'static [Entry<Plain>]] = &[&[
        Entry("twice", 1, 1, |_, a| Ok(Val::list(vec![a.at(0).clone(), a.at(0).clone()]))),
        Entry("time", 1, 1, |_, a| a.int(0).map(Val::Time)),
        Entry("data", 0, 0, |c, _| Ok(Plain::root(c))),
    ]];

    fn field<'d>(context: &Self::Context<'d>, name: &str) -> Val<'d> {
        context.iter().find(|f| f.0 == name).map_or(Val::Nil, |f| Val::Str(f.1.into()))
    }

    fn root<'d>(context: &Self::Context<'d>) -> Val<'d> {
        Val::map(context.iter().map(|(k, v)| ((*k).to_owned(), Val::Str((*v).into()))).collect::<BTreeMap<_, _>>())
    }

    fn missing<'d>() -> Val<'d> {
        Val::str("missing")
    }

    fn whole(v: &Val<'_>) -> Result<i64, String> {
        if let Val::Int(i) = v { Ok(*i) } else { Err(format!("{} is no int", v.kind())) }
    }

    fn time_text(t: &i64) -> String {
        format!("t{t}")
    }

    fn same_time(a: &i64, b: &i64) -> Option<bool> {
        Some(a == b)
    }

    fn time_method<'d>(t: &i64, name: &str, args: &[Val<'d>]) -> Result<Val<'d>, String> {
        match (name, args) {
            ("Add", [Val::Int(n)]) => Ok(Val::Time(t + n)),
            _ => Err(format!("no method {name}")),
        }
    }
}

#[track_caller]
fn check(template: &str, want: &str) {
    let mut out = String::new();
    let result = Template::<Plain>::new("t", template).and_then(|t| t.execute(&&[("a", "x"), ("b", "y")][..], &mut out));
    match result {
        Ok(()) => assert_eq!(out, want, "{template}"),
        Err(e) => assert_eq!(format!("! {e}"), want, "{template}"),
    }
}

#[test]
fn data_and_missing_keys() {
    check(
        "{{ .a }}{{ $.b }} {{ .c }} {{ data.c }} {{ index data \"c\" }} {{ . }} {{ len . }}",
        "xy <no value> missing missing map[a:x b:y] 2",
    );
    check("{{ range $k, $v := . }}{{ $k }}{{ $v }} {{ end }}", "ax by ");
    check("{{ with .c }}c{{ else }}none{{ end }}{{ if . }}some{{ end }}", "nonesome");
}

#[test]
fn times_and_their_methods() {
    check("{{ time 3 }} {{ (time 3).Add 4 }} {{ 4 | (time 3).Add }} {{ eq (time 1) (time 1) }}", "t3 t7 t7 true");
    check("{{ (time 3).Sub }}", "! template: t:1:3: executing \"t\" at <(time 3).Sub>: no method Sub");
    check("{{ .a 1 }}", "! template: t:1:3: executing \"t\" at <.a 1>: can't give argument to non-function .a 1");
}

#[test]
fn loops_end_as_in_go() {
    check("{{ range twice 1 }}{{ . }}{{ break }}{{ end }}", "1");
    check("{{ range $i, $v := twice 1 }}{{ if eq $i 0 }}{{ continue }}{{ end }}{{ $i }}{{ end }}", "1");
    // In the else part: break ends the inner range only, continue goes on with the outer one.
    check("{{ range twice 1 }}[{{ range 0 }}{{ else }}{{ break }}{{ end }}]{{ end }}", "[][]");
    check("{{ range twice 1 }}[{{ range 0 }}{{ else }}{{ continue }}{{ end }}]{{ end }}", "[[");
}

#[test]
fn bounds() {
    check("{{ range 99999999 }}{{ end }}", "! template takes more than 100000 steps");
    let wide = format!("{{{{ range 40000 }}}}{}{{{{ end }}}}", "x".repeat(100));
    let mut out = String::new();
    let error = Template::<Plain>::new("t", &wide).unwrap().execute(&&[][..], &mut out).unwrap_err();
    assert_eq!(error, "template writes more than 1048576 bytes");
    check(
        "{{ define \"r\" }}{{ template \"r\" }}{{ end }}{{ template \"r\" }}",
        "! template: t:1:19: executing \"t\" at <{{template \"r\"}}>: exceeded maximum template depth",
    );
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(300), ")".repeat(300));
    assert!(Template::<Plain>::new("t", &deep).unwrap_err().contains("too deep"));
}

#[test]
fn wrong_calls() {
    check("{{ nope }}", "! template: t:1: function \"nope\" not defined");
    check("{{ twice }}", "! template: t:1:3: executing \"t\" at <twice>: wrong number of args for twice: want 1 got 0");
    check("{{ index \"abc\" 9 }}", "! template: t:1:3: executing \"t\" at <index \"abc\" 9>: error calling index: index out of range: 9");
    check(
        "{{ index (twice 1) \"a\" }}",
        "! template: t:1:3: executing \"t\" at <index (twice 1) \"a\">: error calling index: string is no int",
    );
}

#[test]
fn values_do_not_grow_without_end() {
    let doubled = "{{ $x := \"0123456789\" }}".to_owned() + &"{{ $x = print $x $x }}".repeat(40) + "{{ len $x }}";
    let mut out = String::new();
    let error = Template::<Plain>::new("t", &doubled).unwrap().execute(&&[][..], &mut out).unwrap_err();
    assert!(error.contains("longer than 1048576 bytes"), "{error}");
}
