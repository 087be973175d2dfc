//! Dates as Order Desk writes and reads them (order-desk-api.md §2.3, §11.9).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;

/// A moment as `YYYY-MM-DD HH:MM:SS`, in UTC.
pub(crate) fn stamp(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A moment's day as `YYYY-MM-DD`, in UTC.
pub(crate) fn day(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d").to_string()
}

/// Reads a date as leniently as clients send it: `YYYY-MM-DD`, with a time after a blank or `T`, ISO 8601 with
/// `Z` or an offset, and RFC 1123 (§2.3). Without a zone of its own the text is taken to be in `zone`.
pub(crate) fn parse(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    if let Ok(civil) = text.parse::<DateTime>() {
        return civil
            .to_zoned(zone.clone())
            .ok()
            .map(|zoned| zoned.timestamp());
    }
    rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

/// Reads a date and writes it back in the service's own form; `None` when it is no date.
pub(crate) fn normalised(text: &str) -> Option<String> {
    parse(text, &TimeZone::UTC).map(stamp)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_stamp_reads_back_as_the_same_second(seconds in 0_i64..4_102_444_800) {
            let moment = Timestamp::from_second(seconds).unwrap();
            prop_assert_eq!(parse(&stamp(moment), &TimeZone::UTC), Some(moment));
            prop_assert_eq!(parse(&format!("{}Z", stamp(moment).replace(' ', "T")), &TimeZone::UTC), Some(moment));
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            if let Some(stamp) = normalised(&text) {
                prop_assert_eq!(normalised(&stamp), Some(stamp.clone()));
            }
        }
    }
}
