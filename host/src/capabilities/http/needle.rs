//! The forms in which a service hands back a secret that it was sent.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;
use zeroize::Zeroizing;

/// Shorter secrets are looked for as whole words only.
pub(super) const SHORT: usize = 6;

/// One form of one secret.
pub(super) struct Needle {
    bytes: Zeroizing<Vec<u8>>,
    bounds: Bounds,
}

/// How a find relates to what stands around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bounds {
    /// A find wherever it is.
    None,
    /// Only where no letter or digit adjoins.
    Word,
    /// Wherever it is; an adjoining base64 digit holds bits of it too.
    Base64,
}

/// The forms in which a secret is looked for. Escapes are undone in the text instead (see [`super::encodings`]).
pub(super) fn needles(secret: &[u8]) -> Vec<Needle> {
    let short = secret.len() < SHORT;
    let bounds = if short { Bounds::Word } else { Bounds::None };
    let plain = |bytes: Vec<u8>| Needle {
        bytes: Zeroizing::new(bytes),
        bounds,
    };
    let hex = |upper: bool| {
        let digits = secret.iter().map(|byte| {
            if upper {
                format!("{byte:02X}")
            } else {
                format!("{byte:02x}")
            }
        });
        digits.collect::<String>().into_bytes()
    };
    let mut needles = vec![plain(secret.to_vec()), plain(hex(false)), plain(hex(true))];
    if secret.contains(&b' ') {
        // Forms write a space as `+`.
        let form = secret
            .iter()
            .map(|byte| if *byte == b' ' { b'+' } else { *byte });
        needles.push(plain(form.collect()));
    }
    if short {
        needles.push(plain(STANDARD_NO_PAD.encode(secret).into_bytes()));
        needles.push(plain(URL_SAFE_NO_PAD.encode(secret).into_bytes()));
    } else {
        needles.push(plain(secret.iter().flat_map(|byte| [*byte, 0]).collect()));
        needles.push(plain(secret.iter().flat_map(|byte| [0, *byte]).collect()));
        needles.extend((0..3).flat_map(|before| base64(secret, before)));
    }
    needles.retain(|needle| !needle.bytes.is_empty());
    needles
}

/// The base64 digits that depend on nothing but the secret when `before` bytes stand in front of it in its group of
/// three.
fn base64(secret: &[u8], before: usize) -> [Needle; 2] {
    let mut group = Zeroizing::new(vec![0; before]);
    group.extend_from_slice(secret);
    let first = (before * 8).div_ceil(6);
    let end = group.len() * 8 / 6;
    [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD].map(|engine| {
        let digits = Zeroizing::new(engine.encode(&*group));
        Needle {
            bytes: Zeroizing::new(digits.as_bytes()[first..end].to_vec()),
            bounds: Bounds::Base64,
        }
    })
}

impl Needle {
    pub(super) fn find<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        let adjoining = move |at: Option<usize>, digit: fn(u8) -> bool| {
            at.and_then(|at| text.get(at))
                .is_some_and(|byte| digit(*byte))
        };
        memmem::find_iter(text, &**self.bytes).filter_map(move |start| {
            let end = start + self.bytes.len();
            let before = start.checked_sub(1);
            match self.bounds {
                Bounds::None => Some(start..end),
                Bounds::Word => {
                    let word = |byte: u8| byte.is_ascii_alphanumeric();
                    (!adjoining(before, word) && !adjoining(Some(end), word)).then_some(start..end)
                }
                Bounds::Base64 => {
                    let digit = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte);
                    let start = start - usize::from(adjoining(before, digit));
                    Some(start..end + usize::from(adjoining(Some(end), digit)))
                }
            }
        })
    }
}
