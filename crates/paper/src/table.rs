//! Tables: cells that wrap, and column heads that are said again on each page.

use crate::Paper;
use crate::layout::{PLAIN, STRONG, Style};
use crate::page::{MARGIN, MEASURE};

const GAP: f32 = 8.0;
const CELL: Style = Style { size: 8.5, ..PLAIN };
const HEAD: Style = Style {
    size: 8.5,
    ..STRONG
};

impl Paper {
    /// A table. `shares` says how the width is shared out, in any unit; a row is not broken over two pages unless it is
    /// taller than one.
    pub fn table(&mut self, heads: &[&str], shares: &[f32], rows: &[Vec<String>]) {
        let whole: f32 = shares.iter().sum();
        let mut x = MARGIN;
        let columns: Vec<(f32, f32)> = shares
            .iter()
            .map(|share| {
                let width = MEASURE * share / whole;
                let column = (x, width - GAP);
                x += width;
                column
            })
            .collect();
        let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
        self.row(&heads, &columns, HEAD);
        for row in rows {
            let (page, _) = self.here();
            let height = self.height(row, &columns);
            self.need(height);
            if self.here().0 != page {
                self.row(&heads, &columns, HEAD);
            }
            self.row(row, &columns, CELL);
        }
        self.space(6.0);
    }

    fn row(&mut self, cells: &[String], columns: &[(f32, f32)], style: Style) {
        let height = self.height(cells, columns);
        self.need(height);
        let (page, top) = self.here();
        let (mut last, mut lowest) = (page, top);
        for (cell, (x, width)) in cells.iter().zip(columns) {
            // A cell that began on a page before this one starts where the row does there.
            self.back_to(page, top);
            self.lines(cell, style, *x, *width);
            let (at, y) = self.here();
            if at > last {
                (last, lowest) = (at, y);
            } else if at == last {
                lowest = lowest.min(y);
            }
        }
        self.back_to(last, lowest - 2.0);
        self.rule(last, lowest - 1.0, 0.8);
        self.space(2.0);
    }

    fn height(&self, cells: &[String], columns: &[(f32, f32)]) -> f32 {
        let lines = cells
            .iter()
            .zip(columns)
            .map(|(cell, (_, width))| self.fonts.bold.wrap(cell, CELL.size, *width).len())
            .max()
            .unwrap_or_default();
        // A row that is taller than a page has to be broken anyway.
        let lines = u16::try_from(lines.min(50)).unwrap_or(50);
        f32::from(lines) * CELL.leading() + 4.0
    }
}
