//! One GstMeta implementation for any Rust value: registration, life cycle and transforms. All of the crate's `unsafe` is
//! here.

use std::mem::ManuallyDrop;
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::sync::OnceLock;

use glib::translate::{IntoGlib, from_glib};

/// A value that a meta can carry.
pub trait Payload: Clone + Default + Send + Sync + 'static {
    /// GType name of the meta's API, which is registered once per process.
    const API: &'static std::ffi::CStr;
    /// Name of the implementation.
    const IMPLEMENTATION: &'static std::ffi::CStr;

    /// The static that holds this type's registration.
    fn registration() -> &'static OnceLock<Registration>;

    /// The value for a frame whose pixels are at `(x * sx, y * sy)`.
    fn rescaled(&self, sx: f32, sy: f32) -> Self;

    /// Called after the pixels of `source` were converted into `dest`, when the metas that stand before this one in
    /// `source` have been transformed; `followed`: whether the value's coordinates can be computed for `dest`.
    fn converted(_source: &gst::BufferRef, _dest: &mut gst::BufferRef, _followed: bool) {}
}

/// What GStreamer returned for a registered meta.
#[derive(Debug)]
pub struct Registration {
    api: glib::Type,
    info: ptr::NonNull<gst::ffi::GstMetaInfo>,
}

// SAFETY: GstMetaInfo is immutable after registration and lives as long as the process.
unsafe impl Send for Registration {}
// SAFETY: as above.
unsafe impl Sync for Registration {}

/// The C layout of the meta; GStreamer allocates it and [`init`] fills it.
#[repr(C)]
pub struct Carrier<T> {
    parent: gst::ffi::GstMeta,
    value: ManuallyDrop<T>,
}

/// A GstMeta holding a `T`.
#[repr(transparent)]
pub struct Meta<T>(Carrier<T>);

// SAFETY: the payload is Send + Sync and GstMeta is plain data owned by its buffer.
unsafe impl<T: Payload> Send for Meta<T> {}
// SAFETY: as above.
unsafe impl<T: Payload> Sync for Meta<T> {}

impl<T: Payload> Meta<T> {
    /// Adds a meta with `value` to the buffer, after all that it has.
    pub(crate) fn add(buffer: &mut gst::BufferRef, value: T) {
        let info = registered::<T>().info;
        // SAFETY: the buffer is writable (&mut) and the info is registered; `init` has made the payload valid.
        unsafe {
            let meta = gst::ffi::gst_buffer_add_meta(buffer.as_mut_ptr(), info.as_ptr(), ptr::null_mut());
            *(*meta.cast::<Carrier<T>>()).value = value;
        }
    }

    /// The carried value.
    pub fn value(&self) -> &T {
        &self.0.value
    }

    /// The carried value, mutable.
    pub fn value_mut(&mut self) -> &mut T {
        &mut self.0.value
    }
}

// SAFETY: `Carrier<T>` starts with a GstMeta and `meta_api` is the API it was registered with.
unsafe impl<T: Payload> gst::MetaAPI for Meta<T> {
    type GstType = Carrier<T>;

    fn meta_api() -> glib::Type {
        registered::<T>().api
    }
}

fn registered<T: Payload>() -> &'static Registration {
    T::registration().get_or_init(|| {
        // With these tags converters and scalers call our transform instead of copying the meta as it is, and elements
        // that crop or flip drop it.
        let tags = [
            c"video".as_ptr(),
            c"size".as_ptr(),
            c"orientation".as_ptr(),
            ptr::null(),
        ];
        // SAFETY: all strings are static and the tags are null-terminated; the callbacks match `Carrier<T>`.
        unsafe {
            let api = gst::ffi::gst_meta_api_type_register(T::API.as_ptr(), tags.as_ptr().cast_mut());
            let info = gst::ffi::gst_meta_register(
                api,
                T::IMPLEMENTATION.as_ptr(),
                size_of::<Carrier<T>>(),
                Some(init::<T>),
                Some(free::<T>),
                Some(transform::<T>),
            );
            Registration {
                api: from_glib(api),
                info: ptr::NonNull::new(info.cast_mut()).expect("a meta's name is registered once per process"),
            }
        }
    })
}

