//! Puts one thing under another, page by page.

use crate::font::{Fonts, Weight};
use crate::page::{
    BOTTOM, Bookmark, Grey, HEIGHT, MARGIN, MEASURE, Page, Rule, Square, TOP, Text, WIDTH,
};
use crate::{About, PaperError, write};

const BODY: f32 = 9.5;
const SMALL: f32 = 8.0;
/// From one line to the next, for each point of size.
const LEADING: f32 = 1.4;
const BLACK: Grey = 0.0;
pub(crate) const DIM: Grey = 0.38;
const KEY_WIDTH: f32 = 110.0;

/// A document that is being written, from its beginning to its end.
pub struct Paper {
    about: About,
    pub(crate) fonts: Fonts,
    pages: Vec<Page>,
    bookmarks: Vec<Bookmark>,
    /// Which page the next line goes to, and where its top is.
    page: usize,
    y: f32,
}

/// How a run of lines looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub size: f32,
    pub weight: Weight,
    pub grey: Grey,
}

pub(crate) const PLAIN: Style = Style {
    size: BODY,
    weight: Weight::Regular,
    grey: BLACK,
};
pub(crate) const STRONG: Style = Style {
    weight: Weight::Bold,
    ..PLAIN
};
const FINE: Style = Style {
    size: SMALL,
    weight: Weight::Regular,
    grey: DIM,
};
const HEADING: Style = Style {
    size: 11.5,
    ..STRONG
};
const TITLE: Style = Style {
    size: 20.0,
    ..STRONG
};

impl Style {
    pub(crate) fn leading(self) -> f32 {
        self.size * LEADING
    }
}

impl Paper {
    /// Begins with an empty page.
    ///
    /// # Errors
    /// If the built-in font cannot be read.
    pub fn new(about: About) -> Result<Self, PaperError> {
        Ok(Self {
            about,
            fonts: Fonts::new()?,
            pages: vec![Page::default()],
            bookmarks: Vec::new(),
            page: 0,
            y: TOP,
        })
    }

    /// The document's title, large.
    pub fn title(&mut self, text: &str) {
        self.lines(text, TITLE, MARGIN, MEASURE);
        self.space(6.0);
    }

    /// A heading, which is a bookmark too; it stays with what follows.
    pub fn heading(&mut self, text: &str) {
        self.space(12.0);
        self.need(HEADING.leading() * 2.0 + PLAIN.leading() * 3.0);
        self.bookmarks.push(Bookmark {
            title: text.to_owned(),
            page: self.page,
            y: self.y,
        });
        self.lines(text, HEADING, MARGIN, MEASURE);
        self.space(2.0);
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: &str) {
        self.lines(text, PLAIN, MARGIN, MEASURE);
        self.space(4.0);
    }

    /// A paragraph in smaller letters, for what is said beside the matter.
    pub fn aside(&mut self, text: &str) {
        self.lines(text, FINE, MARGIN, MEASURE);
        self.space(4.0);
    }

    /// A name and its value, side by side.
    pub fn pair(&mut self, key: &str, value: &str) {
        self.need(PLAIN.leading());
        let (page, top) = self.here();
        self.lines(value, PLAIN, MARGIN + KEY_WIDTH, MEASURE - KEY_WIDTH);
        self.put(page, key, STRONG, MARGIN, top);
        self.space(2.0);
    }

    /// The document's bytes.
    ///
    /// # Errors
    /// If the font cannot be cut down.
    pub fn finish(mut self) -> Result<Vec<u8>, PaperError> {
        let count = self.pages.len();
        for page in 0..count {
            let number = format!("page {} of {count}", page + 1);
            let (subject, author) = (self.about.subject.clone(), self.about.author.clone());
            let footer = self.about.footer.clone();
            self.put(page, &subject, FINE, MARGIN, HEIGHT - 38.0);
            self.put_right(page, &author, HEIGHT - 38.0);
            self.rule(page, HEIGHT - 54.0, 0.7);
            self.rule(page, 52.0, 0.7);
            self.put(page, &footer, FINE, MARGIN, 46.0);
            self.put_right(page, &number, 46.0);
        }
        write::document(&self.about, self.fonts, &self.pages, &self.bookmarks)
    }

    /// Lines of text one under another, on the next page where this one ends.
    pub(crate) fn lines(&mut self, text: &str, style: Style, x: f32, width: f32) {
        for line in self.fonts.of(style.weight).wrap(text, style.size, width) {
            self.need(style.leading());
            self.put(self.page, &line, style, x, self.y);
            self.y -= style.leading();
        }
    }

    /// Goes to the next page unless this one has so much room left.
    pub(crate) fn need(&mut self, height: f32) {
        if self.y - height < BOTTOM {
            self.page += 1;
            if self.page == self.pages.len() {
                self.pages.push(Page::default());
            }
            self.y = TOP;
        }
    }

    /// Leaves room, but not at the top of a page.
    pub(crate) fn space(&mut self, height: f32) {
        if self.y < TOP {
            self.y -= height;
        }
    }

    /// The page, and where on it the next line's top is.
    pub(crate) fn here(&self) -> (usize, f32) {
        (self.page, self.y)
    }

    /// Goes on from there, on this page or one before it.
    pub(crate) fn back_to(&mut self, page: usize, y: f32) {
        self.page = page;
        self.y = y;
    }

    /// One line of text whose top is at `y`.
    pub(crate) fn put(&mut self, page: usize, text: &str, style: Style, x: f32, y: f32) {
        let Some(page) = self.pages.get_mut(page).filter(|_| !text.is_empty()) else {
            return;
        };
        page.texts.push(Text {
            x,
            // From the line's top to its foot, about.
            y: y - style.size * 1.07,
            size: style.size,
            weight: style.weight,
            grey: style.grey,
            text: text.to_owned(),
        });
    }

    pub(crate) fn rule(&mut self, page: usize, y: f32, grey: Grey) {
        if let Some(page) = self.pages.get_mut(page) {
            page.rules.push(Rule {
                x: MARGIN,
                y,
                width: MEASURE,
                grey,
            });
        }
    }

    pub(crate) fn put_square(&mut self, page: usize, square: Square) {
        if let Some(page) = self.pages.get_mut(page) {
            page.squares.push(square);
        }
    }

    fn put_right(&mut self, page: usize, text: &str, y: f32) {
        let width = self.fonts.regular.width(text, FINE.size);
        self.put(page, text, FINE, WIDTH - MARGIN - width, y);
    }
}
