//! Horizontal bars, one for each case.

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::drawing::{self, Area, Drawn, text};
use super::number;

const WIDTH: u32 = 900;
/// Height of a bar with its distance to the next.
const ROW: u32 = 44;
/// The title's height.
const TITLE: u32 = 48;
/// Width of the labels.
const LABELS: i32 = 300;
/// Room for the value behind the longest bar.
const VALUES: i32 = 110;
const MARGIN: i32 = 14;

/// A plot of one value for each case.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    /// What the bars are, with the unit.
    pub title: String,
    /// The bars, from the top.
    pub bars: Vec<(String, f64)>,
}

impl Chart {
    /// The picture as SVG.
    pub fn svg(&self) -> Result<String> {
        let height = TITLE + ROW * self.bars.len() as u32 + MARGIN as u32;
        drawing::svg(WIDTH, height, |area| self.draw(area))
    }

    fn draw(&self, area: &Area<'_>) -> Drawn {
        area.draw(&Text::new(self.title.clone(), (MARGIN, MARGIN), text(20)))?;
        let greatest = self
            .bars
            .iter()
            .map(|(_, value)| *value)
            .fold(f64::MIN_POSITIVE, f64::max);
        let room = f64::from(WIDTH as i32 - LABELS - VALUES);
        for (row, (label, value)) in self.bars.iter().enumerate() {
            let top = (TITLE + ROW * row as u32) as i32;
            let middle = top + ROW as i32 / 2;
            let end = LABELS + (room * value.max(0.0) / greatest) as i32;
            let bar = Rectangle::new(
                [(LABELS, top + 6), (end, top + ROW as i32 - 6)],
                RGBColor(64, 120, 180).filled(),
            );
            area.draw(&bar)?;
            let right = text(16).pos(Pos::new(HPos::Right, VPos::Center));
            area.draw(&Text::new(label.clone(), (LABELS - 10, middle), right))?;
            let left = text(16).pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(number(*value), (end + 8, middle), left))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_its_labels_and_values() {
        let chart = Chart {
            title: "inferences a second".into(),
            bars: vec![("one file".into(), 10.5), ("twelve cameras".into(), 9.9)],
        };
        let svg = chart.svg().expect("it is drawn");
        for text in ["inferences a second", "one file", "10.5", "twelve cameras", "9.90"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
    }
}
