//! Stages: filters, aggregates, by, coalesce, select.

use super::check;

const WORK: &str = r#"
1/1 a "load" 0+10 span.n=1 span.f=0.5
1/2<1 a "save" 1+20 span.n=2
1/3<1 b "save" 2+30 span.n=5 span.f=1.5
2/4 b "load" 100+5
"#;

#[test]
fn aggregates() {
    check("{ } | count() > 2", WORK, "1: 1 2 3 [count()=3]");
    check("{ } | count() = 1", WORK, "2: 4 [count()=1]");
    check("{ name = \"nosuch\" } | count() = 0", WORK, "");
    check("{ } | sum(span.n) = 8", WORK, "1: 1 2 3 [sum(span.n)=8]");
    check("{ } | avg(span.n) > 2", WORK, "1: 1 2 3 [avg(span.n)=2.6666666666666665]");
    check("{ } | max(span.f) >= 1", WORK, "1: 1 2 3 [max(span.f)=1.5]");
    check("{ } | min(duration) = 10ms", WORK, "1: 1 2 3 [min(duration)=10ms]");
    check("{ } | avg(duration) = 20ms", WORK, "1: 1 2 3 [avg(duration)=20ms]");
    check("{ } | max(span.n * 2 + 1) = 11", WORK, "1: 1 2 3 [max((span.n * 2) + 1)=11]");
    check("count() > 2 | { name = \"save\" } | sum(span.n) = 7", WORK, "1: 2 3 [count()=3 sum(span.n)=7]");
    check("max(span.n) > 100", WORK, "");
}

#[test]
fn groups() {
    check("{ } | by(name)", WORK, "2: 4 [by(name)=load]; 1: 1 [by(name)=load] / 2 3 [by(name)=save]");
    check("{ } | by(name) | count() > 1", WORK, "1: 2 3 [by(name)=save count()=2]");
    check("{ } | by(span.n)", WORK, "2: 4 [by(span.n)=nil]; 1: 1 [by(span.n)=1] / 2 [by(span.n)=2] / 3 [by(span.n)=5]");
    check("{ } | by(span.n > 1) | count() = 2", WORK, "1: 2 3 [by(span.n > 1)=true count()=2]");
    check(
        "{ span.n > 1 } | by(name) | by(resource.service.name)",
        WORK,
        "1: 2 [by(name)=save by(resource.service.name)=a] / 3 [by(name)=save by(resource.service.name)=b]",
    );
    check("{ } | by(name) | coalesce() | count() = 3", WORK, "1: 1 2 3 [count()=3]");
    check("{ } | by(name) | { span.n = 5 }", WORK, "1: 3 [by(name)=save]");
}

#[test]
fn filters_in_a_row() {
    check("{ } | { name = \"save\" } | { span.n > 2 }", WORK, "1: 3");
    check("{ name = \"save\" } | select(span.n) | { span.n > 2 }", WORK, "1: 3");
    check("({ name = \"save\" } | count() = 2) && ({ name = \"load\" } | count() = 1)", WORK, "1: 1 2 3");
    check("{ } | ({ name = \"save\" } | count() = 2)", WORK, "1: 2 3 [count()=2]");
    check("by(name) | { name = \"load\" }", WORK, "2: 4 [by(name)=load]; 1: 1 [by(name)=load]");
    check("select(span.n) | { span.n = 1 }", WORK, "1: 1");
}
