//! A picture made of squares, such as a QR code.

use crate::layout::Paper;
use crate::page::{MARGIN, Square};

/// A square's side, in points: a QR code of some 40 squares is then as large as a postage stamp's sheet, 4 cm.
const SIDE: f32 = 2.8;
/// Empty squares around the picture (ISO/IEC 18004, 9.1).
const QUIET: f32 = 4.0;

impl Paper {
    /// A picture of `width` squares in each row; `dark` says which are black, row by row from the top.
    pub fn squares(&mut self, width: usize, dark: &[bool]) {
        let rows = dark.chunks(width.max(1));
        let height = (rows.len() as f32 + 2.0 * QUIET) * SIDE;
        self.need(height);
        let (page, top) = self.here();
        let (left, first) = (MARGIN + QUIET * SIDE, top - (QUIET + 1.0) * SIDE);
        for (row, line) in rows.enumerate() {
            for (column, _) in line.iter().enumerate().filter(|(_, dark)| **dark) {
                let square = Square {
                    x: left + column as f32 * SIDE,
                    y: first - row as f32 * SIDE,
                    side: SIDE,
                };
                self.put_square(page, square);
            }
        }
        self.back_to(page, top - height);
    }
}
