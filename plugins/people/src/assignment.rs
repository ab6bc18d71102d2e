//! Optimal assignment: pairs with the largest total gain.
//!
//! Shortest augmenting paths with potentials: Jonker and Volgenant, *A shortest augmenting path algorithm for dense
//! and sparse linear assignment problems*, Computing 38 (1987), in the rectangular form of Crouse, *On implementing
//! 2D rectangular assignment algorithms*, IEEE Transactions on Aerospace and Electronic Systems 52 (2016).

/// Larger gains are clamped to this, so that potentials stay exact enough.
const LARGEST_GAIN: f64 = 1e9;

/// Pairs rows with columns, each at most once, so that the sum of the pairs' gains is the largest possible.
///
/// `gain(row, column)` is the gain of the pair over leaving both unpaired. A pair without a positive gain (or with NaN) is
/// never made: forbid a pair with [`f64::NEG_INFINITY`]. Returns the column of each row.
///
/// O(min² · max) of the two sizes.
///
/// ```
/// let gains = [[5.0, 4.0], [4.0, -1.0]];
/// assert_eq!(people::assignment::assign(2, 2, |r, c| gains[r][c]), [Some(1), Some(0)]);
/// ```
pub fn assign(rows: usize, columns: usize, gain: impl Fn(usize, usize) -> f64) -> Vec<Option<usize>> {
    let mut column_of = vec![None; rows];
    if rows <= columns {
        for (column, row) in row_of_columns(rows, columns, &gain).into_iter().enumerate() {
            if let Some(row) = row.filter(|&row| gain(row, column) > 0.0) {
                column_of[row] = Some(column);
            }
        }
    } else {
        let transposed = |column, row| gain(row, column);
        for (row, column) in row_of_columns(columns, rows, transposed).into_iter().enumerate() {
            column_of[row] = column.filter(|&column| gain(row, column) > 0.0);
        }
    }
    column_of
}

/// A complete assignment of `rows` to the at least as many `columns`; returns the row of each column.
///
/// Pairs that gain nothing cost nothing, so any partial assignment can be completed for free and the best complete one
/// contains the best partial one: no dummy rows, no large penalties.
fn row_of_columns(rows: usize, columns: usize, gain: impl Fn(usize, usize) -> f64) -> Vec<Option<usize>> {
    let cost = |at: usize| match gain(at / columns, at % columns) {
        gain if gain > 0.0 => -gain.min(LARGEST_GAIN),
        _ => 0.0,
    };
    let costs = (0..rows * columns).map(cost).collect();
    let mut solver = Solver {
        columns,
        costs,
        row_potential: vec![0.0; rows],
        column_potential: vec![0.0; columns],
        row_of: vec![None; columns],
    };
    for row in 0..rows {
        solver.place(row);
    }
    solver.row_of
}

/// The rows placed so far and the potentials that prove them optimal.
struct Solver {
    columns: usize,
    costs: Vec<f64>,
    row_potential: Vec<f64>,
    column_potential: Vec<f64>,
    row_of: Vec<Option<usize>>,
}

impl Solver {
    /// Places one more row, along the cheapest alternating path that ends in a free column.
    fn place(&mut self, row: usize) {
        let mut distance = vec![f64::INFINITY; self.columns];
        let mut previous = vec![None; self.columns];
        let mut open: Vec<usize> = (0..self.columns).collect();
        let mut closed = Vec::new();
        let (mut at_row, mut at_column, mut reached) = (row, None, 0.0);
        let end = loop {
            for &column in &open {
                let through = reached + self.reduced_cost(at_row, column);
                if through < distance[column] {
                    distance[column] = through;
                    previous[column] = at_column;
                }
            }
            let nearest = (0..open.len()).min_by(|&a, &b| distance[open[a]].total_cmp(&distance[open[b]]));
            // There are no more rows than columns, so a free column is met before `open` runs out.
            let Some(nearest) = nearest else { return };
            let column = open.swap_remove(nearest);
            reached = distance[column];
            match self.row_of[column] {
                None => break column,
                Some(placed) => {
                    closed.push(column);
                    at_row = placed;
                    at_column = Some(column);
                }
            }
        };
        self.row_potential[row] += reached;
        for column in closed {
            let slack = reached - distance[column];
            self.column_potential[column] -= slack;
            if let Some(placed) = self.row_of[column] {
                self.row_potential[placed] += slack;
            }
        }
        let mut column = end;
        while let Some(before) = previous[column] {
            self.row_of[column] = self.row_of[before];
            column = before;
        }
        self.row_of[column] = Some(row);
    }

