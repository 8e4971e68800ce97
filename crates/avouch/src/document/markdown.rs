//! The statement as Markdown.

use super::{ASSURANCES, Report, STATES, when};

impl Report {
    /// As Markdown, for whoever the document is sent to.
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "# {}: what we promise, and whether it is true\n\nBy {}. Judged {}. {}\nStatement SHA-256 `{}`.\n\n",
            self.service,
            self.supplier,
            when(self.at),
            self.sum(),
            self.statement
        );
        for (word, meaning) in STATES.iter().chain(&ASSURANCES) {
            text.push_str(&format!("- *{word}*: {meaning}\n"));
        }
        text.push('\n');
        for claim in &self.claims {
            text.push_str(&format!(
                "## {}\n\n**{}** · {} · `{}`\n\n",
                claim.text, claim.status, claim.assurance, claim.id
            ));
            if !claim.why.is_empty() {
                text.push_str(&format!("Why: {}\n\n", claim.why));
            }
            text.push_str(&format!(
                "How it is tried, and what is not: {}\n\n",
                claim.limits
            ));
            for check in &claim.checks {
                text.push_str(&format!(
                    "- {}, {}: {}\n",
                    when(check.at),
                    check.verdict,
                    check.seen()
                ));
            }
            text.push('\n');
        }
        text
    }
}
