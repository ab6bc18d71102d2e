//! The report as one HTML file that fetches nothing and runs no script.

mod notes;
mod scale;
mod tables;
mod timeline;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::pages::{Page, Subject};
use super::zone::Zone;
use scale::Scale;

const STYLE: &str = include_str!("style.css");

/// No part of the page may be fetched or run; styles are in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The states, as the legend explains them.
const LEGEND: [(&str, &str); 4] = [
    ("active", "active: a hand at the station"),
    ("idle", "idle: in view, hands elsewhere"),
    ("absent", "absent: not in view"),
    ("unknown", "unknown: nothing observed, or not recorded"),
];

/// The HTML of a report: its pages, and what was left out.
pub fn html(logs: &[String], pages: &[Page], left_out: &[String], zone: &Zone) -> String {
    let title = "Shift report";
    let sections: Vec<Markup> = pages
        .iter()
        .enumerate()
        .map(|(index, page)| section(index, page, zone))
        .collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    p.soft { "From " (logs.join(", ")) }
                    ul.legend {
                        @for (class, text) in LEGEND {
                            li { span class={ "swatch " (class) } {} (text) }
                        }
                    }
                    @if pages.len() > 1 {
                        nav {
                            @for (index, page) in pages.iter().enumerate() {
                                a href={ "#page-" (index + 1) } { (heading(page, zone)) }
                            }
                        }
                    }
                    @if !left_out.is_empty() {
                        h3 { "What was left out" }
                        ul.notes.wrong #left-out { @for line in left_out { li { (line) } } }
                    }
                }
                main { @for section in sections { (section) } }
                footer {
                    p { "coverage = (active + idle + absent) / all, where all is the time in which a station was watched or should have been recorded. "
                        "A visit is an unbroken time of activity of one worker at one station; one that spans the end of a shift counts in both. "
                        "Made by " code { "shopfloor report" } "." }
                }
            }
        }
    };
    page.into_string()
}

fn heading(page: &Page, zone: &Zone) -> String {
    match &page.subject {
        Subject::Shift(shift) => format!("{} · {}", shift.name, zone.format("%A, %-d %B %Y", shift.range.from)),
        Subject::Clock => {
            let day = |at| zone.format("%A, %-d %B %Y", at);
            let range = page.tally.range;
            match (day(range.from), day(range.to - 1)) {
                (first, last) if first == last => first,
                (first, last) => format!("{first} to {last}"),
            }
        }
        Subject::Running(name) if name.is_empty() => "Stream".to_owned(),
        Subject::Running(name) => name.clone(),
    }
}

/// When the page is, in words.
fn about(page: &Page, scale: Scale, zone: &Zone) -> String {
    let range = page.tally.range;
    let length = scale.duration(range.length());
    let Some(_) = scale.zone else {
        let (from, to) = (scale.time(range.from), scale.time(range.to));
        return format!("{from} to {to} since the start of the stream, which has no times of day: {length}");
    };
    let (from, to) = (scale.time(range.from), scale.time(range.to));
    let (first, last) = (zone.offset(range.from), zone.offset(range.to - 1));
    let offset = if first == last {
        format!("UTC{first}")
    } else {
        format!("the clock changes from UTC{first} to UTC{last}")
    };
    let cameras = match page.cameras {
        1 => String::new(),
        number => format!("; {number} cameras"),
    };
    format!("{from} to {to} {}, {offset}: {length}{cameras}", zone.name())
}

fn scale<'a>(page: &Page, zone: &'a Zone) -> Scale<'a> {
    let is_clock = !matches!(page.subject, Subject::Running(_));
    Scale {
        range: page.tally.range,
        zone: is_clock.then_some(zone),
    }
}

/// The notes of a page, in words.
pub fn notes(page: &Page, zone: &Zone) -> Vec<String> {
    let notes = page.tally.notes.iter();
    notes
        .map(|note| notes::note(note, scale(page, zone), page.cameras))
        .collect()
}

fn section(index: usize, page: &Page, zone: &Zone) -> Markup {
    let tally = &page.tally;
    let scale = scale(page, zone);
    let cut = match &page.subject {
        Subject::Shift(shift) if shift.range != tally.range => Some(format!(
            "Only a part of the shift, which is from {} to {}.",
            zone.format("%H:%M", shift.range.from),
            zone.format("%H:%M", shift.range.to)
        )),
        _ => None,
    };
    html! {
        section.page id={ "page-" (index + 1) } {
            h2 { (heading(page, zone)) }
            p { (about(page, scale, zone)) }
            @if let Some(cut) = cut { p { (cut) } }
            (notes::list(tally, scale, page.cameras))
            h3 { "Workers" }
            (tables::workers(tally, scale))
            h3 { "Stations" }
            (tables::stations(tally, scale, page.cameras))
            h3 { "Timelines" }
            (tables::timelines(tally, scale, page.cameras))
            @if !tally.contradictions.is_empty() {
                h3 { "Contradictions: a vest at two places at once" }
                (tables::contradictions(tally, scale))
            }
            (tables::gaps(tally, scale, page.cameras))
            @if !tally.handovers.is_empty() {
                h3 { "Handovers" }
                (tables::handovers(tally, scale))
            }
        }
    }
}

#[cfg(test)]
mod tests;
