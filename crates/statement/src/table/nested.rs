//! Tables within a table, and lists of named entries.

use toml::de::DeValue;

use super::Table;
use crate::Slug;

impl<'d> Table<'d> {
    /// A table within this one, `[section.key]` or `key = { … }`, that may be left out.
    pub fn table(&mut self, key: &'static str) -> Option<Table<'d>> {
        let (_, value) = self.get(key)?;
        match value.get_ref() {
            DeValue::Table(items) => Some(Table::new(
                self.reading,
                self.join(key),
                items,
                value.span(),
            )),
            other => self.wrong(key, value.span(), other, "a table", "{ … }"),
        }
    }

    /// A table within this one that must be there; `example` is the inline form.
    pub fn need_table(&mut self, key: &'static str, example: &str) -> Option<Table<'d>> {
        self.need(key, example);
        self.table(key)
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
                self.wrong::<()>(
                    key,
                    item.span(),
                    item.get_ref(),
                    "a list of tables",
                    "[[…]]",
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
