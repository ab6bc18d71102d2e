//! Allocations of the calling thread, and the sampler's, which makes none once it has seen its largest region.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use crate::frames::Frame;
use vision::Rect;
use vision::image::PixelFormat;
use vision::letterbox::{ChannelOrder, Element, Fit, Sampler, TensorFormat};

/// The system's allocator, counting.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on unchanged to the system's allocator; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above, and all memory is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as above, and all memory is the system's.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// The number of allocations while `run` runs.
fn allocations(run: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
}

const FORMAT: TensorFormat = TensorFormat {
    width: 64,
    height: 48,
    layout: vision::letterbox::Layout::Nchw,
    element: Element::F32,
    order: ChannelOrder::Rgb,
    scale: 1.0 / 255.0,
    mean: [0.0; 3],
    std: [1.0; 3],
    pad: 114,
    fit: Fit::Letterbox,
};

#[test]
fn sampling_the_same_region_again_does_not_allocate() {
    let mut out = vec![0; FORMAT.bytes()];
    for format in PixelFormat::ALL {
        let mut sampler = Sampler::new(FORMAT).unwrap();
        let frame = Frame::noise(format, 200, 100, 3, 1);
        let image = frame.image();
        let mut sample = |region| {
            allocations(|| {
                sampler.sample(&image, region, &mut out).unwrap();
            })
        };
        let whole = Rect::new(0.0, 0.0, 200.0, 100.0);
        assert!(sample(whole) > 0, "{format:?}: the count does not work");
        assert_eq!(sample(whole), 0, "{format:?}");
    }
}

#[test]
fn alternating_regions_do_not_allocate() {
    let mut sampler = Sampler::new(FORMAT).unwrap();
    let mut out = vec![0; FORMAT.bytes()];
    let frame = Frame::noise(PixelFormat::I420, 200, 100, 3, 1);
    let image = frame.image();
    let regions = [
        Rect::new(0.0, 0.0, 200.0, 100.0),
        Rect::new(10.0, 20.0, 42.0, 84.0),
        Rect::new(150.0, -5.0, 210.0, 120.0),
    ];
    let mut sample_all = || {
        for region in regions {
            sampler.sample(&image, region, &mut out).unwrap();
        }
    };
    sample_all();
    assert_eq!(allocations(sample_all), 0);
}
