//! The statement as a PDF, which a customer keeps or prints.

use avouch_paper::{About, Paper, PaperError};

use super::{ASSURANCES, ClaimReport, Report, STATES, when};

impl Report {
    /// As a PDF, for whoever the document is sent to.
    ///
    /// # Errors
    /// If the font cannot be used.
    pub fn pdf(&self) -> Result<Vec<u8>, PaperError> {
        let title = format!("{}: what we promise, and whether it is true", self.service);
        let mut paper = Paper::new(About {
            title: title.clone(),
            subject: format!("{}: what we promise", self.service),
            author: format!("{}, {}", self.supplier, when(self.at)),
            footer: format!("Statement SHA-256 {}", self.statement),
            made: self.at,
        })?;
        paper.title(&title);
        paper.pair("Service", &self.service);
        paper.pair("Supplier", &self.supplier);
        paper.pair("Judged", &when(self.at));
        paper.pair("In sum", &self.sum());
        paper.heading("What the words mean");
        for (word, meaning) in STATES.iter().chain(&ASSURANCES) {
            paper.pair(word, meaning);
        }
        for claim in &self.claims {
            add(&mut paper, claim);
        }
        paper.finish()
    }
}

fn add(paper: &mut Paper, claim: &ClaimReport) {
    paper.heading(&claim.text);
    paper.pair("Status", &claim.status);
    paper.pair("Claim", &claim.id);
    if !claim.why.is_empty() {
        paper.pair("Why", &claim.why);
    }
    paper.pair(
        "Assurance",
        &format!("{}: {}", claim.assurance, claim.assured()),
    );
    paper.pair("Tried, and not tried", &claim.limits);
    let rows: Vec<Vec<String>> = claim
        .checks
        .iter()
        .map(|check| {
            vec![
                when(check.at),
                check.verdict.clone(),
                check.seen().to_owned(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        paper.table(
            &["Tried", "Found", "What was seen"],
            &[2.2, 1.2, 6.0],
            &rows,
        );
    }
}
