//! Trains and evaluates the tagger of names in `detect`.
//!
//! `trainer train-names --data DIR` writes `crates/detect/model/names-v1.bin`; `trainer eval-names --data DIR` prints
//! what the shipped engine finds in texts it was not trained on, source by source.
//!
//! INVARIANT: the same data give the same file, bit for bit. INVARIANT: what is marked `dev` is only measured.
//!
//! Not here: the features and the reading of a model, which `detect` owns.

mod common;
mod eval;
mod learn;
mod samples;

use detect::training::{CLASSES, Calibration, Class, Group, NamesModel, names};

use crate::calibrate::{self, Weighted};
use crate::corpus::{self, Label, Row};
use crate::{NAMES_FILE, Places};

pub(crate) use common::run as run_common;
pub(crate) use eval::{page, run as run_eval};

/// Trains on the `train` split and our own sentences, and writes the model file.
pub(crate) fn run_train(places: &Places) -> Result<(), String> {
    let folder = places.data.as_ref().ok_or("`--data DIR` is needed")?;
    let rows = corpus::data(folder)?;
    let seeds = corpus::seeds(&places.seeds)?;
    let stretches = samples::all(&rows, &seeds);
    println!("{} stretches of capitalised words", stretches.len());
    let learned = learn::learn(&stretches);
    let plain = NamesModel::to_bytes(&NO_CALIBRATION, &learned.transitions, &learned.weights);
    let model = NamesModel::from_bytes(plain).map_err(str::to_owned)?;
    let calibration = calibrated(&model, &rows);
    let file = NamesModel::to_bytes(&calibration, &learned.transitions, &learned.weights);
    let out = places.out.clone().unwrap_or_else(|| NAMES_FILE.into());
    std::fs::write(&out, &file).map_err(|error| format!("{}: {error}", out.display()))?;
    println!("{}: {} bytes", out.display(), file.len());
    Ok(())
}

/// A table in which no margin has a rank.
const NO_CALIBRATION: Calibration =
    [[[i32::MAX; detect::training::CALIBRATED_RANK_MAX]; 2]; CLASSES];

/// The lowest margin of each rank, from the highest margin of each ordinary text. Some of those names are real,
/// so a rank says how rare such a finding is, not how rare a wrong one.
fn calibrated(model: &NamesModel, rows: &[Row]) -> Calibration {
    let mut calibration = NO_CALIBRATION;
    for group in Group::ALL {
        let mut margins: [Vec<Weighted>; CLASSES] = Default::default();
        let ordinary = rows.iter().filter(|row| row.label == Label::Benign && row.group == group);
        for row in ordinary {
            let mut found = Vec::new();
            names(model, &detect::training::normalised(&row.text), &mut found);
            for class in Class::ALL {
                let of_class = found.iter().filter(|name| name.class == class);
                let highest = of_class.map(|name| name.margin).max().unwrap_or(0);
                if let Some(margins) = margins.get_mut(class as usize) {
                    margins.push((highest as f32, 1.0));
                }
            }
        }
        for (table, margins) in calibration.iter_mut().zip(margins) {
            let thresholds = calibrate::thresholds(margins, 1.0, 0);
            if let Some(table) = table.get_mut(group as usize) {
                let shown: Vec<f32> = thresholds.iter().copied().skip(4).step_by(5).collect();
                println!("{group:?}: margins of rank 5, 10, 15, …: {shown:?}");
                for (slot, margin) in table.iter_mut().zip(thresholds) {
                    *slot = if margin.is_finite() { margin.ceil() as i32 } else { i32::MAX };
                }
            }
        }
    }
    calibration
}
