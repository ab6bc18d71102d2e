//! How to make a model's input of a picture.

use std::sync::Arc;

use super::describe::Config;
use super::parameters::{Parameters, SIDES};
use super::{ContractError, Task, TensorSpec};
use crate::DataType;

/// How to make a tensor of a picture.
///
/// A channel of a pixel, 0..255, becomes `(value * scale - mean) / std`, in [`Self::color`]'s order.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageInput {
    /// The tensor's name.
    pub name: Arc<str>,
    /// `Fp32`, or `Uint8` (where scale, mean and std are 1, 0 and 1).
    pub datatype: DataType,
    /// Where the channels stand.
    pub layout: Layout,
    /// Columns, in pixels.
    pub width: u32,
    /// Rows, in pixels.
    pub height: u32,
    /// The order of the channels.
    pub color: Color,
    /// Factor of the pixel's value.
    pub scale: f32,
    /// Subtracted after that, for R, G and B (whatever `color` is).
    pub mean: [f32; 3],
    /// Divisor after that, for R, G and B (whatever `color` is); none is 0.
    pub std: [f32; 3],
    /// The pixel value, in all channels, of what a letterbox leaves free.
    pub pad: u8,
    /// How the picture comes to the tensor's size.
    pub fit: Fit,
    /// The most pictures of one request; `None`: exactly one, and the shape has no batch dimension.
    pub batch: Option<u32>,
}

/// Where the channels of an image tensor stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// A plane for each channel.
    Nchw,
    /// Channels next to each other.
    Nhwc,
}

/// The order of the channels of an image tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names say it
pub enum Color {
    Rgb,
    Bgr,
}

/// How a picture comes to a tensor's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fit {
    /// Proportions kept, centred, the rest filled with [`ImageInput::pad`].
    Letterbox,
    /// Both sides scaled on their own.
    Stretch,
}

impl ImageInput {
    /// The most pictures that one request carries.
    pub fn max_batch(&self) -> u32 {
        self.batch.unwrap_or(1)
    }

    /// The tensor's shape for `pictures` of them (1 to [`Self::max_batch`]).
    pub fn shape(&self, pictures: u32) -> Vec<i64> {
        let (width, height) = (i64::from(self.width), i64::from(self.height));
        let picture = match self.layout {
            Layout::Nchw => [3, height, width],
            Layout::Nhwc => [height, width, 3],
        };
        self.batch
            .map(|_| i64::from(pictures))
            .into_iter()
            .chain(picture)
            .collect()
    }

    /// The tensor's size in bytes for `pictures` of them.
    pub fn byte_size(&self, pictures: u32) -> usize {
        let element = self.datatype.size().unwrap_or(1);
        pictures as usize * self.width as usize * self.height as usize * 3 * element
    }

    /// Reads it from a model's inputs and parameters.
    pub(super) fn find(
        parameters: &Parameters,
        config: &Config,
        inputs: &[TensorSpec],
        task: &Task,
    ) -> Result<Self, ContractError> {
        let (tensor, shape) = image_tensor(parameters, config, inputs)?;
        let (width, height) = size(parameters, tensor, &shape)?;
        let values = Values::find(parameters, tensor)?;
        let usual = if matches!(task, Task::Vest { .. }) {
            Fit::Stretch
        } else {
            Fit::Letterbox
        };
        let fits = [("letterbox", Fit::Letterbox), ("stretch", Fit::Stretch)];
        Ok(Self {
            name: Arc::clone(&tensor.name),
            datatype: tensor.datatype,
            layout: shape.layout,
            width,
            height,
            color: parameters
                .choice("shopfloor.input.color", &[("rgb", Color::Rgb), ("bgr", Color::Bgr)])?
                .unwrap_or(Color::Rgb),
            scale: values.scale,
            mean: values.mean,
            std: values.std,
            pad: parameters.byte("shopfloor.input.pad")?.unwrap_or(YOLO_PAD),
            fit: parameters.choice("shopfloor.input.fit", &fits)?.unwrap_or(usual),
            batch: shape.batch.map(|rows| batch(config, rows)),
        })
    }
}

/// The grey that YOLO networks are trained with.
const YOLO_PAD: u8 = 114;

/// An image tensor's shape, dimension by dimension; -1 for what varies.
struct Shape {
    layout: Layout,
    batch: Option<i64>,
    width: i64,
    height: i64,
}

