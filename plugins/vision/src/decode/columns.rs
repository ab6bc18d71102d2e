//! What layouts of boxes and poses have in common: the shapes of their tensors, columns, and the units of positions.

use super::grid::{self, Cell, Head, InputSize};
use super::tensor::{Table, TensorView};
use crate::{Point, Rect};

/// A tensor of a layout.
pub(super) struct Part {
    /// The output's name; `None`: it is recognised by its shape alone.
    pub name: Option<&'static str>,
    pub row: Row,
}

/// What a candidate has in a tensor, by the dimensions. A batch dimension of 1 may be left out.
pub(super) enum Row {
    /// `[1, N, …]` with these dimensions at the end; -1: any.
    Of(&'static [i64]),
    /// `[1, values, N]`: a candidate is a column. -1: any number of values.
    Column(i64),
    /// `[1, 3, rows, columns, values]`: a grid with three candidates in each cell.
    Head(i64),
    /// `[1, N, this × classes, values]`: as many keypoints for each class, of which the last one is a person.
    OfClasses(i64),
}

/// A part's tensor as a table.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    pub table: Table<'a>,
    /// Columns from a keypoint's x to the next one's.
    pub keypoint_step: usize,
    /// Number of classes with keypoints.
    pub classes: usize,
}

/// Columns from a keypoint to the next in rows that are not divided into keypoints: x, y and confidence.
const KEYPOINT_STEP: usize = 3;

impl Part {
    /// Whether a tensor of that name and shape may be this one; dimensions that are not known yet are -1.
    pub fn matches(&self, name: &str, shape: &[i64]) -> bool {
        self.name.is_none_or(|expected| expected == name) && self.row.matches(shape)
    }

    /// The tensor's table; `None` if it has another shape.
    pub fn columns<'a>(&self, view: &TensorView<'a>) -> Result<Option<Columns<'a>>, super::DecodeError> {
        let elements = view.elements()?;
        // `elements` has checked that no dimension is negative.
        let dims: Vec<usize> = view.shape.iter().map(|dim| *dim as usize).collect();
        if !self.row.matches(view.shape) {
            return Ok(None);
        }
        let plain = |table| Columns {
            table,
            keypoint_step: KEYPOINT_STEP,
            classes: 1,
        };
        let columns = match self.row {
            Row::Of(row) => {
                let [batch @ .., rows] = &dims[..dims.len() - row.len()] else {
                    return Ok(None);
                };
                let values = dims[dims.len() - row.len()..].iter().product();
                (batch.iter().all(|batch| *batch == 1)).then(|| Columns {
                    keypoint_step: if row.len() == 2 {
                        dims[dims.len() - 1]
                    } else {
                        KEYPOINT_STEP
                    },
                    ..plain(Table::of_rows(elements, *rows, values))
                })
            }
            Row::Column(_) => match dims[..] {
                [_, rows] | [1, _, rows] => Some(plain(Table::of_columns(elements, rows))),
                _ => None,
            },
            Row::Head(_) => match dims[..] {
                [1, anchors, rows, columns, values] => {
                    Some(plain(Table::of_rows(elements, anchors * rows * columns, values)))
                }
                _ => None,
            },
            Row::OfClasses(each) => match dims[..] {
                [1, rows, keypoints, step] => {
                    let (each, classes) = (each as usize, keypoints / each as usize);
                    let table = Table::of_rows(elements, rows, keypoints * step);
                    Some(Columns {
                        table: table.skip_columns((classes - 1) * each * step),
                        keypoint_step: step,
                        classes,
                    })
                }
                _ => None,
            },
        };
        Ok(columns)
    }
}

impl Row {
    fn matches(&self, shape: &[i64]) -> bool {
        match (self, shape) {
            (Self::Of(row), shape) => {
                let leading = shape.len().checked_sub(row.len());
                let agree = |(dim, expected): (&i64, &i64)| dim == expected || (*expected == -1 && *dim > 0);
                leading
                    .is_some_and(|leading| (1..=2).contains(&leading) && shape[leading..].iter().zip(*row).all(agree))
            }
            (Self::Column(values), [column, _] | [_, column, _]) => column == values || (*values == -1 && *column > 0),
            (Self::Head(values), [_, anchors, _, _, last]) => last == values && *anchors == grid::ANCHORS as i64,
            (Self::OfClasses(each), [_, _, keypoints, step]) => {
                *keypoints > 0 && keypoints % each == 0 && *step >= KEYPOINT_STEP as i64
            }
            _ => false,
        }
    }
}

