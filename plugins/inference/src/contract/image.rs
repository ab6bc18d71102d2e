//! The image input of a model.

use std::sync::Arc;

use triton::{DataType, ModelDescription, TensorSpec};
use vision::Rect;
use vision::decode::InputSize;
use vision::letterbox::{ChannelOrder, Element, Fit, Layout, TensorFormat};

use super::parameters::{Parameters, SIDES};
use super::{ContractError, Task};

/// A model's image input: the tensor's name and the conversion of pixels to its elements.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageInput {
    /// The tensor's name.
    pub name: Arc<str>,
    /// The format of one image in the tensor.
    pub format: TensorFormat,
    /// Maximum number of images in a request; `None`: the shape has no batch dimension, and a request has one image.
    pub batch: Option<u32>,
    /// Room around each region, as a share of its longer side.
    pub margin: f32,
}

impl ImageInput {
    /// Maximum number of images in a request.
    pub fn max_batch(&self) -> u32 {
        self.batch.unwrap_or(1)
    }

    /// The data type of the tensor's elements.
    pub fn datatype(&self) -> DataType {
        match self.format.element {
            Element::U8 => DataType::Uint8,
            Element::F16 => DataType::Fp16,
            Element::F32 => DataType::Fp32,
        }
    }

    /// The tensor's shape for a number of images from 1 to [`Self::max_batch`].
    pub fn shape(&self, images: u32) -> Vec<i64> {
        let (width, height) = (self.format.width as i64, self.format.height as i64);
        let image = match self.format.layout {
            Layout::Nchw => [3, height, width],
            Layout::Nhwc => [height, width, 3],
        };
        self.batch.map(|_| i64::from(images)).into_iter().chain(image).collect()
    }

    /// The tensor's size in bytes for a number of images.
    pub fn byte_size(&self, images: u32) -> usize {
        images as usize * self.format.bytes()
    }

    /// What the model sees of `region`: the region with its margin, in the same pixels.
    pub fn seen(&self, region: Rect) -> Rect {
        region.grown(self.margin * region.width().max(region.height()))
    }

    /// Reads the image input from a model's description and parameters.
    pub(super) fn find(
        parameters: &Parameters,
        description: &ModelDescription,
        task: &Task,
    ) -> Result<Self, ContractError> {
        let (tensor, shape, element) = image_tensor(parameters, description)?;
        let (width, height) = size(parameters, tensor, &shape)?;
        let mut values = Values::find(parameters, tensor)?;
        let usual = if matches!(task, Task::Vest { .. }) {
            Fit::Stretch
        } else {
            Fit::Letterbox
        };
        let fits = [("letterbox", Fit::Letterbox), ("stretch", Fit::Stretch)];
        let orders = [("rgb", ChannelOrder::Rgb), ("bgr", ChannelOrder::Bgr)];
        let order = parameters
            .choice("shopfloor.input.color", &orders)?
            .unwrap_or(ChannelOrder::Rgb);
        if order == ChannelOrder::Bgr {
            // the keys are in the order R, G, B, the format in that of the tensor
            values.mean.reverse();
            values.std.reverse();
        }
        Ok(Self {
            name: Arc::clone(&tensor.name),
            format: TensorFormat {
                width: width as usize,
                height: height as usize,
                layout: shape.layout,
                element,
                order,
                scale: values.scale,
                mean: values.mean,
                std: values.std,
                pad: parameters.byte("shopfloor.input.pad")?.unwrap_or(YOLO_PAD),
                fit: parameters.choice("shopfloor.input.fit", &fits)?.unwrap_or(usual),
            },
            batch: shape.batch.map(|first| batch(description, first)),
            margin: margin(parameters)?,
        })
    }
}

/// Width and height of the image in pixels; `None` if the model has no image of a known size.
pub(super) fn input_size(parameters: &Parameters, description: &ModelDescription) -> Option<InputSize> {
    let (tensor, shape, _) = image_tensor(parameters, description).ok()?;
    let (width, height) = size(parameters, tensor, &shape).ok()?;
    Some((width as usize, height as usize))
}

