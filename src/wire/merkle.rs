//! A tree of hashes over many things, so that one of them is proved without showing the others (RFC 9162, 2.1).
//!
//! A leaf is SHA-256 over a zero byte and the thing; a node is SHA-256 over a one byte and the two hashes under it. Where the
//! leaves are no power of two, the left half takes the largest one that is smaller.

use super::manifest::WireError;
use crate::domain::Sha256;

/// The hash of one thing.
pub fn leaf(bytes: &[u8]) -> Sha256 {
    let mut hasher = openssl::sha::Sha256::new();
    hasher.update(&[0]);
    hasher.update(bytes);
    Sha256(hasher.finish())
}

fn node(left: &Sha256, right: &Sha256) -> Sha256 {
    let mut hasher = openssl::sha::Sha256::new();
    hasher.update(&[1]);
    hasher.update(&left.0);
    hasher.update(&right.0);
    Sha256(hasher.finish())
}

/// The root over leaves that come one by one. One hash is held for each level of the tree.
#[derive(Debug, Clone, Default)]
pub struct Growing {
    /// Of the full trees that the leaves make so far, the largest first: one for each bit of their number.
    full: Vec<Sha256>,
    leaves: u64,
}

impl Growing {
    pub fn push(&mut self, leaf: Sha256) {
        let mut hash = leaf;
        // As in a sum: each tree of the same size beside it makes one of twice the size.
        for _ in 0..self.leaves.trailing_ones() {
            hash = node(&self.full.pop().expect("a tree for each bit"), &hash);
        }
        self.full.push(hash);
        self.leaves += 1;
    }

    /// SHA-256 of nothing where no leaf came.
    pub fn root(&self) -> Sha256 {
        let trees = self.full.iter().copied().rev();
        trees.reduce(|right, left| node(&left, &right)).unwrap_or_else(|| Sha256(openssl::sha::sha256(&[])))
    }
}

/// The root over these leaves; SHA-256 of nothing where there is none.
pub fn root(leaves: &[Sha256]) -> Sha256 {
    let mut growing = Growing::default();
    leaves.iter().for_each(|leaf| growing.push(*leaf));
    growing.root()
}

/// The largest power of two that is smaller than `count`, which is 2 at least.
fn half(count: usize) -> usize {
    1 << (count - 1).ilog2()
}

/// What is needed beside leaf number `index`, counted from 0, to come to the root: from the leaf upwards.
pub fn path(leaves: &[Sha256], index: usize) -> Vec<Sha256> {
    let (mut leaves, mut index, mut path) = (leaves, index, Vec::new());
    while leaves.len() > 1 {
        let (left, right) = leaves.split_at(half(leaves.len()));
        if index < left.len() {
            path.push(root(right));
            leaves = left;
        } else {
            path.push(root(left));
            index -= left.len();
            leaves = right;
        }
    }
    path.reverse();
    path
}

/// The root that a leaf and its path lead to in a tree of `size` leaves; `None` when they cannot belong to one another.
pub fn root_by(leaf: &Sha256, index: u64, size: u64, path: &[Sha256]) -> Option<Sha256> {
    if index >= size {
        return None;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for beside in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            hash = node(beside, &hash);
            // A last node without a neighbour went up unchanged until it had one.
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = node(&hash, beside);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    (last == 0).then_some(hash)
}

/// The rows of a letters.csv as they stand there, without the header and without line ends.
pub fn rows(letters_csv: &[u8]) -> Result<Vec<&[u8]>, WireError> {
    let mut reader = csv::ReaderBuilder::new().delimiter(b';').has_headers(false).from_reader(letters_csv);
    let mut starts = Vec::new();
    for record in reader.byte_records() {
        let record = record.map_err(|e| WireError::new("letters.csv", e))?;
        starts.push(record.position().map_or(0, |position| position.byte() as usize));
    }
    let ends = starts.iter().skip(1).copied().chain([letters_csv.len()]);
    let row = |(start, end): (usize, usize)| {
        let mut row = &letters_csv[start..end];
        while let [rest @ .., b'\n' | b'\r'] = row {
            row = rest;
        }
        row
    };
    Ok(starts.iter().copied().zip(ends).skip(1).map(row).collect())
}

/// The leaves of a letters.csv, in its order.
pub fn row_leaves(letters_csv: &[u8]) -> Result<Vec<Sha256>, WireError> {
    Ok(rows(letters_csv)?.into_iter().map(leaf).collect())
}
