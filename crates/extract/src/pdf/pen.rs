//! Where the letters of a content stream stand (ISO 32000-1, 9.4.2): beside those before them, a gap away, or elsewhere.
//!
//! A page may place every letter by itself. Whether a move begins a word is told by the distance from where the last
//! letter ended, not by the operator that moved.
//!
//! INVARIANT: numbers that are none, or that overflow, make a gap: words are rather set apart than joined.

/// A gap between words, as a part of the size of the letters.
const GAP_EM: f64 = 0.2;
/// So far from the height of the last letters others are on another line.
const LINE_EM: f64 = 0.5;
/// So far back other words begin.
const BACK_EM: f64 = 1.0;

/// How text is moved, turned and sized.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Matrix(pub(super) [f64; 6]);

impl Matrix {
    const IDENTITY: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    /// This one first, then `other`.
    fn then(self, other: Self) -> Self {
        let ([xx, xy, yx, yy, x, y], to) = (self.0, other.0);
        Self([
            xx * to[0] + xy * to[2],
            xx * to[1] + xy * to[3],
            yx * to[0] + yy * to[2],
            yx * to[1] + yy * to[3],
            x * to[0] + y * to[2] + to[4],
            x * to[1] + y * to[3] + to[5],
        ])
    }
}

/// What comes before the next letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// They go on where the last ones ended.
    None,
    Space,
    Line,
}

/// Where the last letters ended.
#[derive(Clone, Copy, Debug)]
struct Ended {
    x: f64,
    y: f64,
    /// Whether that is only guessed, of so many letters that the guess says little.
    is_vague: bool,
}

/// The state that places letters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pen {
    page: Matrix,
    line: Matrix,
    /// How far into the line, in its own measure.
    advance: f64,
    ended: Option<Ended>,
    /// Whether it was moved to somewhere, not only along, since the last letters ended.
    is_moved: bool,
    pub(super) size: f64,
    pub(super) letter_space: f64,
    pub(super) word_space: f64,
    /// Hundredths of the usual width.
    pub(super) stretch: f64,
    pub(super) leading: f64,
}

impl Pen {
    pub(super) const fn new(size: f64) -> Self {
        Self {
            page: Matrix::IDENTITY,
            line: Matrix::IDENTITY,
            advance: 0.0,
            ended: None,
            is_moved: false,
            size,
            letter_space: 0.0,
            word_space: 0.0,
            stretch: 100.0,
            leading: 0.0,
        }
    }

    /// Goes back to a state that was saved; where the last letters stand stays true.
    pub(super) const fn restore(&mut self, saved: Self) {
        *self = Self { ended: self.ended, is_moved: true, ..saved };
    }

    /// `cm`: what follows is moved, turned and sized.
    pub(super) fn transform(&mut self, by: Matrix) {
        self.page = by.then(self.page);
        self.is_moved = true;
    }

    /// `BT`: text begins at the origin.
    pub(super) const fn begin(&mut self) {
        self.set(Matrix::IDENTITY);
    }

    /// `Tm`.
    pub(super) const fn set(&mut self, line: Matrix) {
        self.line = line;
        self.is_moved = true;
        self.advance = 0.0;
    }

    /// `Td`.
    pub(super) fn go(&mut self, x: f64, y: f64) {
        self.set(Matrix([1.0, 0.0, 0.0, 1.0, x, y]).then(self.line));
    }

    /// A number within `TJ`: back, in thousandths.
    pub(super) fn back(&mut self, thousandths: f64) {
        self.advance -= thousandths / 1000.0 * self.size * self.stretch / 100.0;
    }

    /// What was drawn otherwise stands between the letters before and after it.
    pub(super) const fn lose(&mut self) {
        self.ended = None;
    }

    /// What comes before letters that are shown now.
    pub(super) fn gap(&self) -> Gap {
        let Some(ended) = self.ended else { return Gap::Space };
        let Matrix([xx, xy, yx, yy, ..]) = self.line.then(self.page);
        let (x, y) = self.place();
        let (along, across) = (xx.hypot(xy), yx.hypot(yy));
        let (right, up) = (x - ended.x, y - ended.y);
        let is_vague = ended.is_vague && self.is_moved;
        // In parts of the size of the letters, along their line and across it.
        let forth = (right * xx + up * xy) / along / (along * self.size.abs());
        let off = (up * xx - right * xy).abs() / along / (across * self.size.abs());
        if off > LINE_EM {
            Gap::Line
        } else if forth > -BACK_EM && forth <= GAP_EM && off.is_finite() && !is_vague {
            Gap::None
        } else {
            Gap::Space
        }
    }

    /// Letters were shown: so many, `ems` wide together, of them `spaces` spaces.
    pub(super) fn shown(&mut self, ems: f64, letters: usize, spaces: usize, is_vague: bool) {
        let spaced = letters as f64 * self.letter_space + spaces as f64 * self.word_space;
        self.advance += (ems * self.size + spaced) * self.stretch / 100.0;
        let (x, y) = self.place();
        self.ended = Some(Ended { x, y, is_vague });
        self.is_moved = false;
    }

    /// Where the pen is on the page.
    fn place(&self) -> (f64, f64) {
        let at = Matrix([1.0, 0.0, 0.0, 1.0, self.advance, 0.0]);
        let Matrix([.., x, y]) = at.then(self.line).then(self.page);
        (x, y)
    }
}
