//! The grids of YOLO networks: how many candidates an input of a size has, and which cell each of them belongs to.
//!
//! A grid has a cell for each `stride`×`stride` pixels of the input, and one or three candidates (anchors) in each cell. Networks
//! have grids of several strides, the finest first; cells are in row-major order.

/// The strides of networks with three grids. Those with four (P6) have one of 64, too.
const STRIDES: [usize; 4] = [8, 16, 32, 64];

/// Candidates of each cell in YOLOv5 and YOLOv7.
pub(super) const ANCHORS: usize = 3;

/// Width and height of YOLOv7-w6-pose's anchors in input pixels, by stride (8, 16, 32, 64): the anchors of the network's
/// configuration, `yolov7-w6-pose.yaml`.
pub(super) const YOLOV7_POSE_ANCHORS: [[[f32; 2]; ANCHORS]; 4] = [
    [[19.0, 27.0], [44.0, 40.0], [38.0, 94.0]],
    [[96.0, 68.0], [86.0, 152.0], [180.0, 137.0]],
    [[140.0, 301.0], [303.0, 264.0], [238.0, 542.0]],
    [[436.0, 615.0], [739.0, 380.0], [925.0, 792.0]],
];

/// Width and height of a network's input in pixels.
pub type InputSize = (usize, usize);

/// The cells of the first `grids` strides; `None` if the input's sides are not multiples of the strides.
fn cells((width, height): InputSize, grids: usize) -> Option<usize> {
    let cells = |stride: &usize| {
        let divides = width.is_multiple_of(*stride) && height.is_multiple_of(*stride);
        divides.then(|| (width / stride) * (height / stride))
    };
    STRIDES[..grids].iter().map(cells).sum()
}

/// The number of grids that have `rows` candidates together, with `anchors` in each cell, if the input has that many.
pub(super) fn grids(rows: usize, input: InputSize, anchors: usize) -> Option<usize> {
    [3, 4]
        .into_iter()
        .find(|grids| cells(input, *grids).is_some_and(|cells| cells > 0 && anchors * cells == rows))
}

/// The numbers of candidates that networks with three and four grids have, for messages.
pub(super) fn expected_rows(input: InputSize, anchors: usize) -> String {
    let rows = [3, 4].map(|grids| cells(input, grids).map(|cells| (anchors * cells).to_string()));
    let known: Vec<String> = rows.into_iter().flatten().collect();
    if known.is_empty() {
        "an input with sides that are multiples of 32".to_owned()
    } else {
        format!("{} rows", known.join(" or "))
    }
}

/// A cell of a grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    /// Column and row in its grid.
    pub x: f32,
    /// See `x`.
    pub y: f32,
    /// Side in input pixels.
    pub stride: f32,
}

/// The cell of a row of all grids together, one candidate in each cell. The input has such grids.
pub(super) fn cell(mut row: usize, (width, height): InputSize) -> Cell {
    for stride in STRIDES {
        let (columns, rows) = (width / stride, height / stride);
        if row < columns * rows {
            return Cell {
                x: (row % columns) as f32,
                y: (row / columns) as f32,
                stride: stride as f32,
            };
        }
        row -= columns * rows;
    }
    Cell {
        x: 0.0,
        y: 0.0,
        stride: 0.0,
    }
}

/// One grid's tensor `[1, 3, rows, columns, values]`, for an input of a size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Head {
    columns: usize,
    rows: usize,
    stride: f32,
    anchors: [[f32; 2]; ANCHORS],
}

impl Head {
    /// The head with that many rows and columns; `None` if the input has no such grid.
    pub fn new((width, height): InputSize, rows: usize, columns: usize) -> Option<Self> {
        let matches = |stride: &usize| width == columns * stride && height == rows * stride;
        let index = STRIDES.iter().position(matches)?;
        Some(Self {
            columns,
            rows,
            stride: STRIDES[index] as f32,
            anchors: YOLOV7_POSE_ANCHORS[index],
        })
    }

    /// The cell and the anchor of a candidate.
    pub fn cell(&self, candidate: usize) -> (Cell, [f32; 2]) {
        let (anchor, cell) = (
            candidate / (self.rows * self.columns),
            candidate % (self.rows * self.columns),
        );
        let cell = Cell {
            x: (cell % self.columns) as f32,
            y: (cell / self.columns) as f32,
            stride: self.stride,
        };
        (cell, self.anchors[anchor])
    }
}
