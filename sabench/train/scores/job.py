"""One job: the zero-cost scores of a network, all on the same minibatch."""

from functools import partial

import torch
from pydantic import JsonValue

from sabench.cases.plan import Batch, Job
from sabench.catalog.metrics import METRICS
from sabench.catalog.scores import find_asked
from sabench.measure.faults import is_out_of_memory
from sabench.measure.outcome import Outcome, conclude
from sabench.measure.termination import Termination
from sabench.records import Flag, Reading, Record, Status
from sabench.train.feed import prepared
from sabench.train.job import build_trained, data_of, told_of
from sabench.train.scores.minibatch import Minibatch
from sabench.train.scores.scored import Scored, UndefinedScoreError
from sabench.train.training import Tell, tell_nobody

NAMED = 20
"""So many of the vectors that a score does not see are named in a record, and every weight (two
axes or more); all are counted."""


def run_scores(
    job: Job,
    batch: Batch,
    flags: tuple[Flag, ...] = (),
    tell: Tell = tell_nobody,
    termination: Termination | None = None,
) -> tuple[Record, bool]:
    """The job's record, and whether this process must not go on. Never raises."""
    return conclude(job, batch, termination, partial(_score, job, tell))


def _score(job: Job, tell: Tell, taken: dict[str, Reading]) -> Outcome:
    """Every score that was asked for. The weights are the seed's, the images always the same.

    Raises: ConfigError for data or a network that cannot be had; whatever the network raises.
    """
    case, device = job.case, torch.device(job.device)
    data = data_of(case)
    chosen = data.minibatch(min(case.batch, len(data.train)))
    module = build_trained(case, len(data.classes), job.replicate, device)
    minibatch = Minibatch(prepared(data, chosen.images), chosen.labels, seed=job.replicate)
    for number, name in enumerate(job.metrics, 1):
        tell(f"{name}, {number} of {len(job.metrics)}")
        taken[name] = _reading(name, module, minibatch)
    details: dict[str, JsonValue] = {
        "seed": job.replicate,
        "data": told_of(data),
        "minibatch": {"images": len(chosen), "sha256": chosen.sha256},
    }
    return Outcome(Status.OK, "", {**taken}, (), details)


def _reading(name: str, module: torch.nn.Module, minibatch: Minibatch) -> Reading:
    """A score, or the reason why it is undefined for this network."""
    unit, asked = METRICS[name].unit, find_asked(name)
    settings = {"variant": asked.variant} if asked.variant else {}
    try:
        scored, chunks = split_on_demand(
            partial(asked.score.load(), module, minibatch, **settings), len(minibatch)
        )
    except UndefinedScoreError as error:
        return Reading.absent(unit, str(error))
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return Reading.absent(unit, "out of memory, image by image too")
    axes = {key: parameter.dim() for key, parameter in module.named_parameters()}
    weights: list[JsonValue] = [[*one] for one in scored.unseen if axes[one[0]] > 1]
    vectors: list[JsonValue] = [[*one] for one in scored.unseen if axes[one[0]] <= 1]
    details: dict[str, JsonValue] = {
        **scored.details,
        "chunks": chunks,
        "seen": len(scored.seen),
        "unseen": len(scored.unseen),
        "unseen_weights": weights,
        "unseen_vectors": vectors[:NAMED],
    }
    return Reading.of(unit, [scored.value], details=details)


def split_on_demand(score: "partial[Scored]", most: int) -> tuple[Scored, int]:
    """A score of the whole minibatch, in twice as many chunks each time memory runs out.

    It never shrinks the minibatch: the value does not depend on the chunks.
    Raises: as the score; what tells of no memory only where single images take too much.
    """
    chunks = 1
    while True:
        try:
            return score(chunks=chunks), chunks
        except (MemoryError, RuntimeError) as error:
            if chunks >= most or not is_out_of_memory(error):
                raise
            chunks = min(2 * chunks, most)
