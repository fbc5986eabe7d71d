"""What a perceptron, which knows no neighbours, reaches on the digits and on the permuted ones.

To be held beside the suite `permuted`: scikit-learn's
MLPClassifier with its defaults, on the same split. Needs the extra `train`.

    python tools/perceptron.py [--seeds 5]
"""

import argparse
import statistics

from sklearn.neural_network import MLPClassifier

from sabench.catalog.rows import Options
from sabench.store.figure import mean_interval
from sabench.train.data.digits import load, load_permuted

LOADERS = {"digits": load, "permuted_digits": load_permuted}
MOST_EPOCHS = 1000  # by its default of 200 few seeds have converged


def main() -> None:
    """A line for each: the mean over the seeds, half of its 95 % interval, every seed's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args().seeds
    for name in LOADERS:
        found = reached(name, seeds)
        interval, _ = mean_interval(found)
        half, each = (interval.high - interval.low) / 2, " ".join(f"{one:.4f}" for one in found)
        print(f"{name:16} {statistics.fmean(found):.2%} +- {half:.2%}  ({each})")


def reached(name: str, seeds: int) -> list[float]:
    """Its test accuracy on the data of that name, by seed."""
    content = LOADERS[name](Options(), 0)
    pixels, labels = content.train.images.flatten(1).numpy(), content.train.labels.numpy()
    tests, truth = content.test.images.flatten(1).numpy(), content.test.labels.numpy()
    return [
        float(
            MLPClassifier(max_iter=MOST_EPOCHS, random_state=seed)
            .fit(pixels, labels)
            .score(tests, truth)
        )
        for seed in range(seeds)
    ]


if __name__ == "__main__":
    main()
