//! A report's first column as bars: an SVG picture with its figures in words.

use std::fmt::Write as _;

use super::Report;

/// Units of the drawing: a bar's height with the space below it, and the widths of label and bars.
const STEP: usize = 28;
const LABELS: usize = 220;
const BARS: usize = 480;
const FIGURES: usize = 120;

/// The picture; `None` when there are not two lines to compare.
#[must_use]
pub fn picture(report: &Report) -> Option<String> {
    if report.lines.len() < 2 {
        return None;
    }
    let column = report.columns.first()?;
    let most = report.lines.iter().filter_map(first).max()?;
    let (width, height) = (LABELS + BARS + FIGURES, STEP * report.lines.len() + 8);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\" font-family=\"inherit\" font-size=\"15\">",
        escaped(&format!(
            "{}, {}: {} by {}",
            report.title, report.period, column.heading, report.by
        ))
    );
    for (number, line) in report.lines.iter().enumerate() {
        let top = STEP * number + 4;
        let value = first(line).unwrap_or(0);
        // At least a hair, so that a little is not taken for nothing.
        let long = usize::try_from(
            value
                .saturating_mul(BARS as u64)
                .checked_div(most)
                .unwrap_or(0),
        )
        .unwrap_or(BARS)
        .max(usize::from(value > 0));
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text><rect x=\"{LABELS}\" y=\"{top}\" width=\"{long}\" height=\"20\" fill=\"#005eb8\"/><text x=\"{}\" y=\"{}\">{}</text>",
            LABELS - 8,
            top + 15,
            escaped(&shortened(&line.label)),
            LABELS + long + 8,
            top + 15,
            escaped(&column.unit.shown(value)),
        );
    }
    svg.push_str("</svg>");
    Some(svg)
}

fn first(line: &super::Line) -> Option<u64> {
    line.values.first().copied().flatten()
}

/// A label that fits beside its bar.
fn shortened(label: &str) -> String {
    const FITS: usize = 28;
    if label.chars().count() <= FITS {
        return label.to_owned();
    }
    label.chars().take(FITS - 1).chain(['…']).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
