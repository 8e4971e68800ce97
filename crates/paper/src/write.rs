//! The document's objects, in the order in which a reader meets them.

use miniz_oxide::deflate::compress_to_vec_zlib;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Date, Filter, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};

use crate::font::{Font, Fonts, Weight};
use crate::page::{Bookmark, HEIGHT, Page, WIDTH};
use crate::{About, PaperError};

const IDENTITY: SystemInfo<'_> = SystemInfo {
    registry: Str(b"Adobe"),
    ordering: Str(b"Identity"),
    supplement: 0,
};
const REGULAR: Name<'_> = Name(b"R");
const BOLD: Name<'_> = Name(b"B");

/// Numbers objects one after another.
struct Numbers(i32);

impl Numbers {
    fn next(&mut self) -> Ref {
        self.0 += 1;
        Ref::new(self.0)
    }
}

/// The finished document.
pub(crate) fn document(
    about: &About,
    mut fonts: Fonts,
    pages: &[Page],
    bookmarks: &[Bookmark],
) -> Result<Vec<u8>, PaperError> {
    let mut numbers = Numbers(0);
    let (catalog, tree, outline) = (numbers.next(), numbers.next(), numbers.next());
    let (regular, bold, info) = (numbers.next(), numbers.next(), numbers.next());
    let places: Vec<(Ref, Ref)> = pages
        .iter()
        .map(|_| (numbers.next(), numbers.next()))
        .collect();
    let mut pdf = Pdf::new();
    let mut root = pdf.catalog(catalog);
    root.pages(tree).outlines(outline).lang(TextStr("en-GB"));
    root.viewer_preferences().display_doc_title(true);
    root.finish();
    pdf.pages(tree)
        .kids(places.iter().map(|(page, _)| *page))
        .count(i32::try_from(pages.len()).unwrap_or(i32::MAX));
    for (page, (place, text)) in pages.iter().zip(&places) {
        let mut written = pdf.page(*place);
        written
            .parent(tree)
            .media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT))
            .contents(*text);
        written
            .resources()
            .fonts()
            .pair(REGULAR, regular)
            .pair(BOLD, bold);
        written.finish();
        let drawn = compress_to_vec_zlib(&draw(page, &mut fonts), 6);
        pdf.stream(*text, &drawn).filter(Filter::FlateDecode);
    }
    let page_of = |bookmark: &Bookmark| places.get(bookmark.page).map(|(page, _)| *page);
    write_bookmarks(&mut pdf, &mut numbers, outline, bookmarks, page_of);
    write_font(
        &mut pdf,
        &mut numbers,
        regular,
        "NotoSans-Regular",
        &fonts.regular,
    )?;
    write_font(&mut pdf, &mut numbers, bold, "NotoSans-Bold", &fonts.bold)?;
    pdf.document_info(info)
        .title(TextStr(&about.title))
        .author(TextStr(&about.author))
        .creator(TextStr("Avouch"))
        .creation_date(date(about.made));
    Ok(pdf.finish())
}

fn draw(page: &Page, fonts: &mut Fonts) -> Vec<u8> {
    let mut content = Content::new();
    for rule in &page.rules {
        content
            .set_line_width(0.5)
            .set_stroke_gray(rule.grey)
            .move_to(rule.x, rule.y)
            .line_to(rule.x + rule.width, rule.y)
            .stroke();
    }
    if !page.squares.is_empty() {
        content.set_fill_gray(0.0);
        for square in &page.squares {
            content.rect(square.x, square.y, square.side, square.side);
        }
        content.fill_nonzero();
    }
    for text in &page.texts {
        let name = match text.weight {
            Weight::Regular => REGULAR,
            Weight::Bold => BOLD,
        };
        let glyphs = fonts.of(text.weight).encode(&text.text);
        content
            .begin_text()
            .set_fill_gray(text.grey)
            .set_font(name, text.size)
            .next_line(text.x, text.y)
            .show(Str(&glyphs))
            .end_text();
    }
    content.finish().into_vec()
}