unsafe extern "C" fn init<T: Payload>(
    meta: *mut gst::ffi::GstMeta,
    _params: glib::ffi::gpointer,
    _buffer: *mut gst::ffi::GstBuffer,
) -> glib::ffi::gboolean {
    // SAFETY: GStreamer passes uninitialised memory of the size we registered.
    unsafe {
        ptr::write(
            &raw mut (*meta.cast::<Carrier<T>>()).value,
            ManuallyDrop::new(T::default()),
        )
    };
    glib::ffi::GTRUE
}

unsafe extern "C" fn free<T: Payload>(meta: *mut gst::ffi::GstMeta, _buffer: *mut gst::ffi::GstBuffer) {
    // SAFETY: the payload was initialised by `init` and GStreamer frees a meta once.
    unsafe { ManuallyDrop::drop(&mut (*meta.cast::<Carrier<T>>()).value) }
}

unsafe extern "C" fn transform<T: Payload>(
    dest: *mut gst::ffi::GstBuffer,
    meta: *mut gst::ffi::GstMeta,
    source: *mut gst::ffi::GstBuffer,
    kind: glib::ffi::GQuark,
    data: glib::ffi::gpointer,
) -> glib::ffi::gboolean {
    // SAFETY: GStreamer calls with our own meta, a writable destination that is not the source, and the data that
    // belongs to `kind`.
    let (value, source, dest, scale) = unsafe {
        (
            &*(*meta.cast::<Carrier<T>>()).value,
            gst::BufferRef::from_ptr(source),
            gst::BufferRef::from_mut_ptr(dest),
            scale_of(kind, data),
        )
    };
    // A panic must not unwind into C, which would abort the process: the meta is dropped instead. It is added last, so
    // it is not on `dest` if anything before panics.
    let followed = panic::catch_unwind(AssertUnwindSafe(|| follow::<T>(value, source, dest, kind, scale)));
    followed
        .unwrap_or_else(|_| {
            gst::error!(
                gst::CAT_RUST,
                "{:?} is dropped: its transform panicked",
                T::IMPLEMENTATION
            );
            false
        })
        .into_glib()
}

/// Carries `value` over to `dest`, if its coordinates can be computed there, and returns whether they can.
fn follow<T: Payload>(
    value: &T,
    source: &gst::BufferRef,
    dest: &mut gst::BufferRef,
    kind: glib::ffi::GQuark,
    scale: Option<(f32, f32)>,
) -> bool {
    let value = scale.map(|(sx, sy)| {
        if (sx, sy) == (1.0, 1.0) {
            value.clone()
        } else {
            value.rescaled(sx, sy)
        }
    });
    let followed = value.is_some();
    if kind != copy_quark() {
        T::converted(source, dest, followed);
    }
    if let Some(value) = value {
        Meta::add(dest, value);
    }
    followed
}

/// How a transform moves pixels: factors for x and y, or `None` if the transform is not a plain scaling.
///
/// # Safety
/// `data` must be what GStreamer passes with `kind`.
unsafe fn scale_of(kind: glib::ffi::GQuark, data: glib::ffi::gpointer) -> Option<(f32, f32)> {
    // SAFETY: the quark determines which struct `data` points to.
    unsafe {
        if kind == gst_video::ffi::gst_video_meta_transform_scale_get_quark() {
            let transform = &*data.cast::<gst_video::ffi::GstVideoMetaTransform>();
            return scale_between(&Display::of(&*transform.in_info), &Display::of(&*transform.out_info));
        }
        if kind == copy_quark() {
            let copy = &*data.cast::<gst::ffi::GstMetaTransformCopy>();
            return (copy.region == glib::ffi::GFALSE).then_some((1.0, 1.0));
        }
        None
    }
}

/// The quark of GST_META_TRANSFORM_COPY, whose name in GStreamer is `gst-copy`.
fn copy_quark() -> glib::ffi::GQuark {
    static QUARK: OnceLock<glib::Quark> = OnceLock::new();
    QUARK.get_or_init(|| glib::Quark::from_str("gst-copy")).into_glib()
}

/// A frame's size in pixels and the shape of one pixel.
#[derive(Clone, Copy, Debug)]
struct Display {
    width: i32,
    height: i32,
    par: (i32, i32),
}

