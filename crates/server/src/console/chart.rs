//! Charts as the server draws them: plain SVG without scripts, each with the same numbers as a table.

/// A part of a whole, and the list behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// The class of its colour.
    pub class: &'static str,
    pub shape: &'static str,
    /// In the reader's language.
    pub label: String,
    pub link: String,
    pub count: i64,
}

/// Parts of a whole, one below the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bars(pub Vec<Bar>);

impl Bars {
    /// Length of a bar in hundredths of the whole; what is there at all can be seen.
    pub fn length(&self, bar: &Bar) -> i64 {
        let whole: i64 = self.0.iter().map(|bar| bar.count).sum();
        match bar.count {
            0 => 0,
            count => (count * 100 / whole.max(1)).max(1),
        }
    }

    /// The share in words: `12 %`.
    pub fn share(&self, bar: &Bar) -> String {
        let whole: i64 = self.0.iter().map(|bar| bar.count).sum();
        match (bar.count, bar.count * 100 / whole.max(1)) {
            (0, _) => "0 %".into(),
            (_, 0) => "< 1 %".into(),
            (_, share) => format!("{share} %"),
        }
    }
}

/// One of several things that are counted in every column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    pub class: &'static str,
    pub shape: &'static str,
    pub label: String,
    pub link: String,
    /// One count for each column.
    pub counts: Vec<i64>,
}

impl Series {
    fn at(&self, column: usize) -> i64 {
        self.counts.get(column).copied().unwrap_or(0)
    }

    pub fn total(&self) -> i64 {
        self.counts.iter().sum()
    }
}

/// Columns side by side, such as days, with series on top of each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    pub labels: Vec<String>,
    pub series: Vec<Series>,
}

/// A rectangle of a column.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    pub class: &'static str,
    pub x: i64,
    pub y: i64,
    pub width: i64,
    pub height: i64,
    /// What it says when one points at it.
    pub title: String,
}

impl Columns {
    /// The drawing is so wide and high; the page scales it.
    pub const WIDTH: i64 = 600;
    pub const HEIGHT: i64 = 120;

    pub fn is_empty(&self) -> bool {
        self.series.iter().all(|series| series.total() == 0)
    }

    /// The highest column.
    pub fn most(&self) -> i64 {
        (0..self.labels.len()).map(|column| self.sum(column)).max().unwrap_or(0)
    }

    pub fn sum(&self, column: usize) -> i64 {
        self.series.iter().map(|series| series.at(column)).sum()
    }

    pub fn first(&self) -> &str {
        self.labels.first().map(String::as_str).unwrap_or_default()
    }

    pub fn last(&self) -> &str {
        self.labels.last().map(String::as_str).unwrap_or_default()
    }

    /// The table: each label with its counts.
    pub fn rows(&self) -> Vec<(&str, Vec<i64>)> {
        let counts = |column| self.series.iter().map(|series| series.at(column)).collect();
        let labels = self.labels.iter().enumerate();
        labels.map(|(column, label)| (label.as_str(), counts(column))).collect()
    }

    /// The rectangles, from the left and from below.
    pub fn blocks(&self) -> Vec<Block> {
        let (most, count) = (self.most().max(1), i64::try_from(self.labels.len()).unwrap_or(1).max(1));
        let mut blocks = Vec::new();
        for (column, label) in self.labels.iter().enumerate() {
            let at = i64::try_from(column).unwrap_or(0);
            let (left, right) = (at * Self::WIDTH / count, (at + 1) * Self::WIDTH / count);
            let mut below = 0;
            for series in &self.series {
                let value = series.at(column);
                if value == 0 {
                    continue;
                }
                let height = (value * Self::HEIGHT / most).max(2);
                blocks.push(Block {
                    class: series.class,
                    x: left + 1,
                    y: (Self::HEIGHT - below - height).max(0),
                    width: (right - left - 2).max(1),
                    height,
                    title: format!("{label}: {} {value}", series.label),
                });
                below += height;
            }
        }
        blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(count: i64) -> Bar {
        Bar {
            class: "high",
            shape: "▲",
            label: "High".into(),
            link: "/".into(),
            count,
        }
    }

    #[test]
    fn what_is_there_can_be_seen_and_what_is_not_cannot() {
        let bars = Bars(vec![bar(1), bar(999), bar(0)]);
        let lengths: Vec<_> = bars.0.iter().map(|bar| bars.length(bar)).collect();
        assert_eq!(lengths, [1, 99, 0]);
        let shares: Vec<_> = bars.0.iter().map(|bar| bars.share(bar)).collect();
        assert_eq!(shares, ["< 1 %", "99 %", "0 %"]);
        assert_eq!(Bars(vec![bar(0)]).length(&bar(0)), 0);
    }

    #[test]
    fn columns_stand_on_each_other_inside_the_drawing() {
        let series = |class, counts: &[i64]| Series {
            class,
            shape: "●",
            label: class.into(),
            link: "/".into(),
            counts: counts.to_vec(),
        };
        let columns = Columns {
            labels: vec!["a".into(), "b".into()],
            series: vec![series("x", &[3, 0]), series("y", &[1, 2])],
        };
        assert_eq!((columns.most(), columns.sum(1)), (4, 2));
        let blocks = columns.blocks();
        let places: Vec<_> = blocks.iter().map(|b| (b.class, b.x, b.y, b.width, b.height)).collect();
        assert_eq!(
            places,
            [("x", 1, 30, 298, 90), ("y", 1, 0, 298, 30), ("y", 301, 60, 298, 60)]
        );
        assert_eq!(blocks[0].title, "a: x 3");
        assert!(Columns::default().is_empty() && Columns::default().blocks().is_empty());
    }
}
