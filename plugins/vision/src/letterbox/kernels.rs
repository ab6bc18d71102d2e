//! The loops over samples, compiled for several instruction sets; the best that the processor has is chosen at run time.

use fearless_simd::prelude::*;
use fearless_simd::{Level, Simd, dispatch, i16x8, i16x16, i32x8, u8x16, u8x32, u16x16, u32x8};

use super::columns::{Columns, GROUP, Step, WINDOW};
use super::format::Terms;
use super::pairs::{GROUP as PAIRS, Pairs, WINDOW as BYTES};
use super::taps::ONE;
use crate::image::RgbFromYuvWords;

/// Blended rows are `Σ weight·sample` minus this, which makes them the signed numbers that SIMD multiplies.
const BIAS: u16 = 1 << 15;

/// The most rows that are blended at a time.
const ROWS: usize = 4;

/// Blends rows, of which each begins with the samples that `sums` is for.
pub(super) fn blend_rows<'a>(level: Level, mut rows: impl Iterator<Item = (&'a [u8], u16)>, sums: &mut [i16]) {
    let mut is_first = true;
    loop {
        let mut some = [(&[] as &[u8], 0); ROWS];
        let count = some.iter_mut().zip(&mut rows).map(|(some, row)| *some = row).count();
        if count == 0 {
            return;
        }
        dispatch!(level, simd => add_rows(simd, &some[..count], is_first, sums));
        is_first = false;
    }
}

#[inline(always)]
fn add_rows<S: Simd>(_: S, rows: &[(&[u8], u16)], is_first: bool, sums: &mut [i16]) {
    if is_first {
        sums.fill(BIAS as i16);
    }
    // Zipped slices and one expression for each number of rows: the compiler vectorises these loops in every build, which it
    // does not do for a loop over the rows.
    let times = |sample: &u8, weight: u16| u16::from(*sample).wrapping_mul(weight);
    let add = |sum: &mut i16, product: u16| *sum = (*sum as u16).wrapping_add(product) as i16;
    match *rows {
        [(a, wa)] => {
            for (sum, a) in sums.iter_mut().zip(a) {
                add(sum, times(a, wa));
            }
        }
        [(a, wa), (b, wb)] => {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                add(sum, times(a, wa).wrapping_add(times(b, wb)));
            }
        }
        [(a, wa), (b, wb), (c, wc)] => {
            for (((sum, a), b), c) in sums.iter_mut().zip(a).zip(b).zip(c) {
                add(sum, times(a, wa).wrapping_add(times(b, wb)).wrapping_add(times(c, wc)));
            }
        }
        [(a, wa), (b, wb), (c, wc), (d, wd), ..] => {
            for ((((sum, a), b), c), d) in sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                let two = times(a, wa).wrapping_add(times(b, wb));
                add(sum, two.wrapping_add(times(c, wc)).wrapping_add(times(d, wd)));
            }
        }
        [] => {}
    }
}

/// Takes a row of pixels of `N` components apart.
pub(super) fn split<const N: usize>(level: Level, pixels: &[i16], components: &mut [Vec<i16>; 4]) {
    dispatch!(level, simd => split_in::<_, N>(simd, pixels, components));
}

#[inline(always)]
fn split_in<S: Simd, const N: usize>(_: S, pixels: &[i16], components: &mut [Vec<i16>; 4]) {
    let pixels = pixels.as_chunks::<N>().0;
    for (offset, component) in components.iter_mut().enumerate().take(N) {
        for (sample, pixel) in component.iter_mut().zip(pixels) {
            *sample = pixel[offset];
        }
    }
}

/// Blends the columns of blended rows into bytes.
pub(super) fn blend_columns(level: Level, columns: &Columns, sums: &[i16], out: &mut [u8]) {
    dispatch!(level, simd => blend_columns_in(simd, columns, sums, out));
}

#[inline(always)]
fn blend_columns_in<S: Simd>(simd: S, columns: &Columns, sums: &[i16], out: &mut [u8]) {
    if columns.is_copy {
        // (256·sum + 2^15) >> 16
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = (((*sum as u16 ^ BIAS) + 128) >> 8) as u8;
        }
        return;
    }
    // the loop over a group's steps is unrolled where there are few
    match columns.depth {
        1 => blend_groups(simd, columns.steps.as_chunks::<1>().0.iter(), sums, out),
        2 => blend_groups(simd, columns.steps.as_chunks::<2>().0.iter(), sums, out),
        3 => blend_groups(simd, columns.steps.as_chunks::<3>().0.iter(), sums, out),
        depth => blend_groups(simd, columns.steps.chunks_exact(depth.max(1)), sums, out),
    }
}

