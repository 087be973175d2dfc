//! URIs against templates, as the host does it.

/// The decoded variables of a URI that fits the template.
pub(super) fn variables(template: &str, uri: &str) -> Option<Vec<(String, String)>> {
    let (mut shape, mut given) = (template.split('/'), uri.split('/'));
    let mut variables = Vec::new();
    loop {
        match (shape.next(), given.next()) {
            (None, None) => return Some(variables),
            (Some(shape), Some(given)) => match variable(shape) {
                Some(name) => variables.push((name.to_owned(), decoded(given)?)),
                None if shape == given => {}
                None => return None,
            },
            _ => return None,
        }
    }
}

fn variable(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            u8::try_from(digit()? * 16 + digit()?).ok()?
        } else {
            byte
        });
    }
    let text = String::from_utf8(bytes).ok()?;
    let plain = !text.is_empty() && text != "." && text != ".." && !text.contains(char::is_control);
    plain.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::variables;

    #[test]
    fn variables_are_whole_segments_and_decoded() {
        let of = |uri| variables("shop://{store}/orders/{id}", uri);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            of("shop://Main%20shop/orders/17"),
            Some(vec![pair("store", "Main shop"), pair("id", "17")])
        );
        for none in [
            "shop://a/orders",
            "shop://a/orders/",
            "shop://a/orders/..",
            "shop://a/orders/%2e%2e",
            "shop://a/orders/%zz",
            "shop://a/products/1",
            "other://a/orders/1",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
