//! Views of frames and the meaning of their bytes.

use crate::frames::Frame;
use vision::image::{ColorMatrix, ColorRange, Colorimetry, Image, ImageError, ImageMut, PixelFormat, Plane, PlaneMut};

const COLORIMETRIES: [Colorimetry; 6] = {
    const fn both(matrix: ColorMatrix) -> [Colorimetry; 2] {
        [
            Colorimetry {
                matrix,
                range: ColorRange::Limited,
            },
            Colorimetry {
                matrix,
                range: ColorRange::Full,
            },
        ]
    }
    let ([a, b], [c, d], [e, f]) = (
        both(ColorMatrix::Bt601),
        both(ColorMatrix::Bt709),
        both(ColorMatrix::Bt2020),
    );
    [a, b, c, d, e, f]
};

#[test]
fn format_names_are_those_of_gstreamer() {
    let names = "I420 NV12 YV12 NV21 RGB BGR RGBx BGRx xRGB xBGR RGBA BGRA ARGB ABGR GRAY8";
    assert_eq!(PixelFormat::ALL.map(PixelFormat::name).join(" "), names);
    for format in PixelFormat::ALL {
        assert_eq!(PixelFormat::from_name(format.name()), Some(format));
    }
    assert_eq!(PixelFormat::from_name("Y444"), None);
}

#[test]
fn the_name_of_an_rgb_format_is_its_byte_order() {
    for format in PixelFormat::ALL {
        let name = format.name().to_ascii_uppercase();
        let letters = ['R', 'G', 'B'].map(|c| name.find(c));
        match (format, letters) {
            (PixelFormat::Gray8, _) => assert_eq!(format.rgb_offsets(), None),
            (_, [Some(r), Some(g), Some(b)]) => {
                assert_eq!(format.rgb_offsets(), Some([r, g, b]));
                assert_eq!(format.pixel_stride(0), name.len());
            }
            _ => assert_eq!(format.rgb_offsets(), None),
        }
        let yuv = format.planes() > 1;
        assert_eq!(format.uv_places().is_some(), yuv, "{name}");
    }
}

#[test]
fn chroma_places_are_those_of_gstreamer() {
    let table = [
        (PixelFormat::I420, [(1, 0), (2, 0)]),
        (PixelFormat::Yv12, [(2, 0), (1, 0)]),
        (PixelFormat::Nv12, [(1, 0), (1, 1)]),
        (PixelFormat::Nv21, [(1, 1), (1, 0)]),
    ];
    for (format, uv) in table {
        assert_eq!(format.uv_places(), Some(uv), "{format:?}");
    }
}

#[test]
fn chroma_of_odd_frames_is_rounded_up() {
    assert_eq!(PixelFormat::I420.plane_size(0, 7, 5), (7, 5));
    assert_eq!(PixelFormat::I420.plane_size(2, 7, 5), (4, 3));
    assert_eq!(PixelFormat::Nv12.plane_size(1, 1, 1), (1, 1));
    let frame = Frame::noise(PixelFormat::Nv12, 7, 5, 3, 1);
    assert_eq!(frame.image().row(1, 2), &frame.planes[1][2 * 11..][..8]);
}

