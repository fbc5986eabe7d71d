"""What a gate measures with: a process of a side for each block, its records in one journal."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sabench.cases.case import Case
from sabench.cases.plan import Batch, Job, gate_jobs, make_batches, parity_jobs
from sabench.catalog.metrics import METRICS
from sabench.catalog.presets import Preset
from sabench.compare.gate.blocks import SideName
from sabench.compare.gate.folder import GateFolder
from sabench.compare.gate.sides import Checkout
from sabench.launch.limits import allowed_cores, choose_cores
from sabench.launch.one_child import Surroundings, one_child
from sabench.launch.process import ProcessLauncher
from sabench.records import Environment, Record
from sabench.store import journal

COUNTS = tuple(name for name, metric in METRICS.items() if metric.exact)
"""The metrics that have no noise: the same work gives the same figure, to the last unit."""


@dataclass(slots=True)
class CheckoutBench:
    """Measures cases with the code of two checkouts, each in processes of its own."""

    checkouts: Mapping[SideName, Checkout]  # of base and candidate; null is the base
    cases: Mapping[str, Case]  # by case_id, files as the candidate has them
    suite: str
    device: str
    environment: Environment
    preset: Preset
    seed: int
    memory_limit: int
    folder: GateFolder
    around: Surroundings
    metrics: tuple[str, ...] = ("latency_warm",)
    plants: Mapping[str, float] = field(default_factory=dict)  # by case_id, into the candidate

    def measure(self, side: SideName, block: int, case_ids: Sequence[str]) -> list[Record]:
        """One process of a side, the cases in an order that the block alone decides."""
        shuffled = sorted(case_ids)
        random.Random(f"{self.seed} {block}").shuffle(shuffled)
        plants = self.plants if side == "candidate" else {}
        jobs = gate_jobs(
            [self._case(side, one) for one in shuffled],
            *(self.device, self.metrics, side, block, self.seed),
            plants=plants,
        )
        return self._run(side, jobs)

    def count(self, side: SideName) -> list[Record]:
        """Parity of a side's implementations, then what has no noise, once."""
        cases = [self._case(side, one) for one in self.cases]
        with self.around.stop.waiting():
            known = self._checkout(side).metrics()
        counts = [name for name in COUNTS if name in known]
        jobs = parity_jobs(cases, [self.device], self.seed)
        jobs += gate_jobs(cases, self.device, counts, f"{side}-counts", 0, self.seed)
        return self._run(side, jobs)

    def _case(self, side: SideName, case_id: str) -> Case:
        """A case as a side has it: a layer's own file lies in the side's folder."""
        case = self.cases[case_id]
        if not case.file:
            return case
        path, _, name = case.file.rpartition(":")
        ours, theirs = self.checkouts["candidate"].root, self._checkout(side).root
        if not Path(path).is_relative_to(ours):
            return case
        return case.model_copy(update={"file": f"{theirs / Path(path).relative_to(ours)}:{name}"})

    def _checkout(self, side: SideName) -> Checkout:
        return self.checkouts["base" if side == "null" else side]

    def _run(self, side: SideName, jobs: Sequence[Job]) -> list[Record]:
        checkout = self._checkout(side)
        starter = ProcessLauncher(checkout.child, code=checkout.code, folder=checkout.root)
        records: list[Record] = []

        def finish(job: Job, record: Record) -> Record:
            stored = journal.append(self.folder, record.model_copy(update={"side": side}))
            records.append(stored)
            return stored

        for batch in make_batches(jobs, "suite"):
            left, is_last_try = tuple(batch), False
            while left:
                ended = one_child(
                    self._batch(left),
                    starter,
                    self.environment,
                    self.around,
                    finish,
                    is_last_try=is_last_try,
                )
                left, is_last_try = ended.left, not ended.did_something
        return records

    def _batch(self, jobs: tuple[Job, ...]) -> Batch:
        threads = jobs[0].case.threads
        return Batch(
            batch_id=self.around.next_batch_id(),
            suite=self.suite,
            preset=self.preset,
            environment=self.environment.id,
            device=self.device,
            threads=threads,
            cores=choose_cores(threads, allowed_cores()),
            memory_limit=self.memory_limit,
            jobs=jobs,
        )
