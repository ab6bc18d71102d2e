//! What a page says: logs written short, and the text of the page without its tags.

use maud::Markup;
use people::event::StepReason;

use super::super::ledger::{Note, NoteKind, join};
use super::super::record::Millis;
use super::super::shifts::Period;
use super::super::spans::Range;
use super::super::sums::{Tally, tally};
use super::super::testing::part;
use super::*;

/// The cells and paragraphs of HTML, `|` between them.
fn text(markup: &Markup) -> String {
    let mut cells = Vec::new();
    for piece in markup.0.split('<') {
        let (tag, text) = piece.split_once('>').unwrap_or(("", piece));
        let goes_on = ["span", "/span", "code", "/code"]
            .iter()
            .any(|inline| tag.starts_with(inline));
        match cells.last_mut() {
            Some(last) if goes_on => *last += text,
            _ => cells.push(text.to_owned()),
        }
    }
    cells.retain(|cell| !cell.is_empty());
    cells.join("|")
}

fn range(from: Millis, to: Millis) -> Range {
    Range::new(from, to).unwrap()
}

fn running(to: Millis) -> Scale<'static> {
    Scale {
        range: range(0, to),
        zone: None,
    }
}

/// The facts of a log by running time.
fn tally_of(log: &str) -> Tally {
    let book = join(vec![part("log.jsonl", log)]);
    let ledger = &book.running[0];
    tally(ledger, ledger.range().unwrap())
}

#[test]
fn notes_are_sentences() {
    let scale = running(60_000);
    let odd = |reason, step| NoteKind::Odd { reason, step };
    for (kind, expected) in [
        (NoteKind::Unfinished, "the log ends at 1.0 s without totals"),
        (
            NoteKind::Missing { first: 0, count: 7 },
            "the first 7 lines of the run that begins before 2.5 s are missing",
        ),
        (
            NoteKind::Missing { first: 4, count: 1 },
            "line 4 is missing, between 1.0 s and 2.5 s",
        ),
        (
            NoteKind::Missing { first: 4, count: 3 },
            "3 lines are missing, 4 to 6, between 1.0 s and 2.5 s",
        ),
        (NoteKind::Step(-60_000), "stepped by -60.0 s at 1.0 s"),
        (NoteKind::Overlap, "two runs recorded from 1.0 s to 2.5 s"),
        (NoteKind::Unassigned, "the stations count as unassigned"),
        (
            odd(StepReason::Backward, -90),
            "timestamps went back by 0.090 s and were passed over (first at 1.0 s)",
        ),
        (odd(StepReason::Glitch, 3_600_000), "timestamps +3600.000 s off"),
        (
            odd(StepReason::Ahead, 5_000),
            "went ahead by 5.000 s; the time between is unknown",
        ),
        (
            odd(StepReason::HostClock, -1_250),
            "the computer's clock was set by -1.2 s",
        ),
        (
            odd(StepReason::CameraClock, 1_000),
            "the camera's clock was set by +1.0 s",
        ),
    ] {
        let note = Note {
            camera: "yard".to_owned(),
            from: 1_000,
            to: 2_500,
            kind,
        };
        let (alone, of_several) = (notes::note(&note, scale, 1), notes::note(&note, scale, 2));
        assert!(alone.contains(expected), "{alone}");
        assert_eq!(of_several, format!("yard: {alone}"));
    }
}

#[test]
fn headings_name_shifts_days_and_streams() {
    let zone = Zone::named("Europe/Berlin").unwrap();
    let at = |text: &str| zone.parse(text, false).unwrap();
    let heading_of = |subject: Subject, range: Range| {
        let tally = Tally {
            range,
            ..tally_of("0 bench red start\n 5 bench red o.")
        };
        let page = Page {
            subject,
            tally,
            cameras: 1,
        };
        heading(&page, &zone)
    };
    let (early, midnight) = (at("2026-11-26T06:00"), at("2026-11-27T00:00"));
    let shift = Period {
        name: "early".to_owned(),
        range: range(early, midnight),
    };
    for (subject, range, expected) in [
        (
            Subject::Shift(shift),
            range(early, midnight),
            "early · Thursday, 26 November 2026",
        ),
        (Subject::Clock, range(early, midnight), "Thursday, 26 November 2026"),
        (
            Subject::Clock,
            range(early, midnight + 1),
            "Thursday, 26 November 2026 to Friday, 27 November 2026",
        ),
        (Subject::Running(String::new()), range(0, 9), "Stream"),
        (Subject::Running("yard".to_owned()), range(0, 9), "yard"),
    ] {
        assert_eq!(heading_of(subject, range), expected);
    }
}

#[test]
fn a_page_says_when_it_is_and_in_which_zone() {
    let zone = Zone::named("Europe/Berlin").unwrap();
    let about_of = |subject, from: &str, to: &str, cameras| {
        let at = |text: &str| zone.parse(text, false).unwrap();
        let tally = Tally {
            range: range(at(from), at(to)),
            ..tally_of("0 bench red start\n 5 bench red o.")
        };
        let page = Page {
            subject,
            tally,
            cameras,
        };
        about(&page, scale(&page, &zone), &zone)
    };
    assert_eq!(
        about_of(Subject::Clock, "2026-11-26T06:00", "2026-11-26T14:00", 2),
        "06:00:00 to 14:00:00 Europe/Berlin, UTC+01:00: 8:00:00; 2 cameras"
    );
    // The night in which the clock is set back has nine hours.
    assert_eq!(
        about_of(Subject::Clock, "2026-10-24T22:00", "2026-10-25T06:00", 1),
        "22:00:00 to 06:00:00 Europe/Berlin, the clock changes from UTC+02:00 to UTC+01:00: 9:00:00"
    );
    let page = Page {
        subject: Subject::Running("yard".to_owned()),
        tally: tally_of("0 bench red start\n 62.3 bench red o."),
        cameras: 1,
    };
    assert_eq!(
        about(&page, scale(&page, &zone), &zone),
        "0.0 s to 62.3 s since the start of the stream, which has no times of day: 62.3 s"
    );
}