#[test]
fn planes_must_hold_their_rows() {
    let bytes = [0; 64];
    let plane = |len: usize, stride| Plane {
        data: &bytes[..len],
        stride,
    };
    let view = |format, planes: &[Plane<'_>]| {
        Image::new(format, 5, 3, planes.iter().copied(), Colorimetry::default()).map(|image| image.format())
    };
    // 5×3: Y 5 bytes × 3 rows, chroma 3×2; the last row needs no padding
    let (y, u) = (plane(21, 8), plane(7, 4));
    assert_eq!(view(PixelFormat::I420, &[y, u, u]), Ok(PixelFormat::I420));
    let got = |format, planes: &[Plane<'_>]| view(format, planes).unwrap_err().to_string();
    assert_eq!(
        got(PixelFormat::I420, &[plane(20, 8), u, u]),
        "plane 0 of a 5×3 I420 frame with stride 8 needs 21 bytes, got 20"
    );
    assert_eq!(
        got(PixelFormat::Nv12, &[y, plane(64, 5)]),
        "plane 1 of a NV12 frame 5 pixels wide needs a stride of at least 6 bytes, got 5"
    );
    assert_eq!(got(PixelFormat::I420, &[y]), "a frame in I420 has 3 plane(s), got 1");
    let empty = Image::new(PixelFormat::Rgb, 0, 3, [plane(64, 3)], Colorimetry::default());
    assert_eq!(empty.err(), Some(ImageError::Empty { width: 0, height: 3 }));
    let huge = Image::new(PixelFormat::Rgb, 1, usize::MAX, [plane(64, 3)], Colorimetry::default());
    assert!(matches!(huge, Err(ImageError::Plane { .. })));
}

#[test]
fn a_writable_view_has_the_same_rows_and_checks() {
    let mut bytes = [0; 2 * 8 + 5];
    let plane = PlaneMut {
        data: &mut bytes,
        stride: 8,
    };
    let mut image = ImageMut::new(PixelFormat::Gray8, 5, 3, [plane], Colorimetry::default()).unwrap();
    assert_eq!((image.width(), image.height(), image.planes()), (5, 3, 1));
    image.row_mut(0, 2).fill(7);
    assert_eq!((bytes[15], &bytes[16..]), (0, &[7; 5][..]));

    let short = PlaneMut {
        data: &mut bytes[1..],
        stride: 8,
    };
    let got = ImageMut::new(PixelFormat::Gray8, 5, 3, [short], Colorimetry::default());
    assert!(matches!(
        got,
        Err(ImageError::Plane {
            expected: 21,
            got: 20,
            ..
        })
    ));
}

#[test]
fn primaries_have_their_standard_codes() {
    // 8-bit codes of 100 % colours: BT.601 and BT.709, limited; JPEG (JFIF), full
    let bt709 = Colorimetry {
        matrix: ColorMatrix::Bt709,
        range: ColorRange::Limited,
    };
    let jpeg = Colorimetry {
        matrix: ColorMatrix::Bt601,
        range: ColorRange::Full,
    };
    let table = [
        (Colorimetry::default(), [255, 255, 255], [235, 128, 128]),
        (Colorimetry::default(), [0, 0, 0], [16, 128, 128]),
        (Colorimetry::default(), [255, 0, 0], [81, 90, 240]),
        (Colorimetry::default(), [0, 255, 0], [145, 54, 34]),
        (Colorimetry::default(), [0, 0, 255], [41, 240, 110]),
        (bt709, [255, 0, 0], [63, 102, 240]),
        (bt709, [0, 255, 0], [173, 42, 26]),
        (bt709, [0, 0, 255], [32, 240, 118]),
        (jpeg, [255, 0, 0], [76, 85, 255]),
        (jpeg, [0, 255, 0], [150, 44, 21]),
        (jpeg, [255, 255, 255], [255, 128, 128]),
    ];
    for (colorimetry, rgb, yuv) in table {
        assert_eq!(colorimetry.yuv_from_rgb(rgb), yuv, "{colorimetry:?} {rgb:?}");
    }
}

#[test]
fn rgb_from_yuv_is_the_inverse_of_the_definition() {
    let codes = || (0..=255u8).step_by(5);
    for colorimetry in COLORIMETRIES {
        let (kr, kb) = colorimetry.matrix.kr_kb();
        let fixed = colorimetry.rgb_from_yuv();
        let (black, luma, chroma) = match colorimetry.range {
            ColorRange::Limited => (16.0, 219.0, 224.0),
            ColorRange::Full => (0.0, 255.0, 255.0),
        };
        for (y, u, v) in codes().flat_map(|y| codes().flat_map(move |u| codes().map(move |v| (y, u, v)))) {
            let luminance = (f64::from(y) - black) / luma;
            let r = luminance + 2.0 * (1.0 - kr) * (f64::from(v) - 128.0) / chroma;
            let b = luminance + 2.0 * (1.0 - kb) * (f64::from(u) - 128.0) / chroma;
            let g = (luminance - kr * r - kb * b) / (1.0 - kr - kb);
            for (got, want) in fixed.convert(y, u, v).into_iter().zip([r, g, b]) {
                let want = (want * 255.0).clamp(0.0, 255.0);
                assert!(
                    (f64::from(got) - want).abs() < 0.53,
                    "{colorimetry:?} {y} {u} {v}: {got} {want}"
                );
            }
        }
    }
}

#[test]
fn colours_survive_conversion_to_yuv_and_back() {
    for colorimetry in COLORIMETRIES {
        let fixed = colorimetry.rgb_from_yuv();
        for rgb in [
            [0, 0, 0],
            [255, 255, 255],
            [255, 128, 0],
            [0, 160, 255],
            [200, 30, 90],
            [17, 18, 19],
        ] {
            let [y, u, v] = colorimetry.yuv_from_rgb(rgb);
            for (got, want) in fixed.convert(y, u, v).into_iter().zip(rgb) {
                assert!(got.abs_diff(want) <= 2, "{colorimetry:?} {rgb:?}: {got} {want}");
            }
        }
    }
}
