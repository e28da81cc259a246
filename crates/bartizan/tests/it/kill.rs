//! Promise 5 with a real process: `kill -9` in the middle of 200 streams loses no open record.
//!
//! The long lane (`cargo xtask long kill`) does this a hundred times.

use std::path::PathBuf;

use testkit::{KillPlan, kill_in_the_middle};

#[test]
fn kill_9_in_the_middle_of_200_streams_loses_no_open_record() {
    let folder = tempfile::tempdir().expect("a folder");
    for seed in 0..2 {
        let plan = KillPlan {
            binary: PathBuf::from(env!("CARGO_BIN_EXE_bartizan")),
            folder: folder.path().to_path_buf(),
            seed,
            streams: 200,
        };
        let report = kill_in_the_middle(&plan).expect("a gateway to kill");
        assert!(report.streaming > 0, "no stream was open at the kill: {report:?}");
        assert_eq!(report.lost, Vec::<String>::new(), "{report:?}");
        assert!(report.is_verified, "{}", report.verify_output);
        assert!(report.answers_again, "{report:?}");
    }
}