#[inline(always)]
fn blend_groups<S: Simd>(simd: S, mut groups: impl Iterator<Item: AsRef<[Step]>>, sums: &[i16], out: &mut [u8]) {
    let (whole, rest) = out.as_chunks_mut::<GROUP>();
    for (out, steps) in whole.iter_mut().zip(&mut groups) {
        blend_group(simd, steps.as_ref(), sums, out);
    }
    if let Some(steps) = groups.next() {
        let mut group = [0; GROUP];
        blend_group(simd, steps.as_ref(), sums, &mut group);
        rest.copy_from_slice(&group[..rest.len()]);
    }
}

#[inline(always)]
fn blend_group<S: Simd>(simd: S, steps: &[Step], sums: &[i16], out: &mut [u8; GROUP]) {
    const HALF: i32 = 1 << 15;
    assert!(sums.len() >= WINDOW);
    let last = sums.len() - WINDOW;
    let mut total = i32x8::splat(simd, BIAS as i32 * ONE as i32 + HALF);
    for step in steps {
        // no window is further; said like this, it needs no branch
        let [low, high] = step.windows.map(|at| {
            let at = (at as usize).min(last);
            i16x8::from_slice(simd, &sums[at..at + WINDOW])
        });
        let samples = low.combine(high);
        let picked: i16x16<S> = samples.swizzle_dyn_within_blocks(u8x32::load_array_ref(simd, &step.bytes));
        total += picked.pairwise_dot_product(i16x16::load_array_ref(simd, &step.weights));
    }
    // the mean is a byte, above 16 fraction bits: the third of each number's bytes
    let thirds = u8x16::load_array(simd, [2, 6, 10, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let bytes = total.to_bytes().swizzle_dyn_within_blocks(thirds.combine(thirds));
    let words = *u32x8::from_bytes(bytes).as_array();
    out[..4].copy_from_slice(&words[0].to_le_bytes());
    out[4..].copy_from_slice(&words[4].to_le_bytes());
}

/// Blends pairs of bytes of a row into sums with 8 fraction bits, which have room for whole groups.
pub(super) fn blend_pairs(level: Level, pairs: &Pairs, row: &[u8], sums: &mut [u16]) {
    dispatch!(level, simd => blend_pairs_in(simd, pairs, row, sums));
}

#[inline(always)]
fn blend_pairs_in<S: Simd>(simd: S, pairs: &Pairs, row: &[u8], sums: &mut [u16]) {
    assert!(row.len() >= BYTES);
    let last = row.len() - BYTES;
    for (sums, group) in sums.as_chunks_mut::<PAIRS>().0.iter_mut().zip(pairs.groups()) {
        // no window is further; said like this, it needs no branch
        let [low, high] = group.windows.map(|at| {
            let at = (at as usize).min(last);
            u8x16::from_slice(simd, &row[at..at + BYTES])
        });
        let bytes = u8x32::load_array_ref(simd, &group.bytes);
        let picked: u16x16<S> = low.combine(high).swizzle_dyn_within_blocks(bytes).bitcast();
        let [first, second] = group
            .weights
            .each_ref()
            .map(|weights| u16x16::load_array_ref(simd, weights));
        let sum = (picked & 0xff) * first + (picked >> 8) * second;
        sum.store_slice(sums);
    }
}

/// A row of the content, not yet blended: two rows of sums with 8 fraction bits, and their weights, whose sum is 256.
#[derive(Clone, Copy)]
pub(super) struct Halves<'a> {
    pub rows: [&'a [u16]; 2],
    pub weights: [u16; 2],
}

/// Blends two rows of sums into bytes.
pub(super) fn blend_two(level: Level, halves: Halves<'_>, out: &mut [u8]) {
    dispatch!(level, simd => blend_two_in(simd, halves, out));
}

#[inline(always)]
fn blend_two_in<S: Simd>(_: S, Halves { rows: [a, b], weights }: Halves<'_>, out: &mut [u8]) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = blended([*a, *b], weights);
    }
}

/// `(wa·a + wb·b + 2^15) >> 16`, of high and low bytes on their own, which fit 16 bits.
#[inline(always)]
fn blended([a, b]: [u16; 2], [wa, wb]: [u16; 2]) -> u8 {
    let high = (a >> 8).wrapping_mul(wa).wrapping_add((b >> 8).wrapping_mul(wb));
    let low = (a & 0xff).wrapping_mul(wa).wrapping_add((b & 0xff).wrapping_mul(wb));
    (high.wrapping_add(low >> 8).wrapping_add(128) >> 8) as u8
}

/// Converts a row of Y, U, V to R, G, B.
pub(super) fn convert(level: Level, matrix: &RgbFromYuvWords, yuv: [&[u8]; 3], rgb: [&mut [u8]; 3]) {
    dispatch!(level, simd => convert_in(simd, matrix, yuv, rgb));
}

#[inline(always)]
fn convert_in<S: Simd>(_: S, matrix: &RgbFromYuvWords, [y, u, v]: [&[u8]; 3], [r, g, b]: [&mut [u8]; 3]) {
    let rgb = r.iter_mut().zip(g).zip(b);
    for (((y, u), v), ((r, g), b)) in y.iter().zip(u).zip(v).zip(rgb) {
        [*r, *g, *b] = matrix.convert(*y, *u, *v);
    }
}

/// Blends the rows of Y, U and V, each of two rows of sums, and converts them to R, G, B.
pub(super) fn blend_and_convert(level: Level, matrix: &RgbFromYuvWords, yuv: [Halves<'_>; 3], rgb: [&mut [u8]; 3]) {
    dispatch!(level, simd => blend_and_convert_in(simd, matrix, yuv, rgb));
}

#[inline(always)]
fn blend_and_convert_in<S: Simd>(_: S, matrix: &RgbFromYuvWords, yuv: [Halves<'_>; 3], [r, g, b]: [&mut [u8]; 3]) {
    // Slices of one length, so that the loop has no checks and becomes SIMD.
    let sums = yuv.iter().flat_map(|halves| halves.rows.map(<[u16]>::len)).min();
    let length = [r.len(), g.len(), b.len()].into_iter().chain(sums).min().unwrap_or(0);
    let [[y0, y1], [u0, u1], [v0, v1]] = yuv.map(|halves| halves.rows.map(|row| &row[..length]));
    let [wy, wu, wv] = yuv.map(|halves| halves.weights);
    let (r, g, b) = (&mut r[..length], &mut g[..length], &mut b[..length]);
    for x in 0..length {
        let y = blended([y0[x], y1[x]], wy);
        let u = blended([u0[x], u1[x]], wu);
        let v = blended([v0[x], v1[x]], wv);
        [r[x], g[x], b[x]] = matrix.convert(y, u, v);
    }
}

/// Writes three rows as pixels of three bytes.
pub(super) fn interleave(level: Level, rows: [&[u8]; 3], out: &mut [u8]) {
    dispatch!(level, simd => interleave_in(simd, rows, out));
}

#[inline(always)]
fn interleave_in<S: Simd>(_: S, [a, b, c]: [&[u8]; 3], out: &mut [u8]) {
    for (out, ((a, b), c)) in out.as_chunks_mut().0.iter_mut().zip(a.iter().zip(b).zip(c)) {
        *out = [*a, *b, *c];
    }
}

/// Writes a row of one channel as floats, little-endian.
pub(super) fn floats(level: Level, pixels: &[u8], terms: &Terms, out: &mut [u8]) {
    dispatch!(level, simd => floats_in(simd, pixels, terms, out));
}

#[inline(always)]
fn floats_in<S: Simd>(_: S, pixels: &[u8], terms: &Terms, out: &mut [u8]) {
    for (out, pixel) in out.as_chunks_mut().0.iter_mut().zip(pixels) {
        *out = terms.value(*pixel).to_le_bytes();
    }
}

/// Writes three rows as pixels of three floats, little-endian.
pub(super) fn interleaved_floats(level: Level, rows: [&[u8]; 3], terms: &[Terms; 3], out: &mut [u8]) {
    dispatch!(level, simd => interleaved_floats_in(simd, rows, terms, out));
}

#[inline(always)]
fn interleaved_floats_in<S: Simd>(_: S, [a, b, c]: [&[u8]; 3], terms: &[Terms; 3], out: &mut [u8]) {
    let pixels = out.as_chunks_mut::<4>().0.as_chunks_mut().0;
    for (out, ((a, b), c)) in pixels.iter_mut().zip(a.iter().zip(b).zip(c)) {
        *out = [terms[0].value(*a), terms[1].value(*b), terms[2].value(*c)].map(f32::to_le_bytes);
    }
}
