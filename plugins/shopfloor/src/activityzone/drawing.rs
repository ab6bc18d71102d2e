//! `draw=true`: what mouse and keyboard mean for the stations, and the preview of an unfinished polygon. The editing
//! itself is in `people::polygon_editor`.

use std::sync::Arc;

use gst_video::NavigationEvent;
use people::polygon_editor::EditAction;
use people::{Activity, Station, StationStatus, Totals};
use vision::Point;

/// The edit action of a navigation event, if it has one. Video sinks send these events upstream, in coordinates of the
/// frame, which is `(width, height)` pixels large.
pub fn edit_action(event: &gst::EventRef, (width, height): (u32, u32)) -> Option<EditAction> {
    if width == 0 || height == 0 {
        return None; // no caps yet
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

/// The unfinished polygon as a station named `drawing`, so that it is visible.
pub fn preview(corners: &[Point]) -> Option<StationStatus> {
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
