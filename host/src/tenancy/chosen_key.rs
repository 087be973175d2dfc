//! Access keys that a person chose, and how hard they are to guess.

use secrecy::{ExposeSecret, SecretString};
use zxcvbn::matching::patterns::MatchPattern;
use zxcvbn::zxcvbn;

/// What a chosen key must have.
const CHOSEN_KEY_BITS: f64 = 80.0;
/// Shorter texts cannot be strong enough; they are no keys and are not looked up.
const SHORTEST: usize = 16;
/// What fits a header beside other things.
const LONGEST: usize = 400;
/// What is measured at once. Longer pieces would overflow what zxcvbn counts in (64 bits).
const PIECE: usize = 16;
/// zxcvbn's guesses per character where it sees no pattern.
const PATTERNLESS: f64 = 10.0;

/// Why a text is no key to choose.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ChosenKeyError {
    /// It cannot be sent as a bearer token, or looks like a generated key.
    #[error(
        "a chosen key has {SHORTEST} to {LONGEST} characters of printable ASCII, with single spaces inside at most, and does not \
         begin with odm_"
    )]
    Format,
    /// It can be guessed.
    #[error(
        "this key is too easy to guess: it is worth about {bits:.0} bits, and {CHOSEN_KEY_BITS:.0} are needed. Take seven random \
         words or 25 random characters, or let a key be generated"
    )]
    Weak {
        /// What it is worth.
        bits: f64,
    },
}

/// Whether a text has the form of a key that somebody may have chosen.
pub(super) fn is_well_formed(text: &str) -> bool {
    (SHORTEST..=LONGEST).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && text.split(' ').all(|word| !word.is_empty())
        && !text.starts_with("odm_")
}

/// Checks a text that somebody wants to choose as a key.
///
/// # Errors
/// It has not the form of one, or can be guessed.
pub(super) fn check_chosen_key(text: &SecretString) -> Result<(), ChosenKeyError> {
    let text = text.expose_secret().trim();
    if !is_well_formed(text) {
        return Err(ChosenKeyError::Format);
    }
    match strength(text) {
        bits if bits < CHOSEN_KEY_BITS => Err(ChosenKeyError::Weak { bits }),
        _ => Ok(()),
    }
}

/// How many bits a key is worth: what zxcvbn says of its words (runs of letters and digits), added up. A word counts once,
/// and so does a character between words. zxcvbn knows frequent words, names, passwords, keyboard rows, repetitions and dates; what it knows
/// nothing about counts as 3.3 bits a character, whatever the alphabet, so that random texts need to be longer than they
/// would have to be. It does not know quotations: words must have been drawn at random.
fn strength(text: &str) -> f64 {
    // Where a long word is cut could hide what it is made of, so it is cut in two ways and the worse result counts.
    [0, PIECE / 2]
        .map(|first| strength_cut(text, first))
        .into_iter()
        .fold(f64::INFINITY, f64::min)
}

fn strength_cut(text: &str, first: usize) -> f64 {
    let lower = text.to_ascii_lowercase();
    let mut seen = std::collections::HashSet::new();
    let mut bits = 0.0;
    let between = lower.chars().filter(|c| !c.is_ascii_alphanumeric());
    for character in between {
        if seen.insert(character.to_string()) {
            bits += PATTERNLESS.log2();
        }
    }
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()) {
        for piece in pieces(word, first) {
            if seen.insert(piece.to_ascii_lowercase()) {
                bits += piece_strength(piece);
            }
        }
    }
    bits
}

/// The word in pieces of at most [`PIECE`] characters, the first one of `first` (0: as the others). All are ASCII.
fn pieces(word: &str, first: usize) -> impl Iterator<Item = &str> {
    let (head, tail) = if word.len() > PIECE {
        word.split_at(first)
    } else {
        ("", word)
    };
    let rest = (0..tail.len()).step_by(PIECE).map(move |at| {
        let end = tail.len().min(at + PIECE);
        &tail[at..end]
    });
    std::iter::once(head)
        .filter(|head| !head.is_empty())
        .chain(rest)
}

fn piece_strength(piece: &str) -> f64 {
    let measured = zxcvbn(piece, &[]);
    // Without what zxcvbn adds for not knowing how many patterns there are: that is worth little to who tries them all.
    measured
        .sequence()
        .iter()
        .map(|found| match found.pattern {
            MatchPattern::BruteForce => PATTERNLESS.log2() * found.token.chars().count() as f64,
            _ => (found.guesses.unwrap_or(1).max(1) as f64).log2(),
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(), ChosenKeyError> {
        check_chosen_key(&SecretString::from(text))
    }

    #[test]
    fn what_was_drawn_at_random_is_taken() {
        for text in [
            "hubcap9 trombone quarry Vexing plaza mulch odometer",
            "zK4vR8qLw2TnX7bYs9HdGm3Pc",
            "a8f35cc91d0b4e7a9c62d8e1f0b7a3c5",
            "p?V9-kQ!m2}Xz~7Lw#4Rt^8Nb&1Hc",
        ] {
            assert_eq!(checked(text), Ok(()), "{text}: {}", strength(text));
        }
    }

    #[test]
    fn what_can_be_guessed_is_refused_with_what_it_is_worth() {
        for text in [
            "correct horse battery staple",
            "passwordpasswordpasswordpasswordpasswordpassword",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "abcdefghijklmnopqrstuvwxyz0123456789",
            "qwertyuiopasdfghjklzxcvbnm1234567890",
            "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a",
            "iloveyouiloveyouiloveyouiloveyou2026",
            "Summer2026!Summer2026!Summer2026!",
            "zK4vR8qLw2TnX7bY",
        ] {
            let refused = checked(text);
            assert!(
                matches!(refused, Err(ChosenKeyError::Weak { .. })),
                "{text}: {}",
                strength(text)
            );
        }
    }

    #[test]
    fn what_no_header_carries_is_refused() {
        for text in [
            "",
            "short",
            "schlüssel schlüssel schlüssel schlüssel",
            "odm_zK4vR8qLw2TnX7bYs9HdGm3Pc",
            "two  spaces zK4vR8qLw2TnX7bYs9HdGm3Pc",
            "line\nbreak zK4vR8qLw2TnX7bYs9HdGm3Pc",
        ] {
            assert_eq!(checked(text), Err(ChosenKeyError::Format), "{text}");
        }
        assert_eq!(checked(&"x".repeat(401)), Err(ChosenKeyError::Format));
    }

    proptest::proptest! {
        #[test]
        fn measuring_never_fails_and_a_key_said_twice_is_worth_little_more(text in "[ -~]{0,200}") {
            let once = strength(&text);
            proptest::prop_assert!(once.is_finite() && once >= 0.0);
            let twice = strength(&format!("{text} {text}"));
            // The space between may be new.
            proptest::prop_assert!(twice <= once + PATTERNLESS.log2() + 1e-6, "{} {}", once, twice);
        }
    }
}