/// A column of one of a layout's tensors.
#[derive(Clone, Copy)]
pub(super) struct Column {
    /// The place of the tensor among the layout's.
    pub tensor: usize,
    pub index: usize,
}

/// A column, for tables.
pub(super) const fn column(tensor: usize, index: usize) -> Column {
    Column { tensor, index }
}

/// How a box is given.
pub(super) enum BoxForm {
    /// Centre x, centre y, width and height.
    Center([Column; 4]),
    /// Left, top, right and bottom.
    Edges([Column; 4]),
    /// Not at all: it is the bounds of the keypoints.
    Keypoints,
}

/// The units of a layout's positions.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Units {
    /// Pixels of the input.
    Pixels,
    /// Fractions of the input's width and height.
    Fractions,
    /// Relative to a cell of a grid.
    Cells,
}

/// How the positions of a tensor become pixels of the input.
#[derive(Clone, Copy)]
pub(super) enum Positions {
    Pixels,
    /// Fractions of this width and height.
    Fractions(f32, f32),
    /// Of YOLOv7's raw heads: sigmoids that are relative to a cell and an anchor.
    Head(Head),
    /// Of YOLOX: offsets that are relative to a cell, logarithms of sizes.
    Yolox(InputSize),
}

impl Positions {
    /// The box of a candidate; `None` if its form is [`BoxForm::Keypoints`].
    #[inline]
    pub fn rect(&self, row: usize, form: &BoxForm, value: impl Fn(Column) -> f32) -> Option<Rect> {
        match form {
            BoxForm::Center(columns) => {
                let [x, y, width, height] = self.center(row, columns.map(value));
                Some(Rect::from_center(x, y, width, height))
            }
            BoxForm::Edges(columns) => {
                let [left, top, right, bottom] = columns.map(value);
                let (a, b) = (self.point(row, left, top), self.point(row, right, bottom));
                Some(Rect::new(a.x, a.y, b.x, b.y))
            }
            BoxForm::Keypoints => None,
        }
    }

    fn center(&self, row: usize, [x, y, width, height]: [f32; 4]) -> [f32; 4] {
        match self {
            Self::Pixels => [x, y, width, height],
            Self::Fractions(w, h) => [x * w, y * h, width * w, height * h],
            Self::Head(head) => {
                let (cell, [anchor_width, anchor_height]) = head.cell(row);
                let center = |v: f32, at: f32| (2.0 * sigmoid(v) - 0.5 + at) * cell.stride;
                let side = |v: f32, anchor: f32| (2.0 * sigmoid(v)).powi(2) * anchor;
                [
                    center(x, cell.x),
                    center(y, cell.y),
                    side(width, anchor_width),
                    side(height, anchor_height),
                ]
            }
            Self::Yolox(input) => {
                let Cell {
                    x: left,
                    y: top,
                    stride,
                } = grid::cell(row, *input);
                [
                    (x + left) * stride,
                    (y + top) * stride,
                    width.exp() * stride,
                    height.exp() * stride,
                ]
            }
        }
    }

    /// A point of a candidate.
    #[inline]
    pub fn point(&self, row: usize, x: f32, y: f32) -> Point {
        match self {
            Self::Pixels => Point::new(x, y),
            Self::Fractions(w, h) => Point::new(x * w, y * h),
            Self::Head(head) => {
                let (cell, _) = head.cell(row);
                // Keypoints have no sigmoid, unlike boxes.
                let position = |v: f32, at: f32| (2.0 * v - 0.5 + at) * cell.stride;
                Point::new(position(x, cell.x), position(y, cell.y))
            }
            Self::Yolox(input) => {
                let Cell {
                    x: left,
                    y: top,
                    stride,
                } = grid::cell(row, *input);
                Point::new((x + left) * stride, (y + top) * stride)
            }
        }
    }
}

/// The logistic function, 0..1.
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
