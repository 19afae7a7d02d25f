//! `csv "a,b,_"`: the columns of a comma-separated line as labels. An extension: Loki has no such stage.

use super::row::{LineError, Row};

#[derive(Debug)]
pub struct Csv {
    /// `_` or "" skips a column
    columns: Vec<String>,
}

impl Csv {
    pub fn new(columns: &str) -> Result<Csv, String> {
        let columns: Vec<String> = columns.split(',').map(|c| c.trim().to_owned()).collect();
        let valid = |c: &String| !c.starts_with(|x: char| x.is_ascii_digit()) && c.chars().all(|x| x == '_' || x.is_ascii_alphanumeric());
        if let Some(bad) = columns.iter().find(|c| !valid(c)) {
            return Err(format!("csv: '{bad}' is no label name"));
        }
        if columns.iter().all(|c| c.is_empty() || c == "_") {
            return Err("csv: at least one column needs a name".into());
        }
        Ok(Csv { columns })
    }

    pub fn run(&self, row: &mut Row<'_>) {
        let line = row.detached_line();
        let mut columns = self.columns.iter();
        let complete = cells(&line, &mut |cell| {
            if let Some(name) = columns.next()
                && name != "_"
            {
                row.extract(name, cell);
            }
        });
        if !complete {
            row.fail(LineError::Csv, "quoted field is not closed");
        }
    }
}

/// RFC 4180 cells of one record; `false` if a quote stays open.
fn cells(line: &str, found: &mut dyn FnMut(&str)) -> bool {
    let mut rest = line.trim_end_matches(['\r', '\n']);
    loop {
        let after = if let Some(body) = rest.strip_prefix('"') {
            let mut cell = String::new();
            let mut body = body;
            loop {
                let Some(end) = body.find('"') else { return false };
                cell.push_str(&body[..end]);
                body = &body[end + 1..];
                match body.strip_prefix('"') {
                    Some(more) => {
                        cell.push('"');
                        body = more;
                    }
                    None => break,
                }
            }
            found(&cell);
            body.find(',').map(|i| &body[i + 1..])
        } else {
            let end = rest.find(',');
            found(&rest[..end.unwrap_or(rest.len())]);
            end.map(|i| &rest[i + 1..])
        };
        match after {
            Some(r) => rest = r,
            None => return true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_cells() {
        let read = |l: &str| {
            let mut out = vec![];
            let ok = cells(l, &mut |c| out.push(c.to_owned()));
            (out.join("|"), ok)
        };
        assert_eq!(read(r#"a,"b,c","d ""e""",,f"#), (r#"a|b,c|d "e"||f"#.into(), true));
        assert_eq!(read(r#"a,"open"#), ("a".into(), false));
        assert!(Csv::new("a b").is_err() && Csv::new("_,").is_err() && Csv::new("a, b").is_ok());
    }
}
