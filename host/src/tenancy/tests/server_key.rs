//! The server key's text and file.

use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use crate::tenancy::{ServerKey, ServerKeyError};

/// Tells keys apart without showing them.
fn trace(key: &ServerKey) -> [u8; 32] {
    *key.derive("test")
}

#[test]
fn every_way_of_writing_the_same_base64_is_the_same_key() {
    // Bytes whose base64 has the two characters in which the alphabets differ.
    let bytes = [0xfb, 0xef, 0xff, 0x3e].repeat(8);
    let traces: Vec<_> = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
        .map(|engine| {
            trace(&ServerKey::from_base64(&format!(" {}\n", engine.encode(&bytes))).unwrap())
        })
        .to_vec();
    assert!(traces.iter().all(|it| *it == traces[0]));
}

#[test]
fn other_texts_are_refused_with_what_to_do() {
    let refused = |text: &str| ServerKey::from_base64(text).unwrap_err();
    assert!(matches!(refused("not base64!"), ServerKeyError::NotBase64));
    assert!(matches!(refused(""), ServerKeyError::WrongLength(0)));
    let short = refused(&STANDARD.encode([1; 31]));
    assert!(matches!(short, ServerKeyError::WrongLength(31)));
    assert!(short.to_string().contains("openssl rand -base64 32"));
    assert!(matches!(
        refused(&STANDARD.encode([1; 33])),
        ServerKeyError::WrongLength(33)
    ));
}

#[test]
fn a_key_is_made_once_for_its_user_alone_and_stays() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("data");
    let first = ServerKey::load_or_create(&directory).unwrap();
    let again = ServerKey::load_or_create(&directory).unwrap();
    assert_eq!(trace(&first), trace(&again));

    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(directory.join("server.key")), 0o600);
    assert_eq!(mode(directory.clone()), 0o700);
    let files = std::fs::read_dir(&directory).unwrap().count();
    assert_eq!(files, 1, "nothing else is left behind");
    let other = ServerKey::load_or_create(&place.path().join("other")).unwrap();
    assert_ne!(trace(&first), trace(&other));
}

#[test]
fn processes_that_start_together_get_the_same_key() {
    let place = tempfile::tempdir().unwrap();
    let barrier = Barrier::new(8);
    let traces: Vec<_> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    trace(&ServerKey::load_or_create(place.path()).unwrap())
                })
            })
            .collect();
        starting
            .into_iter()
            .map(|one| one.join().unwrap())
            .collect()
    });
    assert!(traces.iter().all(|it| *it == traces[0]));
}

#[test]
fn a_key_that_others_can_read_is_refused_with_what_to_do() {
    let place = tempfile::tempdir().unwrap();
    ServerKey::load_or_create(place.path()).unwrap();
    let file = place.path().join("server.key");
    for mode in [0o640, 0o604, 0o660] {
        std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        let refused = ServerKey::load_or_create(place.path()).unwrap_err();
        assert!(
            matches!(refused, ServerKeyError::ReadableByOthers { mode: found, .. } if found == mode)
        );
        assert!(refused.to_string().contains("chmod 600"), "{refused}");
    }
}

#[test]
fn a_damaged_key_file_is_an_error_and_never_replaced() {
    let place = tempfile::tempdir().unwrap();
    ServerKey::load_or_create(place.path()).unwrap();
    let file = place.path().join("server.key");
    std::fs::write(&file, "").unwrap();
    let refused = ServerKey::load_or_create(place.path()).unwrap_err();
    assert!(matches!(refused, ServerKeyError::WrongLength(0)));
    assert_eq!(std::fs::read(&file).unwrap(), b"");
}

#[test]
fn debug_shows_no_key() {
    let key = ServerKey::from_base64(&STANDARD.encode([1; 32])).unwrap();
    assert_eq!(format!("{key:?}"), "ServerKey");
}
