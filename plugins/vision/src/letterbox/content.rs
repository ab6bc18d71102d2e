//! The scaled pixels of a region, a row at a time.

use std::iter;

use fearless_simd::Level;

use super::columns::{Columns, WINDOW};
use super::held::Held;
use super::kernels::{self, Halves};
use super::pairs::Pairs;
use super::taps::Taps;
use crate::Rect;
use crate::image::{Image, PixelFormat, RgbFromYuvWords};

/// The content of a letterbox, in the orientation in which it is stored.
///
/// Filters and buffers are kept: they are computed anew, in the same memory, when another region or a frame of another format
/// or size comes along, so that sampling does not allocate once the buffers have grown.
#[derive(Default)]
pub(super) struct Content {
    /// What the filters are prepared for.
    prepared: Option<Prepared>,
    components: Components,
    /// A row of Y, U, V.
    yuv: [Vec<u8>; 3],
    /// The colours of the image that is being sampled, once they were needed.
    matrix: Option<RgbFromYuvWords>,
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
    /// Prepares for `region` of `image`, in pixels of the image, as content of `size` (columns and rows).
    pub fn prepare(&mut self, image: &Image<'_>, region: Rect, size: (usize, usize)) {
        self.components.held.iter_mut().for_each(Held::clear);
        self.matrix = None;
        let wanted = Prepared {
            format: image.format(),
            image: (image.width(), image.height()),
            region,
            size,
        };
        if self.prepared == Some(wanted) {
            return;
        }
        self.components.pixels.prepare(image, 0, region, size);
        if image.planes() > 1 {
            self.components.chroma.prepare(image, 1, region, size);
        }
        for row in &mut self.yuv {
            row.clear();
            row.resize(size.0, NEUTRAL);
        }
        self.prepared = Some(wanted);
    }

    /// Row `y` of the content of the image that was prepared for: its R, G and B.
    pub fn row(&mut self, level: Level, image: &Image<'_>, y: usize, rgb: [&mut [u8]; 3]) {
        let Self {
            components,
            yuv,
            matrix,
            ..
        } = self;
        if let Some(offsets) = image.format().rgb_offsets() {
            let places = offsets.map(|offset| (0, offset));
            components.row(level, image, y, places.into_iter().zip(rgb));
            return;
        }
        let matrix = matrix.get_or_insert_with(|| image.colorimetry().rgb_from_yuv().to_words());
        let chroma = image.format().uv_places();
        if let (Some([u, v]), true) = (chroma, components.are_columns_first()) {
            let halves = components.halves(level, image, y, [(0, 0), u, v]);
            return kernels::blend_and_convert(level, matrix, halves, rgb);
        }
        // grey has no chroma: its rows stay neutral
        let places = iter::once((0, 0)).chain(chroma.into_iter().flatten());
        let rows = yuv.each_mut().map(Vec::as_mut_slice);
        components.row(level, image, y, places.zip(rows));
        kernels::convert(level, matrix, yuv.each_ref().map(Vec::as_slice), rgb);
    }
}

/// Rows of the content, a component at a time.
#[derive(Default)]
struct Components {
    /// The first plane's.
    pixels: Filter,
    /// That of the planes of chroma, which have one size.
    chroma: Filter,
    rows: Rows,
    /// Of each component, in the order in which they are asked for.
    held: [Held; 3],
}

impl Components {
    /// Row `y` of each component, whose place is a plane and the byte of a pixel.
    fn row<'a>(
        &mut self,
        level: Level,
        image: &Image<'_>,
        y: usize,
        components: impl Iterator<Item = ((usize, usize), &'a mut [u8])>,
    ) {
        let mut blended = None;
        for (((plane, offset), out), held) in components.zip(&mut self.held) {
            let filter = if plane == 0 { &self.pixels } else { &self.chroma };
            match filter.order {
                Order::None => out.copy_from_slice(filter.stored(image, plane, y)),
                Order::ColumnsFirst => {
                    let row = |row| &image.row(plane, row)[offset..];
                    let halves = held.row(level, (&filter.pairs, &filter.y), y, row);
                    kernels::blend_two(level, halves, out);
                }
                Order::RowsFirst => {
                    if blended != Some(plane) {
                        self.rows.blend(level, image, plane, filter, y);
                        blended = Some(plane);
                    }
                    kernels::blend_columns(level, &filter.columns, self.rows.component(offset), out);
                }
            }
        }
    }
}

impl Components {
    /// Whether columns are blended first in every plane.
    fn are_columns_first(&self) -> bool {
        [&self.pixels, &self.chroma]
            .iter()
            .all(|filter| matches!(filter.order, Order::ColumnsFirst))
    }

    /// Row `y` of three components, of which columns are blended first, at places as in [`row`](Self::row).
    fn halves(&mut self, level: Level, image: &Image<'_>, y: usize, places: [(usize, usize); 3]) -> [Halves<'_>; 3] {
        let Self {
            pixels, chroma, held, ..
        } = self;
        let mut places = places.into_iter();
        held.each_mut().map(|held| {
            let (plane, offset) = places.next().unwrap_or_default();
            let filter = if plane == 0 { &*pixels } else { &*chroma };
            let row = |row| &image.row(plane, row)[offset..];
            held.row(level, (&filter.pairs, &filter.y), y, row)
        })
    }
}

/// The filter of one plane.
#[derive(Default)]
struct Filter {
    x: Taps,
    y: Taps,
    order: Order,
    /// `x`, arranged for SIMD, if columns are blended first.
    pairs: Pairs,
    /// The same, if rows are.
    columns: Columns,
}

/// What is blended first. The result is the same: sums of both are whole numbers.
#[derive(Clone, Copy, Default)]
enum Order {
    /// Rows, of which there are fewer then: the plane is scaled down.
    #[default]
    RowsFirst,
    /// Columns, which are bytes then.
    ColumnsFirst,
    /// Nothing: every sample of the content is one of the plane's.
    None,
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
        let stride = image.format().pixel_stride(plane);
        self.order = if stride == 1 && self.x.is_copy() && self.y.is_copy() {
            Order::None
        } else if self.y.count <= 2 && self.pairs.set(&self.x, stride, (columns - 1) * stride + 1) {
            Order::ColumnsFirst
        } else {
            self.columns.set(&self.x);
            Order::RowsFirst
        };
    }

    /// The samples of row `y` of the content, if they are a plane's.
    fn stored<'a>(&self, image: &Image<'a>, plane: usize, y: usize) -> &'a [u8] {
        &image.row(plane, self.y.first + y)[self.x.first..][..self.x.span]
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
