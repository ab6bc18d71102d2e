//! The scaled pixels of a region, a row at a time.

use fearless_simd::Level;

use super::columns::{Columns, WINDOW};
use super::kernels;
use super::taps::Taps;
use crate::Rect;
use crate::image::{Image, PixelFormat};

/// The content of a letterbox, in the orientation in which it is stored.
///
/// Filters and buffers are kept: they are computed anew, in the same memory, when another region or a frame of another format
/// or size comes along, so that sampling does not allocate once the buffers have grown.
#[derive(Default)]
pub(super) struct Content {
    /// What the filters are prepared for.
    prepared: Option<Prepared>,
    /// The first plane's.
    pixels: Filter,
    /// That of the planes of chroma, which have one size.
    chroma: Filter,
    rows: Rows,
    /// A row of Y, U, V.
    yuv: [Vec<u8>; 3],
}

/// What filters depend on.
#[derive(Clone, Copy, PartialEq)]
struct Prepared {
    format: PixelFormat,
    /// Width and height of the image.
    image: (usize, usize),
    region: Rect,
    /// Columns and rows of the content.
    size: (usize, usize),
}

/// Samples that are blended together: 64 bytes of the widest SIMD.
const RUN: usize = 64;

/// The chroma of grey.
const NEUTRAL: u8 = 128;

impl Content {
    /// Prepares for `region` of frames like `image`, in pixels of the image, as content of `size` (columns and rows).
    pub fn prepare(&mut self, image: &Image<'_>, region: Rect, size: (usize, usize)) {
        let wanted = Prepared {
            format: image.format(),
            image: (image.width(), image.height()),
            region,
            size,
        };
        if self.prepared == Some(wanted) {
            return;
        }
        self.pixels.prepare(image, 0, region, size);
        if image.planes() > 1 {
            self.chroma.prepare(image, 1, region, size);
        }
        for row in &mut self.yuv {
            row.clear();
            row.resize(size.0, NEUTRAL);
        }
        self.prepared = Some(wanted);
    }

    /// Row `y` of the content of an image that was prepared for: its R, G and B.
    pub fn row(&mut self, level: Level, image: &Image<'_>, y: usize, mut rgb: [&mut [u8]; 3]) {
        let Self {
            pixels,
            chroma,
            rows,
            yuv,
            ..
        } = self;
        let first = image.format().rgb_offsets().unwrap_or_default();
        rows.blend(level, image, 0, pixels, y);
        if image.format().rgb_offsets().is_some() {
            for (out, offset) in rgb.iter_mut().zip(first) {
                kernels::blend_columns(level, &pixels.columns, rows.component(offset), out);
            }
            return;
        }
        kernels::blend_columns(level, &pixels.columns, rows.component(0), &mut yuv[0]);
        // grey has no chroma: its rows stay neutral
        if let Some(places) = image.format().uv_places() {
            for plane in 1..image.planes() {
                rows.blend(level, image, plane, chroma, y);
                for (out, (at, offset)) in yuv[1..].iter_mut().zip(places) {
                    if at == plane {
                        kernels::blend_columns(level, &chroma.columns, rows.component(offset), out);
                    }
                }
            }
        }
        let matrix = image.colorimetry().rgb_from_yuv();
        kernels::convert(level, &matrix, yuv.each_ref().map(Vec::as_slice), rgb);
    }
}

/// The filter of one plane.
#[derive(Default)]
struct Filter {
    x: Taps,
    y: Taps,
    /// `x`, arranged for SIMD.
    columns: Columns,
}

impl Filter {
    fn prepare(&mut self, image: &Image<'_>, plane: usize, region: Rect, size: (usize, usize)) {
        let subsampling = if plane == 0 { 1.0 } else { 2.0 };
        let (columns, rows) = image.plane_size(plane);
        let axis = |taps: &mut Taps, from: f32, to: f32, outputs: usize, samples: usize| {
            let start = f64::from(from) / subsampling;
            let step = (f64::from(to) - f64::from(from)) / subsampling / outputs as f64;
            taps.set(start, step, outputs, samples);
        };
        axis(&mut self.x, region.left, region.right, size.0, columns);
        axis(&mut self.y, region.top, region.bottom, size.1, rows);
        self.columns.set(&self.x);
    }
}

/// The rows that make up one row of the content, blended: signed numbers with 8 fraction bits, see [`kernels`].
#[derive(Default)]
struct Rows {
    /// As in the plane.
    pixels: Vec<i16>,
    /// By component, if a pixel has several; each with a [`WINDOW`] of any samples behind.
    components: [Vec<i16>; 4],
    /// Components of a pixel.
    count: usize,
}

impl Rows {
    /// Blends the rows of `plane` that make up row `y` of the content.
    fn blend(&mut self, level: Level, image: &Image<'_>, plane: usize, filter: &Filter, y: usize) {
        self.count = image.format().pixel_stride(plane);
        let first = filter.x.first * self.count;
        // whole runs, for SIMD, if the plane is wide enough
        let wanted = (filter.x.span * self.count).next_multiple_of(RUN);
        let length = wanted.min(image.row(plane, 0).len() - first);
        grow(&mut self.pixels, length + WINDOW);
        let rows = filter
            .y
            .of(y)
            .map(|(row, weight)| (&image.row(plane, row)[first..], weight));
        kernels::blend_rows(level, rows, &mut self.pixels[..length]);
        if self.count > 1 {
            for component in &mut self.components[..self.count] {
                grow(component, length / self.count + WINDOW);
            }
        }
        let pixels = &self.pixels[..length];
        match self.count {
            1 => {}
            2 => kernels::split::<2>(level, pixels, &mut self.components),
            3 => kernels::split::<3>(level, pixels, &mut self.components),
            _ => kernels::split::<4>(level, pixels, &mut self.components),
        }
    }

    /// The samples of the component at byte `offset` of a pixel.
    fn component(&self, offset: usize) -> &[i16] {
        match self.count {
            1 => &self.pixels,
            _ => &self.components[offset],
        }
    }
}

/// Makes a buffer long enough; what it holds does not matter.
fn grow(buffer: &mut Vec<i16>, length: usize) {
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
}
