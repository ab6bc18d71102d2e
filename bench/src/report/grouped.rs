//! Vertical bars in groups, with a legend.

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::drawing::{self, Area, Drawn, text};
use super::number;

const WIDTH: i32 = 960;
const HEIGHT: i32 = 460;
/// Room for the title and, below it, a row of the legend for every [`IN_A_ROW`] series.
const TITLE: i32 = 44;
const LEGEND: i32 = 24;
const IN_A_ROW: usize = 3;
/// Room for the axis, for the groups' names, and at the right.
const LEFT: i32 = 64;
const BOTTOM: i32 = 36;
const RIGHT: i32 = 16;
/// Room above the highest bar, for its value.
const TOP: i32 = 18;

/// Colours that are told apart by people with any colour vision (Okabe and Ito).
const COLOURS: [RGBColor; 10] = [
    RGBColor(110, 110, 110),
    RGBColor(86, 180, 233),
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(213, 94, 0),
    RGBColor(190, 190, 190),
    RGBColor(170, 215, 240),
    RGBColor(130, 170, 205),
    RGBColor(242, 210, 140),
    RGBColor(235, 170, 130),
];

/// A plot of one value for each series and group.
#[derive(Clone, Debug, Default)]
pub struct GroupedChart {
    /// What the bars are, with the unit.
    pub title: String,
    /// The names of the groups, from the left.
    pub groups: Vec<String>,
    /// The series: their names, and a value for each group; NaN is no bar.
    pub series: Vec<(String, Vec<f64>)>,
    /// A line across all groups, such as 1 where ratios are shown.
    pub line: Option<f64>,
}

/// Where things are.
struct Frame {
    top: i32,
    most: f64,
}

impl Frame {
    fn y(&self, value: f64) -> i32 {
        let room = f64::from(HEIGHT - BOTTOM - self.top);
        HEIGHT - BOTTOM - (room * value.max(0.0) / self.most).round() as i32
    }
}

impl GroupedChart {
    /// The picture as SVG.
    pub fn svg(&self) -> Result<String> {
        drawing::svg(WIDTH as u32, HEIGHT as u32, |area| self.draw(area))
    }

    fn draw(&self, area: &Area<'_>) -> Drawn {
        area.draw(&Text::new(self.title.clone(), (RIGHT, 14), text(19)))?;
        self.legend(area)?;
        let values = self.series.iter().flat_map(|(_, values)| values.iter().copied());
        let most = values
            .chain(self.line)
            .filter(|value| value.is_finite())
            .fold(0.0, f64::max);
        let rows = self.series.len().div_ceil(IN_A_ROW) as i32;
        let frame = Frame {
            top: TITLE + LEGEND * rows + TOP,
            most: if most > 0.0 { most } else { 1.0 },
        };
        axis(area, &frame)?;
        let width = (WIDTH - LEFT - RIGHT) / self.groups.len().max(1) as i32;
        for (group, name) in self.groups.iter().enumerate() {
            let left = LEFT + width * group as i32;
            let centred = text(15).pos(Pos::new(HPos::Center, VPos::Top));
            area.draw(&Text::new(
                name.clone(),
                (left + width / 2, HEIGHT - BOTTOM + 8),
                centred,
            ))?;
            self.group(area, &frame, group, left, width)?;
        }
        if let Some(value) = self.line {
            let y = frame.y(value);
            area.draw(&PathElement::new(
                [(LEFT, y), (WIDTH - RIGHT, y)],
                BLACK.stroke_width(1),
            ))?;
        }
        Ok(())
    }

    fn group(&self, area: &Area<'_>, frame: &Frame, group: usize, left: i32, width: i32) -> Drawn {
        let margin = width / 12;
        let bar = (width - 2 * margin) / self.series.len().max(1) as i32;
        for (index, (_, values)) in self.series.iter().enumerate() {
            let Some(value) = values.get(group).copied().filter(|value| value.is_finite()) else {
                continue;
            };
            let (x, y) = (left + margin + bar * index as i32, frame.y(value));
            let corners = [(x + 1, y), (x + bar - 1, HEIGHT - BOTTOM)];
            area.draw(&Rectangle::new(corners, COLOURS[index % COLOURS.len()].filled()))?;
            let above = text(if bar < 30 { 10 } else { 12 }).pos(Pos::new(HPos::Center, VPos::Bottom));
            area.draw(&Text::new(shown(value), (x + bar / 2, y - 2), above))?;
        }
        Ok(())
    }

    fn legend(&self, area: &Area<'_>) -> Drawn {
        let width = (WIDTH - 2 * RIGHT) / IN_A_ROW as i32;
        for (index, (name, _)) in self.series.iter().enumerate() {
            let (column, row) = ((index % IN_A_ROW) as i32, (index / IN_A_ROW) as i32);
            let (x, y) = (RIGHT + width * column, TITLE + LEGEND * row);
            let patch = [(x, y), (x + 14, y + 14)];
            area.draw(&Rectangle::new(patch, COLOURS[index % COLOURS.len()].filled()))?;
            area.draw(&Text::new(name.clone(), (x + 20, y), text(14)))?;
        }
        Ok(())
    }
}

fn axis(area: &Area<'_>, frame: &Frame) -> Drawn {
    let step = step(frame.most);
    let mut value = 0.0;
    while value <= frame.most * 1.0001 {
        let y = frame.y(value);
        let grey = RGBColor(215, 215, 215).stroke_width(1);
        area.draw(&PathElement::new([(LEFT, y), (WIDTH - RIGHT, y)], grey))?;
        let right = text(13).pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(round(value), (LEFT - 8, y), right))?;
        value += step;
    }
    Ok(())
}

/// A round distance of at most six lines.
fn step(most: f64) -> f64 {
    let magnitude = 10_f64.powf((most / 6.0).log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * magnitude);
    steps.into_iter().find(|step| most / step <= 6.0).unwrap_or(most)
}

/// A round value, without digits that say nothing.
fn round(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A bar's value; one without height has no digits.
fn shown(value: f64) -> String {
    if value == 0.0 { "0".into() } else { number(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_its_names_and_values_and_no_bar_for_what_was_not_measured() {
        let chart = GroupedChart {
            title: "frames a second".into(),
            groups: vec!["1 tenant".into(), "2 tenants".into()],
            series: vec![
                ("base case".into(), vec![12.3, f64::NAN]),
                ("async".into(), vec![45.6, 7.89]),
            ],
            line: Some(1.0),
        };
        let svg = chart.svg().expect("it is drawn");
        for text in ["frames a second", "1 tenant", "base case", "12.3", "45.6", "7.89"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert!(!svg.contains("NaN"), "{svg}");
        assert!(GroupedChart::default().svg().is_ok());
    }

    #[test]
    fn steps_are_round() {
        assert_eq!([1.3, 20.0, 47.0, 600.0].map(step), [0.25, 5.0, 10.0, 100.0]);
        assert_eq!([0.0, 0.25, 1.0, 100.0].map(round), ["0", "0.25", "1", "100"]);
    }
}
