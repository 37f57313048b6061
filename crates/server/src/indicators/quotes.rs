//! Quotes of a CSV file that are not closed as they should be: unnoticed, one would swallow all rows up to the next quote.

/// A quoted field that does not end in a quote before a comma or the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unclosed {
    /// Where its row begins.
    pub row: usize,
    /// Where it begins itself.
    pub quote: usize,
    /// The end of the line on which it begins; from there on the rows are good again.
    pub end: usize,
}

/// All of them, in their order (RFC 4180 §2, with `\n` and `\r` too as the end of a line and blanks after a closing quote).
pub fn unclosed(bytes: &[u8]) -> Vec<Unclosed> {
    let (mut found, mut row) = (Vec::new(), 0);
    while row < bytes.len() {
        row = match row_end(bytes, row) {
            Ok(end) => end,
            Err(quote) => {
                let end = line_end(bytes, quote);
                found.push(Unclosed { row, quote, end });
                end
            }
        };
    }
    found
}

/// Where the row after this one begins, or the quote that is not closed.
fn row_end(bytes: &[u8], row: usize) -> Result<usize, usize> {
    let mut field = row;
    loop {
        let end = match bytes.get(field) {
            Some(b'"') => quoted_end(bytes, field).ok_or(field)?,
            _ => skip(bytes, field, |b| !matches!(b, b',' | b'\r' | b'\n')),
        };
        match bytes.get(end) {
            Some(b',') => field = end + 1,
            _ => return Ok(end + 1),
        }
    }
}

/// Where a quoted field ends: at a comma, a line's end or the file's.
fn quoted_end(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at = skip(bytes, at, |b| b != b'"') + 1;
        match bytes.get(at) {
            // Two quotes are one that belongs to the text.
            Some(b'"') => at += 1,
            None if at > bytes.len() => return None,
            _ => break,
        }
    }
    let end = skip(bytes, at, |b| matches!(b, b' ' | b'\t'));
    matches!(bytes.get(end), None | Some(b',' | b'\r' | b'\n')).then_some(end)
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    skip(bytes, from, |b| !matches!(b, b'\r' | b'\n'))
}

fn skip(bytes: &[u8], from: usize, pass: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|b| pass(**b)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines on which unclosed quotes begin.
    fn lines(text: &str) -> Vec<usize> {
        let line = |at: usize| text.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
        unclosed(text.as_bytes()).iter().map(|u| line(u.quote)).collect()
    }

    #[test]
    fn what_is_closed_is_good() {
        for good in [
            "",
            "a,b\n",
            "\"a\",\"b\"\n",
            "\"a, \"\"b\"\"\nc\" ,d\r\n",
            "\"\",\"\"",
            "a\"b,c\"d\n",
            "\"\"\"\"\n",
        ] {
            assert_eq!(lines(good), Vec::<usize>::new(), "{good:?}");
        }
    }

    #[test]
    fn an_unclosed_quote_is_found_where_it_begins() {
        for (bad, found) in [
            ("a,\"b", vec![1]),
            ("a,\"b\nc,d\n", vec![1]),
            ("a\nb,\"c,d\ne,\"f\",g\nh\n", vec![2]),
            ("a,\"b\nc,\"d\ne,f\n", vec![1, 2]),
            ("\"two\nlines\",\"x\na,b\n", vec![2]),
            ("\"a\"b,c\nd\n", vec![1]),
            ("a,\"b\"\"\r\nc", vec![1]),
        ] {
            assert_eq!(lines(bad), found, "{bad:?}");
        }
    }

    #[test]
    fn a_hostile_file_costs_no_more_than_its_length() {
        for line in ["a\",\"b\n", "x,\"\n", "\"\"\"x\n", "\",\"\n"] {
            // Squared, this would take hours.
            unclosed(line.repeat(2_000_000).as_bytes());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_walked_to_their_end(text in "[a\",\r\n ]{0,200}") {
            let found = unclosed(text.as_bytes());
            for pair in found.windows(2) {
                proptest::prop_assert!(pair[0].end <= pair[1].row);
            }
            for one in found {
                proptest::prop_assert!(one.row <= one.quote && one.quote < one.end && one.end <= text.len());
            }
        }
    }
}
