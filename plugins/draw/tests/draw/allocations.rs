//! The painter's memory: once it has drawn a frame, it allocates no memory of a frame's size.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use crate::frames::Frame;
use crate::scenes::{bench, worker};
use draw::{Painter, Redaction, Style};
use people::{Activity, Scene};
use vision::image::PixelFormat;

/// The system's allocator, which notes the largest request.
struct Noting;

#[global_allocator]
static ALLOCATOR: Noting = Noting;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on unchanged to the system's allocator; noting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Noting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.set(LARGEST.get().max(layout.size()));
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above, and all memory is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LARGEST.set(LARGEST.get().max(size));
        // SAFETY: as above, and all memory is the system's.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[test]
fn a_second_frame_needs_no_memory_of_a_frames_size() {
    const SIZE: (usize, usize) = (1920, 1080);
    let scene = Scene {
        people: vec![worker("red"), worker("blue")],
        stations: Activity::ALL.map(bench).into(),
        ..Scene::default()
    };
    let style = Style {
        redact: Redaction::Faces,
        ..Style::default()
    };
    for format in PixelFormat::ALL {
        let mut frame = Frame::simple(format, SIZE, [90, 96, 88]);
        let mut painter = Painter::new();
        let mut paint = || {
            LARGEST.set(0);
            frame.with_surface(|surface| painter.paint(surface, Duration::ZERO, Some(&scene), &style));
            LARGEST.get()
        };
        assert!(
            paint() >= SIZE.0 * SIZE.1,
            "{format:?}: the first frame's mask was not noted"
        );
        let largest = paint();
        assert!(largest < SIZE.0 * SIZE.1 / 20, "{format:?}: {largest} bytes");
    }
}
