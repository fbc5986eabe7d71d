"""Is the feed ever the bound? Images a second with real data, and with one batch over and over.

    .venv/bin/python tools/check_feed.py [--network resnet26] [--data digits] [--turns 20]

Both take the same steps of the same network in turns, the order flipped each time: one draws its
batches from the data, shuffled, normalised and augmented, the other has one at hand.
Exit code: 0 the interval of the ratio lies within 3 %, 1 it lies outside, 4 it is too wide to tell.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from itertools import islice

import torch
from quiet import Found, find_quiet

from sabench.cases.case import Case
from sabench.cases.recipe import Recipe
from sabench.catalog.data import parse_data
from sabench.stats import median_interval
from sabench.train.feed import Batch, Feed
from sabench.train.job import build_trained, data_of
from sabench.train.session import Session

TOLERANCE = 0.03
TURN_S = 1.0


def main() -> int:
    """Measure, print both rates, the ratio and its interval; say whether it holds."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", default="resnet26")
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--mix", default="conv")
    parser.add_argument("--stem", default="conv")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--resolution", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--patience", type=float, default=20, help="minutes to wait for quiet")
    asked = parser.parse_args()
    if find_quiet(60 * asked.patience) is Found.BUSY:
        return 4
    torch.set_num_threads(asked.threads)
    session, feed = training(asked)
    batch = next(feed.draw(0))
    steps = steps_in(TURN_S, session, batch)
    drawn, same = endless(feed), forever(batch)
    ratios, rates = [], []
    for turn in range(asked.turns):
        order = (drawn, same) if turn % 2 else (same, drawn)
        taken = {id(source): timed(session, source, steps) for source in order}
        ratios.append(taken[id(same)] / taken[id(drawn)])
        rates.append(steps * feed.batch / taken[id(drawn)])
    return told(ratios, statistics.median(rates))


def training(asked: argparse.Namespace) -> tuple[Session, Feed]:
    """A network and its data as `sabench train` makes them."""
    case = Case(
        kind="network",
        subject=asked.network,
        resolution=asked.resolution,
        batch=Recipe().batch,
        mode="train",
        data=parse_data(asked.data).text,
        options={"mix": asked.mix, "stem": asked.stem, "width": asked.width},
    )
    data, device = data_of(case), torch.device(asked.device)
    module = build_trained(case, len(data.classes), 0, device)
    feed = Feed(data, case.batch, 0, device, augments=True)
    return Session(module, Recipe(), 1_000_000, autocast="none"), feed


def endless(feed: Feed) -> Iterator[Batch]:
    """Epoch after epoch."""
    epoch = 0
    while True:
        yield from feed.draw(epoch)
        epoch += 1


def forever(batch: Batch) -> Iterator[Batch]:
    """The same batch."""
    while True:
        yield batch


def steps_in(seconds: float, session: Session, batch: Batch) -> int:
    """Steps that take about that long, after some to warm up."""
    timed(session, forever(batch), 5)
    return max(1, round(seconds / (timed(session, forever(batch), 10) / 10)))


def timed(session: Session, source: Iterator[Batch], steps: int) -> float:
    """Seconds of so many steps, the drawing of their batches included."""
    start = time.perf_counter()
    for images, labels in islice(source, steps):
        session.step(images, labels)
    if session.device.type == "cuda":
        torch.cuda.synchronize(session.device)
    return time.perf_counter() - start


def told(ratios: list[float], rate: float) -> int:
    """Print the figure; the exit code."""
    interval, middle = median_interval(ratios), statistics.median(ratios)
    assert interval is not None
    held = interval.low >= 1 - TOLERANCE
    lost = interval.high < 1 - TOLERANCE
    verdict = "held" if held else "NOT HELD" if lost else "too wide to tell"
    print(f"{rate:.0f} images/s from the data; {middle:.4f} of those with one batch at hand,")
    print(f"95 % {interval.low:.4f}..{interval.high:.4f}; at least {1 - TOLERANCE:.2f}: {verdict}")
    return 0 if held else 1 if lost else 4


if __name__ == "__main__":
    raise SystemExit(main())
