//! The names closest to a mistyped one, for error messages.

/// Names longer than this are cut before they are compared, and no more names than [`MOST`] are.
const LONGEST: usize = 64;
const MOST: usize = 20_000;

/// Up to `count` of `names`, the closest to `wanted` first.
pub(super) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>, count: usize) -> Vec<&'a str> {
    let mut ranked: Vec<(usize, &str)> = names.into_iter().take(MOST).map(|n| (distance(wanted, n), n)).collect();
    ranked.sort_unstable();
    ranked.truncate(count);
    ranked.into_iter().map(|(_, name)| name).collect()
}

/// The names as a list in backticks, the closest first; `none` where there are none.
pub(super) fn listed<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>, count: usize) -> String {
    let near = nearest(wanted, names, count);
    if near.is_empty() { "none".into() } else { format!("`{}`", near.join("`, `")) }
}

/// Insertions, deletions and replacements between two names (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(LONGEST).collect(), b.chars().take(LONGEST).collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_name_comes_first() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(nearest("net.0.weigth", ["net.1.bias", "net.0.weight", "fc"], 2), ["net.0.weight", "net.1.bias"]);
        assert_eq!(listed("x", [], 3), "none");
    }
}