impl Display {
    fn of(info: &gst_video::ffi::GstVideoInfo) -> Self {
        Self {
            width: info.width,
            height: info.height,
            par: (info.par_n, info.par_d),
        }
    }
}

/// The factors of a scaling that keeps the display aspect; `None` if the aspect changes, because the scaler then adds
/// borders of unknown size. Differences of up to a pixel result from rounding and are accepted.
fn scale_between(from: &Display, to: &Display) -> Option<(f32, f32)> {
    let aspect = |d: &Display| f64::from(d.width) * f64::from(d.par.0) / (f64::from(d.height) * f64::from(d.par.1));
    let (a, b) = (aspect(from), aspect(to));
    if !(a.is_finite() && b.is_finite() && a > 0.0 && b > 0.0) {
        return None;
    }
    let border = (f64::from(to.width) * (1.0 - a / b))
        .abs()
        .min((f64::from(to.height) * (1.0 - b / a)).abs());
    (border <= 1.0).then_some((
        to.width as f32 / from.width as f32,
        to.height as f32 / from.height as f32,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A payload that panics in the function of its name.
    #[derive(Clone, Copy, Default, PartialEq)]
    enum Fragile {
        #[default]
        Nowhere,
        Rescaled,
        Converted,
    }

    impl Payload for Fragile {
        const API: &'static std::ffi::CStr = c"ShopfloorFragileMetaAPI";
        const IMPLEMENTATION: &'static std::ffi::CStr = c"ShopfloorFragileMeta";

        fn registration() -> &'static OnceLock<Registration> {
            static REGISTRATION: OnceLock<Registration> = OnceLock::new();
            &REGISTRATION
        }

        fn rescaled(&self, _sx: f32, _sy: f32) -> Self {
            assert!(*self != Self::Rescaled, "rescaled");
            *self
        }

        fn converted(source: &gst::BufferRef, _dest: &mut gst::BufferRef, _followed: bool) {
            let fragile = source.meta::<Meta<Self>>().expect("the meta being transformed");
            assert!(*fragile.value() != Self::Converted, "converted");
        }
    }

    #[test]
    fn a_panic_in_a_transform_drops_the_meta() {
        gst::init().unwrap();
        let info = |width, height| gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, width, height).build();
        let (from, to) = (info(64, 48).unwrap(), info(128, 96).unwrap());
        for (fragile, survives) in [
            (Fragile::Nowhere, true),
            (Fragile::Rescaled, false),
            (Fragile::Converted, false),
        ] {
            let (mut source, mut dest) = (gst::Buffer::new(), gst::Buffer::new());
            Meta::add(source.make_mut(), fragile);
            let meta = source.meta::<Meta<Fragile>>().unwrap();
            let scaling = gst_video::video_meta::VideoMetaTransformScale::new(&from, &to);
            assert_eq!(meta.transform(dest.make_mut(), &scaling).is_ok(), survives);
            assert_eq!(dest.meta::<Meta<Fragile>>().is_some(), survives);
        }
    }

    #[test]
    fn scaling_factors_are_known_unless_a_scaler_adds_borders() {
        let d = |width, height, par| Display { width, height, par };
        for (from, to, expected) in [
            (d(768, 576, (1, 1)), d(768, 576, (1, 1)), Some((1.0, 1.0))),
            (d(768, 576, (1, 1)), d(384, 288, (1, 1)), Some((0.5, 0.5))),
            // the pixels change their shape, the image does not
            (d(768, 576, (1, 1)), d(384, 576, (2, 1)), Some((0.5, 1.0))),
            // 16:9 rounded to whole pixels
            (
                d(1920, 1080, (1, 1)),
                d(854, 480, (1, 1)),
                Some((854.0 / 1920.0, 480.0 / 1080.0)),
            ),
            // borders left and right, borders above and below
            (d(768, 576, (1, 1)), d(1280, 720, (1, 1)), None),
            (d(1280, 720, (1, 1)), d(640, 480, (1, 1)), None),
            (d(0, 0, (1, 1)), d(640, 480, (1, 1)), None),
        ] {
            assert_eq!(scale_between(&from, &to), expected, "{from:?} -> {to:?}");
        }
    }
}
