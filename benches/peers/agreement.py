"""Whether two programs give the same answers: an answer is a label, and its five labels with their probabilities."""

TOLERANCE = 2e-5


def agreement(reference, answers):
    """Shares of the texts with the same first label, and with the same probabilities too; the largest difference between two
    probabilities."""
    if len(reference) != len(answers):
        raise ValueError(f"{len(answers)} answers for {len(reference)} texts")
    first = [same_first(expected, answer) for expected, answer in zip(reference, answers)]
    differences = [difference(expected["p"], answer["p"]) for expected, answer in zip(reference, answers)]
    both = sum(same and apart <= TOLERANCE for same, apart in zip(first, differences))
    return {"same_first": sum(first) / len(first), "agree": both / len(first), "largest_difference": max(differences)}


def same_first(expected, answer):
    """One-vs-all scores come from a table and tie often, and no order of a tie is wrong: another first label is right when the
    reference gives it the probability of its own first one. When all five tie, others that it does not name may as well."""
    label = answer["label"].removeprefix("__label__")
    given = dict(expected["p"])
    best, last = expected["p"][0][1], expected["p"][-1][1]
    return label == expected["label"] or best - given.get(label, last) <= TOLERANCE


def difference(expected, given):
    """Of the same rank, and of the same label where both name it. A probability that one lacks differs by all it is."""
    length = max(len(expected), len(given))
    one, other = ([p for _, p in pairs] + [0.0] * (length - len(pairs)) for pairs in (expected, given))
    by_rank = [abs(p - q) for p, q in zip(one, other)]
    right = dict(expected)
    named = ((label.removeprefix("__label__"), p) for label, p in given)
    return max(by_rank + [abs(right[label] - p) for label, p in named if label in right])
