//! Anti-aliased drawing directly on raw video planes, and the [`Painter`] that draws a [`people::Scene`].
//!
//! Nothing is converted: shapes become coverage in a [`Mask`], which a [`Canvas`] blends into luma at full and into
//! chroma at half resolution, or into the bytes of an RGB format, of a mapped frame, the [`Surface`].
//! Coordinates are pixels of the frame, x to the right, y down, (0, 0) the top left corner of the top left pixel.
//! Drawing never panics, for any coordinates, and its work is bounded by the size of the frame.
//!
//! ```
//! use draw::{Canvas, Color, Mask, PlaneMut, Surface, stroke};
//! use vision::Point;
//! use vision::image::{Colorimetry, PixelFormat};
//!
//! let mut bytes = vec![0; 64 * 48];
//! let plane = PlaneMut { data: &mut bytes, stride: 64 };
//! let mut surface = Surface::new(PixelFormat::Gray8, 64, 48, [plane], Colorimetry::default())?;
//! let mut mask = Mask::default();
//! let mut canvas = Canvas::new(&mut surface, &mut mask);
//! stroke::line(canvas.mask, Point::new(8.0, 8.0), Point::new(56.0, 40.0), 3.0);
//! stroke::disc(canvas.mask, Point::new(32.0, 24.0), 6.0);
//! canvas.fill(Color::WHITE, 1.0);
//! assert_eq!(bytes[24 * 64 + 32], 235); // white, in limited range
//! # Ok::<_, vision::image::ImageError>(())
//! ```
#![forbid(unsafe_code)]

mod canvas;
mod cell;
pub mod color;
mod coverage;
mod ink;
mod mask;
mod obscure;
mod painter;
pub mod polygon;
mod sample;
pub mod stroke;
mod text;

pub use canvas::Canvas;
pub use color::Color;
pub use mask::Mask;
pub use painter::{COASTING, LONGEST_COASTING, Painter, Redaction, Style};
pub use text::{Face, FontBytes, Fonts, NoFonts, Shaped, Typeface, draws, shape};
pub use vision::image::{ImageMut as Surface, PlaneMut};
