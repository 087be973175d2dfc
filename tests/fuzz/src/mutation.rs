//! Bytes, changed a little at random, the same way for the same seed.

use rand::rngs::StdRng;
use rand::{Rng, RngExt};

/// Numbers at which programs go wrong.
const EDGES: [u64; 10] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    u64::MAX >> 1,
    u64::MAX,
];

/// Changes `bytes` in one to eight places; `words` are put in whole.
pub(crate) fn mutate(random: &mut StdRng, bytes: &mut Vec<u8>, words: &[&[u8]]) {
    for _ in 0..random.random_range(1..=8) {
        if bytes.is_empty() {
            bytes.push(random.random());
        }
        let at = random.random_range(0..bytes.len());
        let to = random.random_range(at..=bytes.len().min(at + 64));
        match random.random_range(0..8) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = random.random(),
            2 => {
                bytes.drain(at..to);
            }
            3 => {
                let copy = bytes[at..to].to_vec();
                let place = random.random_range(0..=bytes.len());
                bytes.splice(place..place, copy);
            }
            4 => {
                let edge = EDGES[random.random_range(0..EDGES.len())].to_le_bytes();
                let width = [1, 2, 4, 8][random.random_range(0..4)];
                for (byte, new) in bytes[at..].iter_mut().zip(&edge[..width]) {
                    *byte = *new;
                }
            }
            5 if !words.is_empty() => {
                let word = words[random.random_range(0..words.len())];
                bytes.splice(at..to, word.iter().copied());
            }
            6 => {
                let mut noise = vec![0; random.random_range(1..16)];
                random.fill_bytes(&mut noise);
                bytes.splice(at..at, noise);
            }
            _ => bytes.truncate(to.max(1)),
        }
    }
}
