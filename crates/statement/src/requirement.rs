//! Requirement sets: somebody's questions, each mapped to claims with the figures it needs.

use crate::{Comparison, Document, Faults, Reading, Source, Spanned, Table};

/// A published questionnaire or framework, as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequirementSet {
    /// Its name on the command line.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its lines, in order.
    pub requirements: Vec<Requirement>,
}

/// One line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Its id in the set.
    pub id: String,
    /// What is asked.
    pub text: String,
    /// What answers it: every one of these.
    pub needs: Vec<Need>,
    /// Must something of ours answer it, so that a provider's certificate alone is only a part?
    pub ours: bool,
}

/// A claim, or every claim that matches a pattern, with the figure that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// A claim's id; `*` stands for one whole part.
    pub claim: String,
    /// What its figure must be.
    pub figure: Comparison,
}

impl RequirementSet {
    /// Reads a set.
    ///
    /// # Errors
    /// Every fault in the text, in file order.
    pub fn read(source: &Source) -> Result<Self, Faults> {
        let reading = Reading::new(source);
        let document = Document::parse(&reading);
        let mut root = document.table(&reading);
        let name = root.need_text("set", "hub-4");
        let title = root.need_text("title", "Hub-4: how we look after your data");
        let requirements = root
            .entries("requirement")
            .into_iter()
            .filter_map(|(id, table)| requirement(id.to_string(), table))
            .collect();
        root.finish();
        reading.finish()?;
        let text =
            |value: Option<Spanned<String>>| value.map(|spanned| spanned.value).unwrap_or_default();
        Ok(Self {
            name: text(name),
            title: text(title),
            requirements,
        })
    }
}

fn requirement(id: String, mut table: Table<'_>) -> Option<Requirement> {
    let text = table.need_text("text", "what is asked");
    let ours = table.truth("ours").is_none_or(|truth| truth.value);
    let needs = table.need_texts("needs", "[\"gateway.tls.minimum >= 1.2\"]");
    let mut found = Vec::new();
    for need in needs.map(|list| list.value).unwrap_or_default() {
        let (claim, figure) = need.value.split_once(' ').unwrap_or((&need.value, "any"));
        match figure.parse() {
            Ok(figure) => found.push(Need {
                claim: claim.to_owned(),
                figure,
            }),
            Err(why) => table.fault(
                need.at,
                format!("`{id}` needs a claim and a comparison"),
                why,
                "for example `\"gateway.tls.minimum >= 1.2\"`",
            ),
        }
    }
    table.finish();
    Some(Requirement {
        id,
        text: text?.value,
        needs: found,
        ours,
    })
}
