//! Times as text, there and back; counted day by day rather than by formula.

/// `2013-01-01 10:15:00` in milliseconds since 1970 UTC.
///
/// # Panics
/// If the text is no such time: the data of an example is ours.
pub(super) fn millis(text: &str) -> i64 {
    let numbers: Vec<i64> = text
        .split(['-', ' ', ':'])
        .map(|part| part.parse().expect("a time holds only numbers"))
        .collect();
    let [year, month, day, hour, minute, second] = numbers[..] else {
        panic!("'{text}' is no time");
    };
    let days_of_years: i64 = (1970..year).map(days_of_year).sum();
    let days_of_months: i64 = (1..month).map(|month| days_of_month(year, month)).sum();
    let days = days_of_years + days_of_months + day - 1;
    (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000
}

/// `yyyy-MM-dd HH:mm:ss.SSS` of a time from 1970 on.
pub(super) fn text(millis: i64) -> String {
    let (mut day, rest) = (millis / 86_400_000, millis % 86_400_000);
    let (mut year, mut month) = (1970, 1);
    while day >= days_of_year(year) {
        day -= days_of_year(year);
        year += 1;
    }
    while day >= days_of_month(year, month) {
        day -= days_of_month(year, month);
        month += 1;
    }
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, milli) = (rest / 1000 % 60, rest % 1000);
    format!(
        "{year:04}-{month:02}-{:02} {hour:02}:{minute:02}:{second:02}.{milli:03}",
        day + 1
    )
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_year(year: i64) -> i64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_the_way_there_and_back() {
        assert_eq!(millis("1970-01-01 00:00:00"), 0);
        assert_eq!(millis("2013-01-01 10:15:00"), 1_357_035_300_000);
        for time in [
            "2012-02-29 23:59:59",
            "2013-12-31 00:00:01",
            "2000-03-01 12:00:00",
        ] {
            assert_eq!(text(millis(time)), format!("{time}.000"));
        }
        assert_eq!(text(1_690_848_000_123), "2023-08-01 00:00:00.123");
    }
}
