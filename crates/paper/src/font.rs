//! The two faces of the font: how wide text is, how it wraps, and which glyphs are in use.

use std::collections::BTreeMap;

use subsetter::GlyphRemapper;
use ttf_parser::{Face, GlyphId};

use crate::PaperError;

/// Which face a piece of text is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

/// One face, with what has been used of it.
pub(crate) struct Font {
    pub data: &'static [u8],
    pub face: Face<'static>,
    /// Glyphs are numbered anew in the order of their first use.
    pub glyphs: GlyphRemapper,
    /// The new number of each glyph in use, with a character that it stands for.
    pub used: BTreeMap<u16, char>,
}

pub(crate) struct Fonts {
    pub regular: Font,
    pub bold: Font,
}

impl Fonts {
    pub fn new() -> Result<Self, PaperError> {
        Ok(Self {
            regular: Font::new(notosans::REGULAR_TTF)?,
            bold: Font::new(notosans::BOLD_TTF)?,
        })
    }

    pub fn of(&mut self, weight: Weight) -> &mut Font {
        match weight {
            Weight::Regular => &mut self.regular,
            Weight::Bold => &mut self.bold,
        }
    }
}

impl Font {
    fn new(data: &'static [u8]) -> Result<Self, PaperError> {
        Ok(Self {
            data,
            face: Face::parse(data, 0)?,
            glyphs: GlyphRemapper::new(),
            used: BTreeMap::new(),
        })
    }

    /// A length in the font's own units, in thousandths of its size.
    pub fn thousandths(&self, units: impl Into<f32>) -> f32 {
        units.into() * 1000.0 / f32::from(self.face.units_per_em())
    }

    pub fn width(&self, text: &str, size: f32) -> f32 {
        let units: f32 = text.chars().map(|letter| self.advance(letter)).sum();
        units * size / 1000.0
    }

    /// The text in lines that are no wider than this, broken at spaces, or within a word that is wider by itself.
    pub fn wrap(&self, text: &str, size: f32, width: f32) -> Vec<String> {
        let mut lines = Vec::new();
        for paragraph in text.split('\n') {
            let mut line = String::new();
            for word in paragraph.split_whitespace() {
                let longer = match line.is_empty() {
                    true => word.to_owned(),
                    false => format!("{line} {word}"),
                };
                if self.width(&longer, size) <= width {
                    line = longer;
                    continue;
                }
                if !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                }
                for letter in word.chars() {
                    line.push(letter);
                    if self.width(&line, size) > width && line.chars().count() > 1 {
                        line.pop();
                        lines.push(std::mem::replace(&mut line, letter.to_string()));
                    }
                }
            }
            lines.push(line);
        }
        lines
    }

    /// The text as two-byte glyph numbers, which are then in use.
    pub fn encode(&mut self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(text.len() * 2);
        for letter in text.chars() {
            let glyph = self.glyph(letter);
            let number = self.glyphs.remap(glyph.0);
            self.used.entry(number).or_insert(letter);
            bytes.extend(number.to_be_bytes());
        }
        bytes
    }

    pub fn advance_of(&self, glyph: u16) -> f32 {
        let units = self.face.glyph_hor_advance(GlyphId(glyph));
        self.thousandths(units.unwrap_or_default())
    }

    fn advance(&self, letter: char) -> f32 {
        self.advance_of(self.glyph(letter).0)
    }

    fn glyph(&self, letter: char) -> GlyphId {
        self.face.glyph_index(letter).unwrap_or_default()
    }
}
