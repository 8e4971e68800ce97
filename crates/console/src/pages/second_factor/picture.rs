//! A QR code as SVG, drawn from its squares so that it needs neither a style nor an address of its own.

use qrcode::{Color, EcLevel, QrCode};

/// Empty squares around it, by the standard (ISO/IEC 18004, 9.1).
const MARGIN: usize = 4;

/// The picture of a text; `None` when the text is too long for one.
pub fn svg(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let colours = code.to_colors();
    let mut squares = String::new();
    for (row, line) in colours.chunks(width).enumerate() {
        let dark = line
            .iter()
            .enumerate()
            .filter(|(_, colour)| **colour == Color::Dark);
        for (column, _) in dark {
            squares.push_str(&format!("M{} {}h1v1h-1z", column + MARGIN, row + MARGIN));
        }
    }
    let side = width + 2 * MARGIN;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" width=\"240\" height=\"240\" role=\"img\" \
         aria-label=\"The key as a picture, for the application\" shape-rendering=\"crispEdges\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#ffffff\"/><path fill=\"#000000\" d=\"{squares}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_holds_no_text_and_nothing_beyond_its_frame() {
        let picture = svg("otpauth://totp/Acuity:a@b?secret=GEZDGNBVGY3TQOJQ").unwrap();
        assert!(!picture.contains("otpauth") && !picture.contains("GEZDG"));
        // A finder pattern stands in its corner: seven squares from the margin on.
        for column in MARGIN..MARGIN + 7 {
            assert!(
                picture.contains(&format!("M{column} {MARGIN}h1v1h-1z")),
                "{column}"
            );
        }
        assert!(!picture.contains(&format!("M{} {MARGIN}h1v1h-1z", MARGIN + 7)));
    }

    #[test]
    fn what_is_too_long_has_no_picture() {
        assert!(svg(&"a".repeat(3_000)).is_none());
    }
}