fn write_bookmarks(
    pdf: &mut Pdf,
    numbers: &mut Numbers,
    outline: Ref,
    bookmarks: &[Bookmark],
    page_of: impl Fn(&Bookmark) -> Option<Ref>,
) {
    let places: Vec<(&Bookmark, Ref, Ref)> = bookmarks
        .iter()
        .filter_map(|bookmark| Some((bookmark, page_of(bookmark)?, numbers.next())))
        .collect();
    let mut list = pdf.outline(outline);
    if let (Some((_, _, first)), Some((_, _, last))) = (places.first(), places.last()) {
        list.first(*first)
            .last(*last)
            .count(i32::try_from(places.len()).unwrap_or(i32::MAX));
    }
    list.finish();
    for (at, (bookmark, page, item)) in places.iter().enumerate() {
        let mut written = pdf.outline_item(*item);
        written.parent(outline).title(TextStr(&bookmark.title));
        if let Some((_, _, before)) = at.checked_sub(1).and_then(|at| places.get(at)) {
            written.prev(*before);
        }
        if let Some((_, _, after)) = places.get(at + 1) {
            written.next(*after);
        }
        written.dest().page(*page).xyz(0.0, bookmark.y + 8.0, None);
    }
}

fn write_font(
    pdf: &mut Pdf,
    numbers: &mut Numbers,
    font: Ref,
    name: &str,
    of: &Font,
) -> Result<(), PaperError> {
    let (cid, descriptor, cmap, file) = (
        numbers.next(),
        numbers.next(),
        numbers.next(),
        numbers.next(),
    );
    // Six letters mark a font that was cut down.
    let name = format!("AVOUCH+{name}");
    let name = Name(name.as_bytes());
    pdf.type0_font(font)
        .base_font(name)
        .encoding_predefined(Name(b"Identity-H"))
        .descendant_font(cid)
        .to_unicode(cmap);
    let mut written = pdf.cid_font(cid);
    written
        .subtype(CidFontType::Type2)
        .base_font(name)
        .system_info(IDENTITY)
        .font_descriptor(descriptor)
        .default_width(0.0)
        .cid_to_gid_map_predefined(Name(b"Identity"));
    let widths = of.glyphs.remapped_gids().map(|glyph| of.advance_of(glyph));
    written.widths().consecutive(0, widths);
    written.finish();
    let bounds = of.face.global_bounding_box();
    let height = of.face.capital_height().unwrap_or(of.face.ascender());
    pdf.font_descriptor(descriptor)
        .name(name)
        .flags(FontFlags::SYMBOLIC)
        .bbox(Rect::new(
            of.thousandths(bounds.x_min),
            of.thousandths(bounds.y_min),
            of.thousandths(bounds.x_max),
            of.thousandths(bounds.y_max),
        ))
        .italic_angle(0.0)
        .ascent(of.thousandths(of.face.ascender()))
        .descent(of.thousandths(of.face.descender()))
        .cap_height(of.thousandths(height))
        .stem_v(80.0)
        .font_file2(file);
    let mut letters = UnicodeCmap::new(Name(b"Custom"), IDENTITY);
    for (glyph, letter) in &of.used {
        letters.pair(*glyph, *letter);
    }
    pdf.cmap(cmap, &letters.finish());
    let data = subsetter::subset(of.data, 0, &of.glyphs)?;
    let packed = compress_to_vec_zlib(&data, 6);
    pdf.stream(file, &packed).filter(Filter::FlateDecode).pair(
        Name(b"Length1"),
        i32::try_from(data.len()).unwrap_or(i32::MAX),
    );
    Ok(())
}

fn date(at: jiff::Timestamp) -> Date {
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    let small = |number: i8| number.unsigned_abs();
    Date::new(at.year().unsigned_abs())
        .month(small(at.month()))
        .day(small(at.day()))
        .hour(small(at.hour()))
        .minute(small(at.minute()))
        .second(small(at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0)
}
