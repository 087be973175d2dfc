//! Dates as people and models write them, and as Order Desk reads them: `YYYY-MM-DD HH:MM:SS` (order-desk-api.md §2.3).

use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, tz::TimeZone};
use orderdesk_plugin::ToolError;

/// Which end of a day a date without a time stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Its first second.
    Start,
    /// Its last.
    End,
}

/// In which zone the argument counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    /// UTC; a time with an offset is converted.
    Utc,
    /// The store's own, which only Order Desk knows: an offset cannot be converted.
    Store,
}

/// How Order Desk writes a date, and one of two ways to write one to it.
const FORM: &str = "%Y-%m-%d %H:%M:%S";

/// Order Desk's form of a date.
///
/// # Errors
/// `bad-date` names the argument and the forms that are understood.
pub(crate) fn read(argument: &str, text: &str, end: End, zone: Zone) -> Result<String, ToolError> {
    let text = text.trim();
    let moment = match shape(text).as_str() {
        "0000-00-00" => whole_day(text, end),
        "0000-00-00 00:00:00" => DateTime::strptime(FORM, text).ok(),
        _ if zone == Zone::Utc => with_offset(text),
        _ => None,
    };
    match moment {
        Some(moment) => Ok(moment.strftime(FORM).to_string()),
        None => Err(bad(argument, text, zone)),
    }
}

/// The text with every digit as 0. jiff reads many more forms than these, and passes over an offset where it wants none.
fn shape(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '0'..='9' => '0',
            other => other,
        })
        .collect()
}

fn whole_day(text: &str, end: End) -> Option<DateTime> {
    let date: Date = text.parse().ok()?;
    Some(match end {
        End::Start => date.at(0, 0, 0, 0),
        End::End => date.at(23, 59, 59, 0),
    })
}

/// RFC 3339: date, `T` (or, as its section 5.6 allows, a space), time, perhaps a fraction, and an offset.
fn with_offset(text: &str) -> Option<DateTime> {
    let shape = shape(text).to_ascii_uppercase();
    let rest = shape
        .strip_prefix("0000-00-00T00:00:00")
        .or_else(|| shape.strip_prefix("0000-00-00 00:00:00"))?;
    let offset = match rest.strip_prefix('.') {
        Some(fraction) if fraction.starts_with('0') => fraction.trim_start_matches('0'),
        Some(_) => return None,
        None => rest,
    };
    if !matches!(offset, "Z" | "+00:00" | "-00:00") {
        return None;
    }
    let moment: Timestamp = text.parse().ok()?;
    let moment = TimeZone::UTC.to_datetime(moment);
    // An offset at the edge of the calendar leads to a year that has no four digits.
    (0..=9999).contains(&moment.year()).then_some(moment)
}

fn bad(argument: &str, text: &str, zone: Zone) -> ToolError {
    let shown: String = text.chars().take(40).collect();
    let forms = match zone {
        Zone::Utc => {
            "YYYY-MM-DD, YYYY-MM-DD HH:MM:SS (UTC), or RFC 3339 such as 2026-03-01T09:30:00-05:00"
        }
        Zone::Store => {
            "YYYY-MM-DD or YYYY-MM-DD HH:MM:SS in the store's own time zone, without an offset"
        }
    };
    ToolError::invalid_input(
        "bad-date",
        format!(
            "'{argument}' is not a date: received \"{shown}\". Write {forms}. Example: \"2026-03-01 09:30:00\"."
        ),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn utc(text: &str, end: End) -> String {
        read("search_start_date", text, end, Zone::Utc).unwrap()
    }

    #[test]
    fn every_usual_form_is_understood() {
        assert_eq!(utc("2026-03-01", End::Start), "2026-03-01 00:00:00");
        assert_eq!(utc("2026-03-01", End::End), "2026-03-01 23:59:59");
        assert_eq!(
            utc(" 2026-03-01 09:30:00 ", End::End),
            "2026-03-01 09:30:00"
        );
        assert_eq!(
            utc("2026-03-01T09:30:00Z", End::Start),
            "2026-03-01 09:30:00"
        );
        assert_eq!(
            utc("2026-03-01T09:30:00-05:00", End::Start),
            "2026-03-01 14:30:00"
        );
    }

    #[test]
    fn the_stores_own_time_takes_no_offset() {
        let read = |text| read("search_start_date_local", text, End::Start, Zone::Store);
        assert_eq!(read("2026-03-01 09:30:00").unwrap(), "2026-03-01 09:30:00");
        for text in [
            "2026-03-01T09:30:00Z",
            "2026-03-01T09:30:00-05:00",
            "2026-03-01 09:30:00+00:00",
        ] {
            assert!(read(text).unwrap_err().has_code("bad-date"), "{text}");
        }
    }

    #[test]
    fn what_could_be_meant_in_two_ways_is_refused() {
        for text in [
            "20260301",
            "01/03/2026",
            "2026-3-1",
            "2026-03-01 09:30",
            "2026-03-01T09:30:00",
            "2026-03-01T09:30:00[America/New_York]",
            "2026-03-01T09:30:00-05:00[America/New_York]",
            "2026-03-01T09:30:00.Z",
            "2026-02-30",
            "2026-02-30 00:00:00",
            "2026-03-01 25:00:00",
            "0000-01-01T00:00:00+10:00",
            "yesterday",
            "",
        ] {
            let error = read("modified_end_date", text, End::End, Zone::Utc).unwrap_err();
            assert!(
                error.message.contains("'modified_end_date'"),
                "{text}: {error}"
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_else_reaches_order_desk(
            text in prop_oneof!["\\PC{0,30}", "[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9](:[0-5][0-9])?)?.{0,6}"],
            zone in prop::sample::select(vec![Zone::Utc, Zone::Store]),
        ) {
            if let Ok(date) = read("x", &text, End::Start, zone) {
                prop_assert_eq!(shape(&date), "0000-00-00 00:00:00");
                prop_assert!(date.parse::<DateTime>().is_ok(), "{}", date);
            }
        }

        #[test]
        fn an_offset_moves_the_clock_and_nothing_else(
            seconds in 0..4_000_000_000_i64, hours in -12..13_i8, minutes in 0..60_i8,
        ) {
            let moment = Timestamp::from_second(seconds).unwrap();
            let offset = jiff::tz::Offset::from_seconds(
                i32::from(hours) * 3_600 + i32::from(hours.signum() * minutes) * 60,
            )
            .unwrap();
            let text = moment.display_with_offset(offset).to_string();
            prop_assert_eq!(utc(&text, End::Start), moment.strftime(FORM).to_string());
        }
    }
}