    fn reduced_cost(&self, row: usize, column: usize) -> f64 {
        self.costs[row * self.columns + column] - self.row_potential[row] - self.column_potential[column]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NO: f64 = f64::NEG_INFINITY;

    fn total(gains: &[Vec<f64>], pairs: &[Option<usize>]) -> f64 {
        gains
            .iter()
            .zip(pairs)
            .filter_map(|(row, column)| Some(row[(*column)?]))
            .sum()
    }

    /// The best total by trying everything: each row takes any free column or none.
    fn brute_force(gains: &[Vec<f64>], taken: &mut Vec<bool>) -> f64 {
        let Some((row, rest)) = gains.split_first() else {
            return 0.0;
        };
        let mut best = brute_force(rest, taken);
        for (column, gain) in row.iter().enumerate() {
            if !taken[column] && *gain > 0.0 {
                taken[column] = true;
                best = best.max(gain + brute_force(rest, taken));
                taken[column] = false;
            }
        }
        best
    }

    #[test]
    fn assignments_of_small_tables_are_optimal() {
        type Case = (&'static [&'static [f64]], &'static [Option<usize>]);
        let cases: [Case; 8] = [
            (&[], &[]),
            (&[&[], &[]], &[None, None]),
            (&[&[1.0]], &[Some(0)]),
            (&[&[0.0]], &[None]),
            (&[&[f64::NAN, NO]], &[None]),
            // a greedy assignment would take 5 and then nothing
            (&[&[5.0, 4.0], &[4.0, NO]], &[Some(1), Some(0)]),
            // more rows than columns: the worst row stays unpaired
            (&[&[2.0], &[3.0], &[1.0]], &[None, Some(0), None]),
            // infinite gains are only large
            (&[&[f64::INFINITY, 1.0], &[1.0, f64::INFINITY]], &[Some(0), Some(1)]),
        ];
        for (gains, want) in cases {
            let columns = gains.first().map_or(0, |row| row.len());
            let got = assign(gains.len(), columns, |r, c| gains[r][c]);
            assert_eq!(got, want, "{gains:?}");
        }
    }

    fn gains() -> impl Strategy<Value = Vec<Vec<f64>>> {
        let gain = prop_oneof![
            6 => -10.0..10.0,
            2 => (-2..4i32).prop_map(f64::from), // ties
            1 => Just(NO),
        ];
        (0..6usize, 0..6usize).prop_flat_map(move |(rows, columns)| {
            prop::collection::vec(prop::collection::vec(gain.clone(), columns), rows)
        })
    }

    proptest! {
        #[test]
        fn the_total_equals_that_of_brute_force(gains in gains()) {
            let columns = gains.first().map_or(0, Vec::len);
            let pairs = assign(gains.len(), columns, |r, c| gains[r][c]);
            let mut taken = vec![false; columns];
            for column in pairs.iter().flatten() {
                prop_assert!(!std::mem::replace(&mut taken[*column], true), "column used twice");
            }
            prop_assert!(pairs.iter().enumerate().all(|(r, c)| c.is_none_or(|c| gains[r][c] > 0.0)));
            let best = brute_force(&gains, &mut vec![false; columns]);
            prop_assert!((total(&gains, &pairs) - best).abs() < 1e-9);
        }
    }
}