const LOG: &str = "0 bench red start
    0 till - start
    2 bench red o>a
    3 till blue o>a
    6 till - <blue
    8 bench red a>u
    9 till - a>i
    60 bench red u>i
    100 bench red i.
    100 till - i.";

#[test]
fn tables_have_what_is_known() {
    let (tally, scale) = (tally_of(LOG), running(100_000));
    let head = "active|idle|absent|unknown|coverage|visits|longest gap";
    assert_eq!(
        text(&tables::stations(&tally, scale, 1)),
        format!(
            "station|{head}|bench · red|6.0 s|40.0 s|2.0 s|52.0 s|48.0 %|1|52.0 s at 8.0 s\
             |till · anyone|6.0 s|91.0 s|3.0 s|0.0 s|100.0 %|2|none|blue|3.0 s|1|visitor|3.0 s|1"
        )
    );
    let workers = text(&tables::workers(&tally, scale));
    // Of a visitor nothing else is known; blue has no station.
    assert!(workers.ends_with("|visitor|3.0 s|1|none|* No station is assigned to this worker: idle is not known, and the time active nowhere counts as absent."), "{workers}");
    assert!(
        workers.contains("|blue*|3.0 s|") && workers.contains("|red|6.0 s|"),
        "{workers}"
    );
    assert_eq!(
        text(&tables::handovers(&tally, scale)),
        "at|station|from|to|6.0 s|till|blue, after 3.0 s|visitor"
    );
    assert_eq!(
        text(&tables::gaps(&tally, scale, 1)),
        "Gaps|from|to|where|why|8.0 s|60.0 s (52.0 s)|bench|nothing observed"
    );
}

#[test]
fn coverage_is_rounded_down() {
    for (unknown, expected) in [
        (0, "100.0 %"),
        (1, "99.9 %"),
        (50, "95.0 %"),
        (51, "94.9 %"),
        (1_000, "0.0 %"),
    ] {
        let known = 1_000 - unknown;
        let log = match (known, unknown) {
            (_, 0) => "0 bench red start\n 1000 bench red o.".to_owned(),
            (0, _) => "0 bench red start\n 0 bench red o>u\n 1000 bench red u.".to_owned(),
            _ => format!("0 bench red start\n {known} bench red o>u\n 1000 bench red u."),
        };
        let tally = tally_of(&log);
        let stations = text(&tables::stations(&tally, running(1_000_000), 1));
        assert!(stations.contains(&format!("|{expected}|")), "{stations}");
    }
}

/// Long lists are cut, and it is said; short gaps are in the sums only; gaps of all stations are named as such.
#[test]
fn lists_stay_readable() {
    let mut log = "0 a red start\n 0 b blue start\n".to_owned();
    for n in 0..60 {
        let (from, to) = (10_000 * n + 100, 10_000 * n + 200);
        for (station, worker) in [("a", "red"), ("b", "blue")] {
            let before = if n == 0 { "o" } else { "i" };
            log += &format!("{from} {station} {worker} {before}>u\n {to} {station} {worker} u>i\n");
        }
    }
    log += "600000 a red i>u\n 600030 a red u>i\n 600100 a red i.\n 600100 b blue i.";
    let tally = tally_of(&log);
    let gaps = text(&tables::gaps(&tally, running(tally.range.to), 1));
    assert_eq!(gaps.matches("|all stations|").count(), 50, "{gaps}");
    assert!(gaps.ends_with("|and 10 more; --json has all"), "{gaps}");
    assert!(!gaps.contains("(0:00:30)"), "{gaps}");
}

#[test]
fn names_of_several_cameras_have_their_camera() {
    let tally = tally_of(LOG);
    let stations = text(&tables::stations(&tally, running(100_000), 2));
    assert!(
        stations.contains("|log / bench · red|") && stations.contains("|log / till · anyone|"),
        "{stations}"
    );
}

#[test]
fn bars_have_a_rectangle_a_stretch() {
    let (tally, scale) = (tally_of(LOG), running(100_000));
    let svg = tables::timelines(&tally, scale, 1).0;
    // 4000 units for 100 s
    for drawn in [
        r#"aria-label="bench: active 6.0 s, idle 40.0 s, absent 2.0 s, unknown 52.0 s""#,
        r#"<path class="active" d="M80 0h240v10h-240z">"#,
        r#"<path class="idle" d="M80 0h240v10h-240zM2400 0h1600v10h-1600z">"#,
        r#"<path class="absent" d="M0 0h320v10h-320zM2400 0h1600v10h-1600z">"#,
        // the handover
        r#"<path class="mark" d="M240 0v3">"#,
        r#"style="left:50%">50 s</i>"#,
        r#"<i class="begin" style="left:0%">0 s</i>"#,
        r#"<i class="end" style="left:100%">100 s</i>"#,
    ] {
        assert!(svg.contains(drawn), "{drawn} is not in {svg}");
    }
}
