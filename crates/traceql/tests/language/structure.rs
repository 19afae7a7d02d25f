//! Operators between spansets.

use super::check;

/// 1 > (2 > 3 > 4, 5), an orphan 6 > 7; trace 2 has two roots.
const TREE: &str = r#"
1/1 a "one" 0+100
1/2<1 a "two" 1+10
1/3<2 a "three" 2+10
--
1/4<3 a "four" 3+10
1/5<1 a "five" 4+10
1/6<ff a "six" 5+10
1/7<6 a "seven" 6+10
2/8 a "root a" 50+10
2/9 a "root b" 51+10
"#;

fn on_tree(query: &str, spans: &str) {
    let filters = query.split(' ').map(|w| match w.parse::<u8>() {
        Ok(n) => format!("{{ span:id = \"{n:x}\" }}"),
        Err(_) => w.to_owned(),
    });
    let expected = if spans.is_empty() { String::new() } else { format!("1: {spans}") };
    check(&filters.collect::<Vec<_>>().join(" "), TREE, &expected);
}

#[test]
fn relations() {
    on_tree("1 > 2", "2");
    on_tree("1 > 3", "");
    on_tree("1 >> 4", "4");
    on_tree("4 << 1", "1");
    on_tree("3 < 2", "2");
    on_tree("2 ~ 5", "5");
    on_tree("2 ~ 2", "");
    on_tree("5 ~ 2", "2");
    on_tree("1 >> 7", "");
    on_tree("6 > 7", "7");
    on_tree("6 >> 7", "7");
}

#[test]
fn negated_and_union() {
    on_tree("1 !> 3", "3");
    on_tree("1 !> 2", "");
    on_tree("1 !>> 4", "");
    on_tree("9 !> 3", "3");
    on_tree("2 !~ 5", "");
    on_tree("3 !< 2", "");
    on_tree("1 &> 2", "1 2");
    on_tree("4 &<< 1", "1 4");
    on_tree("2 &~ 5", "2 5");
    on_tree("1 &>> 7", "");
}

#[test]
fn joined() {
    on_tree("1 && 4", "1 4");
    on_tree("1 && 9", "");
    on_tree("1 || 9 && 4", "1 4");
    on_tree("1 > 2 > 3", "3");
    on_tree("1 >> 4 && 5", "4 5");
    check("{ name = \"root a\" } ~ { name = \"root b\" }", TREE, "");
    check("{ name = \"root a\" } || { name = \"one\" }", TREE, "2: 8; 1: 1");
}

#[test]
fn nested_sets() {
    check("{ nestedSetParent < 0 }", TREE, "2: 8 9; 1: 1");
    check("{ nestedSetLeft = 0 }", TREE, "1: 6 7");
    check("{ span:childCount = 0 && nestedSetLeft = 0 }", TREE, "1: 7");
    check("{ nestedSetRight = 10 }", TREE, "1: 1");
}

#[test]
fn spans_that_share_an_id_or_a_loop() {
    let shared = "1/1 a \"client\" 0+10 kind=client\n1/1 b \"server\" 1+5 kind=server\n1/2<1 b \"child\" 2+1";
    check("{ kind = client } > { kind = server }", shared, "1: 1");
    check("{ kind = server } > { name = \"child\" }", shared, "1: 2");
    let looped = "1/1<2 a \"x\" 0+1\n1/2<1 a \"y\" 1+1\n1/3<3 a \"z\" 2+1";
    check("{ } >> { }", looped, "");
    check("{ nestedSetLeft = 0 }", looped, "1: 1 2 3");
}

#[test]
fn several_spansets_are_refused() {
    check("({ } | by(name)) > ({ } | count() > 0)", TREE, "error: operand of > has more than one spanset; join them with coalesce() first");
    check("({ } | by(name) | coalesce()) > ({ name = \"two\" } | count() > 0)", TREE, "1: 2");
}
