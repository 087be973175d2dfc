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

/// Order Desk's form of a date.
///
/// # Errors
/// `bad-date` names the argument and the forms that are understood.
pub(crate) fn read(argument: &str, text: &str, end: End, zone: Zone) -> Result<String, ToolError> {
    let text = text.trim();
    let moment = whole_day(text, end)
        .or_else(|| with_offset(text, zone))
        .or_else(|| text.parse::<DateTime>().ok())
        .ok_or_else(|| bad(argument, text, zone))?;
    Ok(moment.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

fn whole_day(text: &str, end: End) -> Option<DateTime> {
    // jiff reads the date of a longer text too; only a bare one means the whole day.
    if text.len() != "2026-03-01".len() {
        return None;
    }
    let date: Date = text.parse().ok()?;
    Some(match end {
        End::Start => date.at(0, 0, 0, 0),
        End::End => date.at(23, 59, 59, 0),
    })
}

fn with_offset(text: &str, zone: Zone) -> Option<DateTime> {
    let moment: Timestamp = text.parse().ok()?;
    (zone == Zone::Utc).then(|| TimeZone::UTC.to_datetime(moment))
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
        assert!(
            read("2026-03-01T09:30:00Z")
                .unwrap_err()
                .has_code("bad-date")
        );
    }

    proptest! {
        #[test]
        fn nothing_else_reaches_order_desk(text in "\\PC{0,30}") {
            if let Ok(date) = read("x", &text, End::Start, Zone::Utc) {
                prop_assert!(date.len() >= 19 && date.parse::<DateTime>().is_ok(), "{}", date);
            }
        }
    }
}
