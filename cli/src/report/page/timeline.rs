//! The timelines of a page: a bar for each worker and station, drawn as SVG that is as wide as the page.

use std::fmt::Write;

use maud::{Markup, html};
use people::Activity;

use super::super::record::Millis;
use super::super::spans::{Range, Span, union};
use super::scale::Scale;

/// The width of a bar in its own units: three for each pixel of a wide screen, so that no more need be stored.
const WIDTH: f64 = 4000.0;

/// A bar and what is beside it.
pub struct Bar<'a> {
    /// The name.
    pub name: Markup,
    /// What the bar shows, in words.
    pub summary: String,
    /// The states.
    pub spans: &'a [Span],
    /// Moments to mark: handovers.
    pub marks: Vec<Millis>,
    /// Stretches to mark: contradictions.
    pub warnings: Vec<Range>,
}

/// Bars under one axis.
pub fn timelines(scale: Scale, bars: &[Bar]) -> Markup {
    let marks = scale.marks();
    let grid: String = marks
        .iter()
        .map(|(at, _)| format!("M{} 0v10", place(scale, *at)))
        .collect();
    html! {
        div.lines {
            div.axis aria-hidden="true" {
                @for (at, text) in &marks {
                    i class=[edge(scale, *at)] style={ "left:" (percent(scale, *at)) "%" } { (text) }
                }
            }
            @for bar in bars {
                div.line {
                    div.name { (bar.name) }
                    (svg(scale, bar, &grid))
                }
            }
        }
    }
}

/// What is unknown is the background, which the style sheet hatches. What is known is drawn above it in layers, each wider
/// than the one above, so that no background shows between neighbours.
fn svg(scale: Scale, bar: &Bar, grid: &str) -> Markup {
    let layer = |states: &[Activity]| {
        let spans = bar.spans.iter().filter(|span| states.contains(&span.state));
        path(scale, union(spans.map(|span| span.range)), "0", "10")
    };
    let marks: String = bar
        .marks
        .iter()
        .map(|at| format!("M{} 0v3", place(scale, *at)))
        .collect();
    html! {
        svg.bar viewBox={ "0 0 " (WIDTH) " 10" } preserveAspectRatio="none" role="img" aria-label=(bar.summary) {
            title { (bar.summary) }
            path.absent d=(layer(&[Activity::Absent, Activity::Idle, Activity::Active])) {}
            path.idle d=(layer(&[Activity::Idle, Activity::Active])) {}
            path.active d=(layer(&[Activity::Active])) {}
            path.grid d=(grid) {}
            @if !marks.is_empty() { path.mark d=(marks) {} }
            @if !bar.warnings.is_empty() { path.warning d=(path(scale, bar.warnings.clone(), "6", "4")) {} }
        }
    }
}

/// Rectangles over ranges; those narrower than a unit are left out.
fn path(scale: Scale, ranges: Vec<Range>, top: &str, height: &str) -> String {
    let mut path = String::new();
    for range in ranges {
        let (from, to) = (place(scale, range.from), place(scale, range.to));
        if from < to {
            let width = to - from;
            write!(path, "M{from} {top}h{width}v{height}h-{width}z").expect("a string takes all");
        }
    }
    path
}

fn place(scale: Scale, at: Millis) -> i64 {
    (scale.place(at).clamp(0.0, 1.0) * WIDTH).round() as i64
}

/// What is written at an end of the axis stays within it.
fn edge(scale: Scale, at: Millis) -> Option<&'static str> {
    const NEAR: f64 = 0.03;
    match scale.place(at) {
        place if place < NEAR => Some("begin"),
        place if place > 1.0 - NEAR => Some("end"),
        _ => None,
    }
}

fn percent(scale: Scale, at: Millis) -> f64 {
    (scale.place(at) * 10_000.0).round() / 100.0
}
