//! Documents for people, as PDF: A4 pages with headings, paragraphs, key-value rows and tables.
//!
//! The same input gives the same bytes. The font (Noto Sans, SIL Open Font License) is embedded, cut down to the characters
//! in use, and text can be selected and searched. A character that the font does not have shows as a box; scripts that
//! are written from right to left, or whose letters join, are not laid out.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may stop at the first surprise"
    )
)]

mod font;
mod layout;
mod page;
mod squares;
mod table;
mod write;

pub use layout::Paper;

/// What every page and the document's properties say.
#[derive(Debug, Clone)]
pub struct About {
    /// The document's title.
    pub title: String,
    /// At the top of each page, left: what it is about.
    pub subject: String,
    /// At the top of each page, right: who wrote it.
    pub author: String,
    /// At the foot of each page, left, beside `page n of m`.
    pub footer: String,
    /// When it was made.
    pub made: jiff::Timestamp,
}

/// Why a document cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    /// The built-in font cannot be read.
    #[error("the built-in font cannot be read")]
    Font(#[from] ttf_parser::FaceParsingError),
    /// The built-in font cannot be cut down to what is used.
    #[error("the built-in font cannot be cut down to the characters in use")]
    Subset(#[from] subsetter::Error),
}

#[cfg(test)]
mod tests;