/// The grey of the padding in the training of YOLO models: 114, as in `letterbox` of ultralytics and YOLOv7.
const YOLO_PAD: u8 = 114;

/// An image tensor's dimensions; -1 for variable ones.
struct Shape {
    layout: Layout,
    batch: Option<i64>,
    width: i64,
    height: i64,
}

impl Shape {
    /// Parses three channels and two sides within [`SIDES`], optionally after a batch dimension.
    fn parse(shape: &[i64], format: triton::TensorFormat) -> Option<Self> {
        let (batch, image) = match *shape {
            [a, b, c] => (None, [a, b, c]),
            [n, a, b, c] => (Some(n), [a, b, c]),
            _ => return None,
        };
        let side = |side: i64| side == -1 || u32::try_from(side).is_ok_and(|pixels| SIDES.contains(&pixels));
        if !image.into_iter().all(side) || batch.is_some_and(|first| first == 0 || first < -1) {
            return None;
        }
        match (image, format) {
            ([3, height, width], triton::TensorFormat::Nchw | triton::TensorFormat::None) => Some(Self {
                layout: Layout::Nchw,
                batch,
                width,
                height,
            }),
            ([height, width, 3], triton::TensorFormat::Nhwc | triton::TensorFormat::None) => Some(Self {
                layout: Layout::Nhwc,
                batch,
                width,
                height,
            }),
            _ => None,
        }
    }
}

/// Maximum number of images in a request, from the model's limit and the first dimension of its input.
fn batch(description: &ModelDescription, first: i64) -> u32 {
    match description.max_batch_size {
        0 => u32::try_from(first).unwrap_or(u32::MAX), // -1: any number
        limit => limit,
    }
}

fn image_tensor<'a>(
    parameters: &Parameters,
    description: &'a ModelDescription,
) -> Result<(&'a TensorSpec, Shape, Element), ContractError> {
    let expected = "one input that is an image: UINT8, FP16 or FP32, [3,H,W] or [H,W,3] of up to 16384 pixels \
                    a side, optionally after a batch dimension";
    let remedy = "use a model that takes one image, or set the input's dims and format in config.pbtxt";
    let [tensor] = &description.inputs[..] else {
        let found = description
            .inputs
            .iter()
            .map(|input| format!("'{}' {input}", input.name))
            .collect::<Vec<_>>();
        return Err(ContractError::new(parameters.model(), expected, found.join(" and ")).remedy(remedy));
    };
    let element = match tensor.datatype {
        DataType::Uint8 => Some(Element::U8),
        DataType::Fp16 => Some(Element::F16),
        DataType::Fp32 => Some(Element::F32),
        _ => None,
    };
    let shape = Shape::parse(&tensor.shape, tensor.format);
    shape
        .zip(element)
        .map(|(shape, element)| (tensor, shape, element))
        .ok_or_else(|| {
            ContractError::new(parameters.model(), expected, tensor)
                .tensor(&tensor.name)
                .remedy(remedy)
        })
}

/// Width and height, from the tensor's dims if they are fixed, otherwise from the key.
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
    let expected = format!("WIDTHxHEIGHT that matches the tensor's dims {:?}", tensor.shape);
    Err(ContractError::new(parameters.model(), expected, found)
        .tensor(&tensor.name)
        .key(KEY)
        .remedy("set the key in config.pbtxt to the size of the model's input, such as 640x480"))
}

/// Room around each region, as a share of its longer side.
fn margin(parameters: &Parameters) -> Result<f32, ContractError> {
    const KEY: &str = "shopfloor.input.margin";
    let margin = parameters.number(KEY)?.unwrap_or(0.0);
    if (0.0..=1.0).contains(&margin) {
        Ok(margin)
    } else {
        Err(parameters.wrong(KEY, "a number from 0 to 1", margin))
    }
}

/// Conversion of pixel values to elements.
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
