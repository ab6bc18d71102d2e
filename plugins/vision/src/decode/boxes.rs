//! The layouts of object detectors' outputs: how to recognise them and how to read them.

use std::str::FromStr;

use super::columns::{BoxForm, Column, Columns, Part, Positions, Row, column};
use super::detection::{DecodeOptions, Object};
use super::error::DecodeError;
use super::grid::{ANCHORS, InputSize, expected_rows, grids};
use super::select::{Scored, select};
use super::tensor::TensorView;
use crate::Rect;
use crate::letterbox::Letterbox;

/// The meaning of the numbers of a detector's output. Pixels are those of the network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BoxLayout {
    /// YOLOX as its export writes it: `[1, N, 5 + classes]`, rows of centre and logarithms of sizes relative to a cell of the
    /// grid, objectness, and a score for each class, which it is multiplied with. N is the number of cells of the input's grids.
    Yolox,
    /// YOLOv5 and YOLOv7, and YOLOX exported with `--decode_in_inference`: the same in pixels. N is three times the number of
    /// cells, or, for YOLOX, that number.
    Yolov5,
    /// Ultralytics' YOLOv8 and YOLO11: `[1, 4 + classes, N]`, columns of centre x, centre y, width, height, and a score for each
    /// class, in pixels.
    Yolov8,
    /// Ultralytics' YOLO26 and YOLOv10: `[1, N, 6]`, rows of left, top, right, bottom, score and class, in pixels.
    Yolo26,
}

/// One layout's entry in [`TABLE`].
struct Spec {
    name: &'static str,
    expected: &'static str,
    part: Part,
    bbox: BoxForm,
    /// The column that class scores are multiplied with.
    objectness: Option<Column>,
    classes: Classes,
}

/// Where classes are.
#[derive(Clone, Copy)]
enum Classes {
    /// A score for each class, from this column on.
    From(usize),
    /// One score, and the index of its class.
    Labelled(Column, Column),
}

const fn four([a, b, c, d]: [usize; 4]) -> [Column; 4] {
    [column(0, a), column(0, b), column(0, c), column(0, d)]
}

const ANY: Part = Part {
    name: None,
    row: Row::Of(&[-1]),
};

/// The layouts, in the order of [`BoxLayout::ALL`].
static TABLE: [Spec; BoxLayout::ALL.len()] = [
    Spec {
        name: "yolox",
        expected: "[1, N, 5 + classes]",
        part: ANY,
        bbox: BoxForm::Center(four([0, 1, 2, 3])),
        objectness: Some(column(0, 4)),
        classes: Classes::From(5),
    },
    Spec {
        name: "yolov5",
        expected: "[1, N, 5 + classes]",
        part: ANY,
        bbox: BoxForm::Center(four([0, 1, 2, 3])),
        objectness: Some(column(0, 4)),
        classes: Classes::From(5),
    },
    Spec {
        name: "yolov8",
        expected: "[1, 4 + classes, N]",
        part: Part {
            name: None,
            row: Row::Column(-1),
        },
        bbox: BoxForm::Center(four([0, 1, 2, 3])),
        objectness: None,
        classes: Classes::From(4),
    },
    Spec {
        name: "yolo26",
        expected: "[1, N, 6]",
        part: Part {
            name: None,
            row: Row::Of(&[6]),
        },
        bbox: BoxForm::Edges(four([0, 1, 2, 3])),
        objectness: None,
        classes: Classes::Labelled(column(0, 4), column(0, 5)),
    },
];

impl BoxLayout {
    /// Every layout.
    pub const ALL: [Self; 4] = [Self::Yolox, Self::Yolov5, Self::Yolov8, Self::Yolo26];

