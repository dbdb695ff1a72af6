//! The tree of a hierarchical softmax, as fastText builds it: Huffman's, from how often each label was seen (Mikolov et al.,
//! "Distributed Representations of Words and Phrases and their Compositionality", NIPS 2013).

/// A binary tree whose leaves are the labels, and whose forks are lines of the head.
#[derive(Clone, Debug)]
pub struct LabelTree {
    labels: usize,
    /// The left and the right child of each fork, in the order of their lines: leaves are numbered first, then forks. A child is
    /// always numbered below its parent.
    forks: Vec<[usize; 2]>,
    /// The parent of each node, and whether the node is its right child; none of the root.
    parents: Vec<Option<(usize, bool)>>,
}

impl LabelTree {
    /// A count that none reaches, not all of them together: what is not made yet is never taken.
    pub const UNTAKEN: u64 = 1_000_000_000_000_000;

    /// The tree of labels that were seen so many times, the most frequent first; fewer than [`Self::UNTAKEN`] times in all.
    pub fn new(counts: &[u64]) -> Self {
        let labels = counts.len();
        let mut count: Vec<u64> = counts.to_vec();
        count.resize((2 * labels).max(1) - 1, Self::UNTAKEN);
        let mut tree = Self { labels, forks: Vec::new(), parents: vec![None; count.len()] };
        let (mut leaves, mut next_fork) = (labels, labels);
        for fork in labels..count.len() {
            let children = [false, true].map(|is_right| {
                let of = |node: usize| count.get(node).copied().unwrap_or(Self::UNTAKEN);
                let leaf = leaves.checked_sub(1).filter(|leaf| of(*leaf) < of(next_fork));
                let child = leaf.unwrap_or(next_fork);
                if leaf.is_some() {
                    leaves -= 1
                } else {
                    next_fork += 1
                }
                tree.parents.get_mut(child).into_iter().for_each(|parent| *parent = Some((fork, is_right)));
                child
            });
            let sum =
                children.iter().filter_map(|child| count.get(*child)).fold(0, |sum: u64, n| sum.saturating_add(*n));
            count.get_mut(fork).into_iter().for_each(|count| *count = sum);
            tree.forks.push(children);
        }
        tree
    }

    /// The probability of each label, from the logits of the forks: those of turning right.
    pub fn probabilities(&self, logits: &[f32]) -> Vec<f32> {
        let mut reached = vec![0f32; self.parents.len()];
        reached.last_mut().into_iter().for_each(|root| *root = 1.0);
        // From the root down: a child is numbered below its parent.
        for (place, ([left, right], logit)) in self.forks.iter().zip(logits).enumerate().rev() {
            let here = reached.get(self.labels + place).copied().unwrap_or_default();
            let to_the_right = 1.0 / (1.0 + (-logit).exp());
            reached.get_mut(*left).into_iter().for_each(|left| *left = here * (1.0 - to_the_right));
            reached.get_mut(*right).into_iter().for_each(|right| *right = here * to_the_right);
        }
        reached.truncate(self.labels);
        reached
    }

    /// The forks on the way to a label: the line of each, and 1 for a turn to the right, −1 for one to the left.
    pub fn path(&self, label: usize) -> Vec<(usize, f32)> {
        let parent = |node: usize| self.parents.get(node).copied().flatten();
        let way = std::iter::successors(parent(label), |(fork, _)| parent(*fork));
        way.map(|(fork, is_right)| (fork - self.labels, if is_right { 1.0 } else { -1.0 })).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rarest_labels_are_the_farthest() {
        let tree = LabelTree::new(&[10, 5, 2, 1]);
        let depths: Vec<usize> = (0..4).map(|label| tree.path(label).len()).collect();
        assert_eq!(depths, [1, 2, 3, 3]);
        // 1 and 2 make 3; 3 (a fork) and 5 make 8; 8 and 10 make all.
        assert_eq!(tree.path(3), [(0, -1.0), (1, -1.0), (2, -1.0)]);
        assert_eq!(tree.path(2), [(0, 1.0), (1, -1.0), (2, -1.0)]);
        assert_eq!(tree.path(0), [(2, 1.0)]);
    }

    #[test]
    fn a_leaf_is_taken_only_when_it_is_strictly_rarer() {
        let tree = LabelTree::new(&[2, 1, 1]);
        // The fork of the two rarest counts 2 as the first label does: the fork is taken first, and is the left child.
        assert_eq!(tree.path(0), [(1, 1.0)]);
        assert_eq!(tree.path(1), [(0, 1.0), (1, -1.0)]);
    }

    #[test]
    fn probabilities_follow_the_turns_and_sum_to_one() {
        let tree = LabelTree::new(&[10, 5, 2, 1]);
        let logits = [0.3, -1.2, 2.0, 0.0];
        let probabilities = tree.probabilities(&logits);
        assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        for (label, probability) in probabilities.iter().enumerate() {
            let turns = tree.path(label).into_iter().map(|(fork, turn)| 1.0 / (1.0 + (-turn * logits[fork]).exp()));
            assert!((turns.product::<f32>() - probability).abs() < 1e-6);
        }
        assert_eq!((LabelTree::new(&[7]).probabilities(&[0.5]), LabelTree::new(&[7]).path(0).len()), (vec![1.0], 0));
        assert!(LabelTree::new(&[]).probabilities(&[]).is_empty());
    }
}
