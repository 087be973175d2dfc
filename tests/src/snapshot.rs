//! Checked-in copies of what outsiders rely on.

use std::path::Path;

/// Compares `text` with the checked-in copy; `UPDATE_SNAPSHOTS=1` renews the copy instead.
#[track_caller]
pub fn assert_snapshot(file: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("end-to-end/snapshots")
        .join(file);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == text,
        "{} is not what was built; if the change is meant, run the test with UPDATE_SNAPSHOTS=1 and commit it. Built:\n{text}",
        file.display()
    );
}
