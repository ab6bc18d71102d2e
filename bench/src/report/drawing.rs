//! What the charts share: a picture as SVG, and its texts.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

/// A picture that is being drawn.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// Whether a part of it was drawn.
pub type Drawn = Result<(), DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>>;

/// A picture of `width`×`height` pixels as SVG, on white.
pub fn svg(width: u32, height: u32, draw: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
    let drawn = area
        .fill(&WHITE)
        .and_then(|()| draw(&area))
        .and_then(|()| area.present());
    drawn.map_err(|error| anyhow!("cannot draw a chart: {error}"))?;
    drop(area);
    Ok(svg)
}

/// Black text of a size in pixels.
pub fn text(size: i32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&BLACK)
}
