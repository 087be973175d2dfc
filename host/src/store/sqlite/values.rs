//! Times in SQLite's signed integers.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

use crate::clock::Timestamp;

impl ToSql for Timestamp {
    /// A moment past the year 292,278,994 is stored as that year, which is as good as never.
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(i64::try_from(self.as_millis()).unwrap_or(i64::MAX).into())
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let millis = value.as_i64()?;
        u64::try_from(millis)
            .map(Self)
            .map_err(|_| FromSqlError::OutOfRange(millis))
    }
}
