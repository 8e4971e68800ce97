//! The statement as a page of its own, which needs nothing from elsewhere.

use super::{ASSURANCES, Report, STATES, when};

const STYLE: &str = "body{font:1rem/1.5 sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}\
    h2{font-size:1.15rem;margin-top:2.5rem}code{overflow-wrap:anywhere}\
    dt{font-weight:bold}dd{margin:0 0 .3rem}.broken,.unproven{background:#fde8e8}";

impl Report {
    /// As a page of its own, for whoever the document is sent to.
    pub fn html(&self) -> String {
        let name = escape(&self.service);
        let mut text = format!(
            "<!doctype html>\n<html lang=\"en-GB\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{name}: what we promise</title><style>{STYLE}</style></head><body><main>\n<h1>{name}: what we promise, and whether it is true</h1>\n<p>By {}. Judged {}. {}<br>Statement SHA-256 <code>{}</code></p>\n<dl>\n",
            escape(&self.supplier),
            when(self.at),
            self.sum(),
            self.statement,
        );
        for (word, meaning) in STATES.iter().chain(&ASSURANCES) {
            text.push_str(&format!("<dt>{word}</dt><dd>{meaning}</dd>\n"));
        }
        text.push_str("</dl>\n");
        for claim in &self.claims {
            text.push_str(&format!(
                "<section><h2>{}</h2>\n<p><strong class=\"{status}\">{status}</strong>, {}, <code>{}</code></p>\n",
                escape(&claim.text),
                claim.assurance,
                escape(&claim.id),
                status = claim.status,
            ));
            if !claim.why.is_empty() {
                text.push_str(&format!("<p>Why: {}</p>\n", escape(&claim.why)));
            }
            text.push_str(&format!(
                "<p>How it is tried, and what is not: {}</p>\n",
                escape(&claim.limits)
            ));
            if !claim.checks.is_empty() {
                text.push_str("<ul>\n");
            }
            for check in &claim.checks {
                text.push_str(&format!(
                    "<li>{}, {}: {}</li>\n",
                    when(check.at),
                    check.verdict,
                    escape(check.seen())
                ));
            }
            if !claim.checks.is_empty() {
                text.push_str("</ul>\n");
            }
            text.push_str("</section>\n");
        }
        text.push_str("</main></body></html>\n");
        text
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
