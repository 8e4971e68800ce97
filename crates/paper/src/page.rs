//! What stands on a page, before it is written: pieces of text and lines, in points from the lower left corner.

use crate::font::Weight;

/// A4.
pub(crate) const WIDTH: f32 = 595.28;
pub(crate) const HEIGHT: f32 = 841.89;
/// 20 mm.
pub(crate) const MARGIN: f32 = 56.7;
/// Between the margins.
pub(crate) const MEASURE: f32 = WIDTH - 2.0 * MARGIN;
/// Where the text of a page begins and ends.
pub(crate) const TOP: f32 = HEIGHT - 75.0;
pub(crate) const BOTTOM: f32 = 66.0;

/// How dark, from 0 for black.
pub(crate) type Grey = f32;

#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub x: f32,
    pub y: f32,
    pub size: f32,
    pub weight: Weight,
    pub grey: Grey,
    pub text: String,
}

/// A horizontal rule.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub grey: Grey,
}

/// A black square, by its lower left corner.
#[derive(Debug, Clone)]
pub(crate) struct Square {
    pub x: f32,
    pub y: f32,
    pub side: f32,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    pub squares: Vec<Square>,
    pub texts: Vec<Text>,
    pub rules: Vec<Rule>,
}

/// A heading, as the reader's list of bookmarks shows it.
#[derive(Debug, Clone)]
pub(crate) struct Bookmark {
    pub title: String,
    pub page: usize,
    pub y: f32,
}
