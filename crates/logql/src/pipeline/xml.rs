//! `xml`: texts and attributes of elements as labels, names joined by `_`. An extension: Loki has no such stage.

use super::row::{LineError, Row};
use super::sanitize_into;
use crate::limits::MAX_VALUE_DEPTH;
use crate::syntax::ast::LabelPath;

#[derive(Debug)]
pub struct Xml {
    /// (label, joined name); none = everything
    paths: Vec<(String, String)>,
}

impl Xml {
    pub fn new(paths: &[LabelPath]) -> Xml {
        let joined = |p: &LabelPath| {
            let mut name = String::new();
            sanitize_into(&p.path, &mut name);
            (p.label.clone(), name)
        };
        Xml { paths: paths.iter().map(joined).collect() }
    }

    pub fn run(&self, row: &mut Row<'_>) {
        let line = row.detached_line();
        let read = walk(&line, &mut |name, value| {
            if self.paths.is_empty() {
                return row.extract(name, value);
            }
            for (label, _) in self.paths.iter().filter(|p| p.1 == name) {
                row.extract(label, value);
            }
        });
        if let Err(details) = read {
            row.fail(LineError::Xml, details);
        }
    }
}

/// Reports each attribute and each element's text with the names of the elements around it.
fn walk(text: &str, found: &mut dyn FnMut(&str, &str)) -> Result<(), &'static str> {
    let mut rest = text.trim_start();
    let mut name = String::new();
    let mut open: Vec<(&str, usize)> = vec![];
    if !rest.starts_with('<') {
        return Err("line is no XML element");
    }
    loop {
        let at = rest.find('<').unwrap_or(rest.len());
        let content = rest[..at].trim();
        if !content.is_empty() && !open.is_empty() {
            found(&name, &entities(content));
        }
        rest = &rest[at..];
        if rest.is_empty() {
            return if open.is_empty() { Ok(()) } else { Err("element is not closed") };
        }
        if let Some(after) = rest.strip_prefix("<![CDATA[") {
            let end = after.find("]]>").ok_or("CDATA is not closed")?;
            if !open.is_empty() {
                found(&name, &after[..end]);
            }
            rest = &after[end + 3..];
        } else if let Some(after) = rest.strip_prefix("<!--") {
            rest = &after[after.find("-->").ok_or("comment is not closed")? + 3..];
        } else if rest.starts_with("<?") || rest.starts_with("<!") {
            rest = &rest[rest.find('>').ok_or("declaration is not closed")? + 1..];
        } else if let Some(after) = rest.strip_prefix("</") {
            let end = after.find('>').ok_or("tag is not closed")?;
            let (tag, len) = open.pop().ok_or("closing tag without an opening one")?;
            if after[..end].trim() != tag {
                return Err("closing tag does not fit the opening one");
            }
            name.truncate(len);
            rest = &after[end + 1..];
        } else {
            rest = element(&rest[1..], &mut name, &mut open, found)?;
        }
    }
}

/// An opening tag behind its `<`; answers what follows it.
fn element<'a>(
    text: &'a str,
    name: &mut String,
    open: &mut Vec<(&'a str, usize)>,
    found: &mut dyn FnMut(&str, &str),
) -> Result<&'a str, &'static str> {
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).ok_or("tag is not closed")?;
    let (tag, outer) = (&text[..end], name.len());
    if tag.is_empty() || open.len() >= MAX_VALUE_DEPTH {
        return Err(if tag.is_empty() { "tag has no name" } else { "elements nest too deep" });
    }
    push_name(name, tag);
    let mut rest = text[end..].trim_start();
    loop {
        if let Some(after) = rest.strip_prefix("/>") {
            name.truncate(outer);
            return Ok(after);
        }
        if let Some(after) = rest.strip_prefix('>') {
            open.push((tag, outer));
            return Ok(after);
        }
        let (key, after) = rest.split_once('=').ok_or("attribute has no value")?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or("attribute value has no quotes")?;
        let close = after[1..].find(quote).ok_or("attribute value is not closed")?;
        let len = name.len();
        push_name(name, key.trim());
        found(name, &entities(&after[1..1 + close]));
        name.truncate(len);
        rest = after[close + 2..].trim_start();
    }
}

fn push_name(name: &mut String, part: &str) {
    if !name.is_empty() {
        name.push('_');
    }
    sanitize_into(part, name);
}

fn entities(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(';').unwrap_or(0);
        let code = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
        let c = match rest.get(1..end).unwrap_or("") {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            e if e.starts_with("#x") => code(&e[2..], 16),
            e if e.starts_with('#') => code(&e[1..], 10),
            _ => None,
        };
        out.push(c.unwrap_or('&'));
        rest = &rest[if c.is_some() { end + 1 } else { 1 }..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, want: &str, fine: bool) {
        let mut out = vec![];
        let ok = walk(line, &mut |n, v| out.push(format!("{n}={v}"))).is_ok();
        assert_eq!((out.join(" "), ok), (want.to_owned(), fine), "{line}");
    }

    #[test]
    fn elements() {
        check(
            r#"<?xml version="1.0"?><e id="1"><user name='a&amp;b'>x &lt; y</user><n/><!-- c --><d><![CDATA[<z>]]></d></e>"#,
            "e_id=1 e_user_name=a&b e_user=x < y e_d=<z>",
            true,
        );
        check("<a><b>1</b>", "a_b=1", false);
        check("<a>1</b>", "a=1", false);
        check("no xml", "", false);
        check("<a b>", "", false);
        check("<", "", false);
    }
}
