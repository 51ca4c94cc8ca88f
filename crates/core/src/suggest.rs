//! "Did you mean …?": the nearest known name to a mistyped one.

/// The candidate nearest to `word` if it is near enough to be a typing error.
///
/// Distance is Levenshtein's, ignoring case; near enough is at most a third of the word's length
/// (rounded up). Very long words have no neighbour: the cost is bounded.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 128;
    if word.len() > LONGEST {
        return None;
    }
    let word: Vec<char> = word.to_lowercase().chars().collect();
    let limit = word.len().div_ceil(3);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean 'x'?`, ready to be a hint.
pub fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|name| format!("did you mean '{name}'?"))
}

fn distance(left: &[char], right: &str) -> usize {
    let mut row: Vec<usize> = (0..=left.len()).collect();
    for (i, r) in right.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, l) in left.iter().enumerate() {
            let replaced = diagonal + usize::from(*l != r);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[left.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_its_neighbour_and_a_stranger_does_not() {
        let names = ["price", "bidder", "auction"];
        assert_eq!(nearest("pirce", names), Some("price"));
        assert_eq!(nearest("prise", names), Some("price"));
        assert_eq!(nearest("BIDER", names), Some("bidder"));
        assert_eq!(nearest("warehouse", names), None);
        assert_eq!(nearest(&"x".repeat(1 << 20), names), None);
    }
}
