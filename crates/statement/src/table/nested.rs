//! Tables within a table, and lists of named entries.

use toml::de::DeValue;

use super::{Table, value::kind};
use crate::Slug;

impl<'d> Table<'d> {
    /// A table within this one, `[section.key]` or `key = { … }`, that may be left out; `example` is the inline form.
    pub fn table(&mut self, key: &'static str, example: &str) -> Option<Table<'d>> {
        let (_, value) = self.get(key)?;
        match value.get_ref() {
            DeValue::Table(items) => Some(Table::new(
                self.reading,
                self.join(key),
                items,
                value.span(),
            )),
            other => self.wrong(key, value.span(), other, "a table", example),
        }
    }

    /// A table within this one that must be there; `example` is the inline form.
    pub fn need_table(&mut self, key: &'static str, example: &str) -> Option<Table<'d>> {
        self.need(key, example);
        self.table(key, example)
    }

    /// A section `[key]` that must be there; `below` shows the lines that it needs, in one.
    pub fn need_section(&mut self, key: &'static str, below: &str) -> Option<Table<'d>> {
        let Some((_, value)) = self.get(key) else {
            self.fault(
                self.at.start..self.at.start,
                format!("{} has no section `[{key}]`", self.title()),
                "",
                format!("add a line `[{key}]`, and below it {below}"),
            );
            return None;
        };
        let items = value.get_ref().as_table();
        if items.is_none() {
            self.fault(
                value.span(),
                format!("`{key}` is a section"),
                format!("this is {}", kind(value.get_ref())),
                format!("write a line `[{key}]`, and below it {below}"),
            );
        }
        items.map(|items| Table::new(self.reading, self.join(key), items, value.span()))
    }

    /// The entries of `[[key]]`, each with a `name` that is its slug and is used once.
    pub fn entries(&mut self, key: &'static str) -> Vec<(Slug, Table<'d>)> {
        let Some((_, value)) = self.get(key) else {
            return Vec::new();
        };
        let at = value.span();
        let DeValue::Array(list) = value.get_ref() else {
            let path = self.join(key);
            self.fault(
                at,
                format!("`{path}` is a list of entries"),
                "one table, not a list",
                format!("write `[[{path}]]` with two brackets"),
            );
            return Vec::new();
        };
        let mut entries: Vec<(Slug, Table<'d>)> = Vec::new();
        for item in list.iter() {
            let DeValue::Table(items) = item.get_ref() else {
                let path = self.join(key);
                self.fault(
                    item.span(),
                    format!("`{path}` is a list of entries"),
                    format!("this is {}", kind(item.get_ref())),
                    format!("write `[[{path}]]` before each, and its lines below"),
                );
                continue;
            };
            let mut entry = Table::new(self.reading, self.join(key), items, item.span());
            let Some(name) = entry.need_text("name", "short-name") else {
                continue;
            };
            match name.value.parse::<Slug>() {
                Err(wrong) => self.fault(
                    name.at,
                    wrong.to_string(),
                    "not a short name",
                    "for example `name = \"tenant-data\"`",
                ),
                Ok(slug) if entries.iter().any(|(taken, _)| *taken == slug) => self.fault(
                    name.at,
                    format!(
                        "`{slug}` is the name of another `[[{}]]` above",
                        self.join(key)
                    ),
                    "used twice",
                    "give each entry a name of its own",
                ),
                Ok(slug) => {
                    entry.path = format!("{}.{slug}", entry.path);
                    entries.push((slug, entry));
                }
            }
        }
        entries
    }
}