impl Shape {
    /// Three channels and two sides, perhaps after a batch dimension; none of them empty or beyond all measure.
    fn parse(shape: &[i64], format: &str) -> Option<Self> {
        let (batch, picture) = match *shape {
            [a, b, c] => (None, [a, b, c]),
            [n, a, b, c] => (Some(n), [a, b, c]),
            _ => return None,
        };
        let side = |side: i64| side == -1 || u32::try_from(side).is_ok_and(|pixels| SIDES.contains(&pixels));
        if !picture.into_iter().all(side) || batch.is_some_and(|rows| rows == 0 || rows < -1) {
            return None;
        }
        match (picture, format) {
            ([3, height, width], "FORMAT_NCHW" | "FORMAT_NONE" | "") => Some(Self {
                layout: Layout::Nchw,
                batch,
                width,
                height,
            }),
            ([height, width, 3], "FORMAT_NHWC" | "FORMAT_NONE" | "") => Some(Self {
                layout: Layout::Nhwc,
                batch,
                width,
                height,
            }),
            _ => None,
        }
    }
}

/// How many pictures one request may carry, by the model's limit and the first dimension of its input.
fn batch(config: &Config, rows: i64) -> u32 {
    match config.max_batch_size() {
        0 => u32::try_from(rows).unwrap_or(u32::MAX), // -1: the network takes any number
        limit => limit,
    }
}

fn image_tensor<'a>(
    parameters: &Parameters,
    config: &Config,
    inputs: &'a [TensorSpec],
) -> Result<(&'a TensorSpec, Shape), ContractError> {
    let expected = "one input that is a picture: UINT8 or FP32, [3,H,W] or [H,W,3] of up to 16384 pixels \
                    a side, perhaps after a batch dimension";
    let remedy = "use a model that takes one picture, or set the input's dims and format in config.pbtxt";
    let [tensor] = inputs else {
        let found = inputs
            .iter()
            .map(|input| format!("'{}' {}", input.name, input.describe()))
            .collect::<Vec<_>>();
        return Err(ContractError::new(parameters.model(), expected, found.join(" and ")).remedy(remedy));
    };
    let shape = Shape::parse(&tensor.shape, config.format(&tensor.name));
    shape
        .filter(|_| matches!(tensor.datatype, DataType::Fp32 | DataType::Uint8))
        .map(|shape| (tensor, shape))
        .ok_or_else(|| {
            ContractError::new(parameters.model(), expected, tensor.describe())
                .tensor(&tensor.name)
                .remedy(remedy)
        })
}

/// Width and height, from the tensor's dims where they are fixed, else from the key.
fn size(parameters: &Parameters, tensor: &TensorSpec, shape: &Shape) -> Result<(u32, u32), ContractError> {
    const KEY: &str = "shopfloor.input.size";
    let fixed = |side: i64| u32::try_from(side).ok().filter(|pixels| *pixels > 0);
    let found = match (fixed(shape.width), fixed(shape.height), parameters.size(KEY)?) {
        (Some(width), Some(height), None) => return Ok((width, height)),
        (width, height, Some(size)) if width.unwrap_or(size.0) == size.0 && height.unwrap_or(size.1) == size.1 => {
            return Ok(size);
        }
        (_, _, Some((width, height))) => format!("{width}x{height}"),
        (_, _, None) => "nothing".to_owned(),
    };
    let expected = format!("WIDTHxHEIGHT that suits the tensor's dims {:?}", tensor.shape);
    Err(ContractError::new(parameters.model(), expected, found)
        .tensor(&tensor.name)
        .key(KEY)
        .remedy("set the key in config.pbtxt to the size that the model is to see, such as 640x480"))
}

/// What becomes of a pixel's value.
struct Values {
    scale: f32,
    mean: [f32; 3],
    std: [f32; 3],
}

impl Values {
    fn find(parameters: &Parameters, tensor: &TensorSpec) -> Result<Self, ContractError> {
        let scale = parameters.number("shopfloor.input.scale")?;
        let mean = parameters.channels("shopfloor.input.mean")?;
        let std = parameters.channels("shopfloor.input.std")?;
        let usual_scale = if tensor.datatype == DataType::Uint8 {
            1.0
        } else {
            1.0 / 255.0
        };
        let values = Self {
            scale: scale.unwrap_or(usual_scale),
            mean: mean.unwrap_or([0.0; 3]),
            std: std.unwrap_or([1.0; 3]),
        };
        if values.scale == 0.0 {
            return Err(parameters.wrong("shopfloor.input.scale", "a number other than 0", 0));
        }
        if values.std.contains(&0.0) {
            return Err(parameters.wrong(
                "shopfloor.input.std",
                "numbers other than 0",
                format!("{:?}", values.std),
            ));
        }
        let plain = values.scale == 1.0 && values.mean == [0.0; 3] && values.std == [1.0; 3];
        if tensor.datatype == DataType::Uint8 && !plain {
            return Err(parameters
                .wrong(
                    "shopfloor.input.scale",
                    "no scale, mean or std for an input of type UINT8",
                    "one of them",
                )
                .tensor(&tensor.name)
                .remedy("remove the keys from config.pbtxt, or export the model with an FP32 input"));
        }
        Ok(values)
    }
}
