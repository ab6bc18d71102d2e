//! `draw=true`: the mouse edits the stations; what a stroke means is `people::polygon_editor`'s.
//!
//! Video sinks send clicks upstream as navigation events in frame coordinates. What was drawn is in force at once, goes
//! into the station file where there is one, and is told on the bus: an element message `shopfloor-stations` with the
//! file's text in `stations`.

use std::sync::Arc;

use gst::subclass::prelude::*;
use gst_video::NavigationEvent;
use people::polygon_editor::EditAction;
use people::{Activity, Station, StationStatus, Totals};
use vision::Point;

use super::imp::{ActivityZone, State};

impl ActivityZone {
    /// Takes in what a hand did on the picture.
    pub(super) fn drawn(&self, event: &gst::EventRef) {
        let size = self.state.lock().unwrap().size;
        let Some(stroke) = stroke(event, size) else { return };
        let changed = {
            let State { sketch, stations, .. } = &mut *self.state.lock().unwrap();
            sketch.stroke(stroke, stations)
        };
        match changed {
            Ok(None) => {}
            Ok(Some(stations)) => {
                self.take_over(&stations);
                let text = stations.to_json();
                let saved = self
                    .state
                    .lock()
                    .unwrap()
                    .source
                    .as_mut()
                    .map(|source| source.save(&text));
                if let Some(Err(why)) = saved {
                    gst::element_imp_warning!(self, gst::ResourceError::Write, ("{why}"));
                }
                self.say(
                    gst::Structure::builder("shopfloor-stations")
                        .field("stations", text)
                        .build(),
                );
            }
            Err(why) => gst::element_imp_warning!(
                self,
                gst::ResourceError::Settings,
                ("This is no station yet: {why}. Take corners back with the middle button or backspace.")
            ),
        }
    }
}

/// What an event means as a stroke, if anything.
fn stroke(event: &gst::EventRef, (width, height): (u32, u32)) -> Option<EditAction> {
    if width == 0 || height == 0 {
        return None; // no caps yet, so no picture to click on
    }
    let at = |x: f64, y: f64| Point::new(x as f32 / width as f32, y as f32 / height as f32);
    match NavigationEvent::parse(event).ok()? {
        NavigationEvent::MouseButtonPress { button: 1, x, y, .. } => Some(EditAction::Corner(at(x, y))),
        NavigationEvent::MouseButtonPress { button: 2, .. } => Some(EditAction::Undo),
        NavigationEvent::MouseButtonPress { button: 3, x, y, .. } => Some(EditAction::Finish(at(x, y))),
        NavigationEvent::KeyPress { key, .. } if key == "BackSpace" => Some(EditAction::Undo),
        _ => None,
    }
}

/// The polygon in the making, so that the picture shows it.
pub(super) fn preview(corners: &[Point]) -> Option<StationStatus> {
    let station = Station {
        name: "drawing".into(),
        polygon: corners.to_vec(),
        vest: None,
    };
    (!corners.is_empty()).then(|| StationStatus {
        station: Arc::new(station),
        activity: Activity::Absent,
        worker: None,
        since: Default::default(),
        lasted: Default::default(),
        totals: Totals::default(),
    })
}
