//! What a dump holds: its rows by table, and everything else as definitions.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

use crate::{
    manifest::{Rows, Table},
    source::SourceError,
};

/// The last line of a dump that was written to its end.
const COMPLETE: &[u8] = b"-- Dump completed";

/// Lines of a dump that say nothing of what is in the database.
const SAYS_NOTHING: [&str; 5] = [
    "--",
    "LOCK TABLES ",
    "UNLOCK TABLES",
    "/*!40000 ALTER TABLE ",
    "/*M!",
];

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub schema: Vec<String>,
    pub tables: BTreeMap<String, Table>,
    pub complete: bool,
}

/// Reads a dump through.
pub(super) fn read(path: &Path) -> Result<Found, SourceError> {
    let file = File::open(path).map_err(SourceError::io("open", path))?;
    let mut lines = BufReader::with_capacity(1 << 20, file);
    let mut reader = Reader::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = lines
            .read_until(b'\n', &mut line)
            .map_err(SourceError::io("read", path))?;
        if read == 0 {
            return Ok(reader.finish());
        }
        reader.line(&line);
    }
}

#[derive(Default)]
struct Reader {
    schema: Vec<String>,
    tables: BTreeMap<String, Rows>,
    /// Rows are being given, of this table.
    giving: Option<(String, Values)>,
    /// The body of a routine, a trigger or an event, which may look like anything.
    within_a_body: bool,
    complete: bool,
}

impl Reader {
    fn line(&mut self, line: &[u8]) {
        self.complete = line.starts_with(COMPLETE);
        if self.giving.is_some() {
            self.rows(line);
            return;
        }
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        if let Some(delimiter) = text.strip_prefix("DELIMITER ") {
            self.within_a_body = delimiter != ";";
        } else if !self.within_a_body {
            if let Some((table, rest)) = rows_of(line) {
                self.giving = Some((table, Values::default()));
                self.rows(rest);
                return;
            }
            if let Some(table) = text
                .strip_prefix("CREATE TABLE `")
                .and_then(|rest| rest.strip_suffix("` ("))
            {
                self.tables.entry(plain(table)).or_insert_with(Rows::new);
            }
        }
        if !text.is_empty() && !SAYS_NOTHING.iter().any(|start| text.starts_with(start)) {
            self.schema.push(text.to_owned());
        }
    }

    fn rows(&mut self, part: &[u8]) {
        let Some((table, values)) = &mut self.giving else {
            return;
        };
        let rows = self.tables.entry(table.clone()).or_insert_with(Rows::new);
        if values.read(part, |row, first| rows.add(row, first)) {
            self.giving = None;
        }
    }

    fn finish(self) -> Found {
        Found {
            schema: self.schema,
            tables: self
                .tables
                .into_iter()
                .map(|(name, rows)| (name, rows.finish()))
                .collect(),
            complete: self.complete,
        }
    }
}

/// The rows that a statement gives, which may come in several lines or all in one.
#[derive(Default)]
struct Values {
    row: Vec<u8>,
    /// Where the row's first value ends.
    first: Option<usize>,
    depth: usize,
    quote: Option<u8>,
    escaped: bool,
}

impl Values {
    /// Reads on; whether the statement has ended.
    fn read(&mut self, part: &[u8], mut row: impl FnMut(&[u8], &[u8])) -> bool {
        for byte in part {
            if self.depth > 0 {
                self.row.push(*byte);
            }
            if let Some(quote) = self.quote {
                if self.escaped {
                    self.escaped = false;
                } else if *byte == b'\\' {
                    self.escaped = true;
                } else if *byte == quote {
                    self.quote = None;
                }
                continue;
            }
            match byte {
                b'\'' | b'"' | b'`' => self.quote = Some(*byte),
                b'(' => self.depth += 1,
                b',' if self.depth == 1 && self.first.is_none() => {
                    self.first = Some(self.row.len().saturating_sub(1));
                }
                b')' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        self.row.pop();
                        let end = self.first.take().unwrap_or(self.row.len());
                        row(&self.row, self.row.get(..end).unwrap_or_default());
                        self.row.clear();
                    }
                }
                b';' if self.depth == 0 => return true,
                _ => {}
            }
        }
        false
    }
}

/// The table that a line begins to give rows of, and what follows.
fn rows_of(line: &[u8]) -> Option<(String, &[u8])> {
    let rest = line.strip_prefix(b"INSERT INTO `")?;
    let end = rest.windows(8).position(|part| part == b"` VALUES")?;
    let (table, rest) = rest.split_at_checked(end)?;
    Some((plain(&String::from_utf8_lossy(table)), rest.get(8..)?))
}

/// A name without what stands for a quote in it.
fn plain(name: &str) -> String {
    name.replace("``", "`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(dump: &str) -> Found {
        let mut reader = Reader::default();
        for line in dump.split_inclusive('\n') {
            reader.line(line.as_bytes());
        }
        reader.finish()
    }

    const HEAD: &str = "-- MariaDB dump\n\nCREATE TABLE `ward` (\n  `id` int(11)\n) ENGINE=InnoDB;\nLOCK TABLES `ward` WRITE;\n";

    #[test]
    fn rows_are_the_same_in_one_line_or_in_many_and_in_any_order() {
        let many = found(&format!(
            "{HEAD}INSERT INTO `ward` VALUES\n(1,'a'),\n(2,'b');\nUNLOCK TABLES;\n-- Dump completed\n"
        ));
        let one = found(&format!(
            "{HEAD}INSERT INTO `ward` VALUES (2,'b'),(1,'a');\nUNLOCK TABLES;\n-- Dump completed\n"
        ));
        assert_eq!(many.tables["ward"], one.tables["ward"]);
        assert_eq!((many.tables["ward"].rows, many.complete), (2, true));
        assert_eq!(many.schema, one.schema);
        assert_eq!(many.schema.len(), 3, "{:?}", many.schema);
    }

    #[test]
    fn text_that_looks_like_the_end_of_a_row_is_text() {
        let odd = found(&format!(
            "{HEAD}INSERT INTO `ward` VALUES\n(1,'a\\'),(2;\\\\'),\n(2,_binary 'x);'),\n(3,(4));\nINSERT INTO `ward` VALUES (5,NULL);\n"
        ));
        assert_eq!(odd.tables["ward"].rows, 4);
        assert!(!odd.complete);
    }

    #[test]
    fn a_table_without_rows_is_there_and_a_body_is_not_read_as_rows() {
        let dump = "CREATE TABLE `a``b` (\n) ENGINE=InnoDB;\nDELIMITER ;;\nCREATE PROCEDURE `p`()\nINSERT INTO `ward` VALUES (1)\n;;\nDELIMITER ;\n";
        let found = found(dump);
        assert_eq!(found.tables.keys().collect::<Vec<_>>(), ["a`b"]);
        assert_eq!(found.tables["a`b"].rows, 0);
    }

    #[test]
    fn another_value_is_another_row() {
        let of = |row: &str| found(&format!("{HEAD}INSERT INTO `ward` VALUES {row};\n"));
        assert_ne!(
            of("(1,'a')").tables["ward"].digest,
            of("(1,'b')").tables["ward"].digest
        );
        assert_ne!(
            of("(1)").tables["ward"].digest,
            of("('1')").tables["ward"].digest
        );
    }
}
