//! Confusion matrices: how many test rows of each class were predicted as which.

use maud::{Markup, html};

use super::functions::Classified;
use crate::text::numbers::plural;
use crate::text::one_line;

/// Of more classes than this those with the most errors are shown, and the others together.
const MOST_CLASSES: usize = 20;
const MOST_SHOWN: usize = 15;
/// From so many classes on there is no room for names side by side, nor for shares on a phone.
const MANY: usize = 7;

pub struct Confusion {
    /// Of rows and columns: classes, and perhaps all others together.
    names: Vec<String>,
    /// By true class and by predicted one; behind them, how many were predicted as no class.
    counts: Vec<Vec<usize>>,
    /// Of classes taken together at the end: how many they are, and how many of their rows are right.
    others: Option<(usize, usize)>,
    /// All that there are.
    pub classes: usize,
    rows: usize,
    right: usize,
}

impl Confusion {
    pub fn of(classes: &Classified) -> Self {
        let count = classes.names.len();
        let mut counts = vec![vec![0_usize; count + 1]; count];
        for (&truth, predicted) in classes.truth.iter().zip(&classes.predicted) {
            counts[truth][predicted.unwrap_or(count)] += 1;
        }
        let right = (0..count).map(|class| counts[class][class]).sum();
        let whole = Confusion {
            names: classes.names.clone(),
            counts,
            others: None,
            classes: count,
            rows: classes.truth.len(),
            right,
        };
        if count > MOST_CLASSES { whole.gathered() } else { whole }
    }

    /// With the classes that have the fewest errors together.
    fn gathered(self) -> Self {
        let count = self.names.len();
        let errors = |class: usize| {
            let missed = self.counts[class].iter().sum::<usize>() - self.counts[class][class];
            let taken = (0..count).map(|other| self.counts[other][class]).sum::<usize>() - self.counts[class][class];
            missed + taken
        };
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_cached_key(|&class| std::cmp::Reverse(errors(class)));
        let mut shown = order[..MOST_SHOWN].to_vec();
        shown.sort_unstable();
        let place = |class: usize| shown.binary_search(&class).unwrap_or(MOST_SHOWN);
        let mut counts = vec![vec![0; MOST_SHOWN + 2]; MOST_SHOWN + 1];
        for (truth, row) in self.counts.iter().enumerate() {
            for (predicted, count_of) in row.iter().enumerate() {
                let column = if predicted == count { MOST_SHOWN + 1 } else { place(predicted) };
                counts[place(truth)][column] += count_of;
            }
        }
        let others = (0..count).filter(|&class| place(class) == MOST_SHOWN);
        let right = others.clone().map(|class| self.counts[class][class]).sum();
        let name = format!("{} others", others.count());
        let names = shown.iter().map(|&class| self.names[class].clone()).chain([name]).collect();
        Confusion { names, counts, others: Some((count - MOST_SHOWN, right)), ..self }
    }

    /// The matrix, under a caption that begins with this.
    pub fn table(&self, caption: &str) -> Markup {
        let count = self.names.len();
        let none = self.counts.iter().any(|row| row[count] > 0);
        let columns = count + usize::from(none);
        let names = || self.names.iter().map(|name| one_line(name)).chain(none.then(|| "no class".to_owned()));
        let upright = count >= MANY && names().any(|name| name.chars().count() > 3);
        let many = if count >= MANY { "confusion many" } else { "confusion" };
        let together = |class: usize| self.others.is_some() && class + 1 == count;
        let kind = |row: usize, column: usize| match () {
            _ if self.counts[row][column] == 0 => "zero",
            _ if row == column && together(row) => "mixed",
            _ if row == column => "right",
            _ => "wrong",
        };
        html! {
            figure {
                div.wide { table class=(many) {
                    thead { tr {
                        th.corner { span { "true ↓" } " " span { "predicted →" } }
                        @for name in names() {
                            th.class.upright[upright] scope="col" { span { (name) } }
                        }
                        th.number scope="col" { "rows" }
                    } }
                    tbody {
                        @for (row, (name, counts)) in names().zip(&self.counts).enumerate() {
                            @let all = counts.iter().sum::<usize>();
                            tr {
                                th.name scope="row" { (name) }
                                @for column in 0..columns {
                                    @let share = counts[column] as f64 / all.max(1) as f64;
                                    td class=(kind(row, column)) style=(format!("--share:{share:.2}")) {
                                        (counts[column])
                                        @if counts[column] > 0 { " " span.share { (percent(share)) } }
                                    }
                                }
                                td.number { (all) }
                            }
                        }
                    }
                } }
                figcaption {
                    (caption) " " (self.right) " of " (plural(self.rows, "test row is", "test rows are")) " right. "
                    "In each row the test rows of one class, by what they were predicted as, with their share of the row."
                    @if let Some((others, right)) = self.others {
                        " Shown are the " (MOST_SHOWN) " classes with the most errors; of the rows of the " (others)
                        " others, which stand together, " (right) " are right."
                    }
                }
            }
        }
    }
}

/// A share of which only all are 100 % and only none 0 %.
fn percent(share: f64) -> String {
    match share {
        share if share >= 1.0 => "100\u{a0}%".to_owned(),
        share if share < 0.01 => "<\u{a0}1\u{a0}%".to_owned(),
        share => format!("{:.0}\u{a0}%", (100.0 * share).round().min(99.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confusion(classes: usize, pairs: &[(usize, Option<usize>)]) -> Confusion {
        let names = (0..classes).map(|class| format!("c{class}")).collect();
        let (truth, predicted) = pairs.iter().copied().unzip();
        Confusion::of(&Classified { names, truth, predicted })
    }

    #[test]
    fn rows_are_true_classes_and_columns_predicted_ones() {
        let confusion = confusion(2, &[(0, Some(0)), (0, Some(1)), (0, Some(1)), (1, Some(1)), (1, None)]);
        assert_eq!(confusion.counts, [[1, 2, 0], [0, 1, 1]]);
        assert_eq!((confusion.right, confusion.rows), (2, 5));
    }

    #[test]
    fn of_many_classes_those_with_errors_are_shown_and_no_row_is_lost() {
        let mut pairs: Vec<(usize, Option<usize>)> = (0..30).flat_map(|class| [(class, Some(class)); 2]).collect();
        pairs.extend([(29, Some(3)), (29, Some(3)), (3, None)]);
        let confusion = confusion(30, &pairs);
        let names: Vec<&str> = confusion.names.iter().map(String::as_str).collect();
        assert_eq!((names[0], names[3], names[14], names[15]), ("c0", "c3", "c29", "15 others"));
        assert_eq!(confusion.counts.iter().flatten().sum::<usize>(), pairs.len());
        assert_eq!((confusion.counts[14][3], confusion.counts[3][16], confusion.counts[15][15]), (2, 1, 30));
        assert_eq!(confusion.others, Some((15, 30)));
    }

    #[test]
    fn only_all_are_100_percent() {
        assert_eq!([0.999, 1.0, 0.001, 0.5].map(percent), ["99\u{a0}%", "100\u{a0}%", "<\u{a0}1\u{a0}%", "50\u{a0}%"]);
    }
}