    fn spec(self) -> &'static Spec {
        &TABLE[self as usize]
    }

    /// The name in model contracts, e.g. `yolox`.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// The shape of the output in words, e.g. `[1, N, 5 + classes]`.
    pub fn shapes(self) -> &'static str {
        self.spec().expected
    }

    /// The layout of that [name](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layout| layout.name() == name)
    }

    /// The layout of a detector's output, given the outputs' names and shapes and the size of the model's input: the number of
    /// candidates is that of its grids, so they are not known without the size. Output of one that has suppressed duplicates has six
    /// columns.
    ///
    /// # Errors
    /// [`DecodeError::NoBoxes`] if no output has such a number of candidates.
    pub fn detect(outputs: &[(&str, &[i64])], input: Option<InputSize>) -> Result<Self, DecodeError> {
        let is_grid = |rows: &i64, anchors| {
            let rows = usize::try_from(*rows).ok();
            rows.zip(input)
                .is_some_and(|(rows, input)| grids(rows, input, anchors).is_some())
        };
        let layout = |(_, shape): &(&str, &[i64])| match shape {
            [_, rows, values] if *values > 5 && is_grid(rows, 1) => Some(Self::Yolox),
            [_, rows, values] if *values > 5 && is_grid(rows, ANCHORS) => Some(Self::Yolov5),
            [_, values, rows] if *values > 4 && is_grid(rows, 1) => Some(Self::Yolov8),
            [_, _, 6] => Some(Self::Yolo26),
            _ => None,
        };
        outputs.iter().find_map(layout).ok_or_else(|| {
            let known = TABLE.each_ref().map(|spec| format!("{} {}", spec.name, spec.expected));
            DecodeError::NoBoxes {
                expected: known.join("; "),
                input: input.map_or("unknown size".to_owned(), |input| {
                    let (width, height) = input;
                    format!(
                        "{width}×{height} ({} for one candidate a cell)",
                        expected_rows(input, 1)
                    )
                }),
                got: super::layout::describe(outputs),
            }
        })
    }

    /// The objects in an output of this layout, in frame pixels, best first; other outputs are ignored.
    ///
    /// `class` is the index of the class to report, such as 0 for people of COCO; `None`: each candidate's best class, and
    /// duplicates are suppressed within each class. [`DecodeOptions::max_people`] limits objects of all classes. Candidates with an
    /// objectness or a score below the threshold, with a value that is not finite or with an empty box are skipped; the numbers
    /// compared and reported are bounded as by
    /// [`PoseLayout::decode`](super::PoseLayout::decode).
    ///
    /// # Errors
    /// [`DecodeError::Missing`] or [`DecodeError::Shape`] if no output has this layout, or not that class;
    /// [`DecodeError::Datatype`] or [`DecodeError::Bytes`] if it cannot be read; [`DecodeError::InputSize`] or
    /// [`DecodeError::Rows`] if its rows are not those of the grid of the letterbox's input.
    pub fn decode(
        self,
        outputs: &[TensorView<'_>],
        letterbox: &Letterbox,
        options: &DecodeOptions,
        class: Option<usize>,
    ) -> Result<Vec<Object>, DecodeError> {
        let candidates = self.candidates(outputs, letterbox, class)?;
        let passing = (0..candidates.columns.table.rows)
            .filter_map(|row| candidates.passing(row, options.score_threshold))
            .collect();
        Ok(select(
            passing,
            options,
            letterbox,
            |candidate| candidates.rect(candidate.row as usize),
            |candidate, bbox| {
                let is_sound = bbox.area() > 0.0 && bbox.area().is_finite();
                is_sound.then_some(Object {
                    bbox,
                    score: candidate.score,
                    class: candidate.class as usize,
                })
            },
        ))
    }

    fn candidates<'a>(
        self,
        outputs: &[TensorView<'a>],
        letterbox: &Letterbox,
        class: Option<usize>,
    ) -> Result<Candidates<'a>, DecodeError> {
        let spec = self.spec();
        let output = outputs
            .iter()
            .find(|output| spec.part.matches(output.name, output.shape));
        let output = output.ok_or_else(|| {
            let shapes: Vec<(&str, &[i64])> = outputs.iter().map(|output| (output.name, output.shape)).collect();
            DecodeError::Missing {
                layout: spec.name,
                expected: spec.expected,
                got: super::layout::describe(&shapes),
            }
        })?;
        let columns = spec.part.columns(output)?;
        let values = match spec.part.row {
            Row::Column(_) => output.shape.iter().nth_back(1),
            _ => output.shape.last(),
        };
        let values = values.map_or(0, |values| *values as usize);
        let classes = match spec.classes {
            Classes::From(first) => values.saturating_sub(first),
            Classes::Labelled(..) => usize::MAX,
        };
        let columns = columns
            .filter(|_| classes > class.unwrap_or(0))
            .ok_or_else(|| DecodeError::Shape {
                layout: spec.name,
                expected: spec.expected,
                name: output.name.to_owned(),
                got: output.shape.to_vec(),
            })?;
        Ok(Candidates {
            spec,
            columns,
            positions: self.positions(columns.table.rows, letterbox)?,
            classes: match class {
                Some(class) => class..class + 1,
                None => 0..classes,
            },
        })
    }

    fn positions(self, rows: usize, letterbox: &Letterbox) -> Result<Positions, DecodeError> {
        if self != Self::Yolox {
            return Ok(Positions::Pixels);
        }
        let layout = self.name();
        let input = letterbox.input_size().ok_or(DecodeError::InputSize { layout })?;
        match grids(rows, input, 1) {
            Some(_) => Ok(Positions::Yolox(input)),
            None => Err(DecodeError::Rows {
                layout,
                expected: expected_rows(input, 1),
                width: input.0,
                height: input.1,
                got: rows,
            }),
        }
    }
}

impl FromStr for BoxLayout {
    type Err = UnknownBoxLayout;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::from_name(name).ok_or_else(|| UnknownBoxLayout { name: name.to_owned() })
    }
}

/// A name that is not the name of a layout of boxes.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown box layout '{name}'; known layouts: {}", BoxLayout::ALL.map(BoxLayout::name).join(", "))]
pub struct UnknownBoxLayout {
    /// The unknown name.
    pub name: String,
}

/// The candidates in an output.
struct Candidates<'a> {
    spec: &'static Spec,
    columns: Columns<'a>,
    positions: Positions,
    /// The classes to report.
    classes: std::ops::Range<usize>,
}

impl Candidates<'_> {
    /// The candidate with its best class, if that passes the threshold.
    fn passing(&self, row: usize, threshold: f32) -> Option<Scored> {
        let value = |column: usize| self.columns.table.get(row, column);
        let (class, score) = match self.spec.classes {
            Classes::Labelled(score, class) => {
                let class = value(class.index);
                // NaN is no class
                (class >= 0.0).then_some((class as usize, value(score.index)))?
            }
            Classes::From(first) => {
                let objectness = self.spec.objectness.map_or(1.0, |column| value(column.index));
                if objectness < threshold {
                    return None;
                }
                let scores = self.classes.clone().map(|class| (class, value(first + class)));
                // NaN is not better; of equal ones the first
                let better = |best: (usize, f32), next: (usize, f32)| if next.1 > best.1 { next } else { best };
                let (class, score) = scores.fold((self.classes.start, f32::NEG_INFINITY), better);
                (class, objectness * score)
            }
        };
        let candidate = Scored::passing(score, threshold, 0, row)?;
        self.classes.contains(&class).then_some(Scored {
            class: class as u32,
            ..candidate
        })
    }

    fn rect(&self, row: usize) -> Rect {
        let rect = self
            .positions
            .rect(row, &self.spec.bbox, |column| self.columns.table.get(row, column.index));
        rect.unwrap_or_default()
    }
}
