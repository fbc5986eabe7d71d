"""What a gate measures with: a process of a side for each block, its records in one journal."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sabench.cases.case import Case
from sabench.cases.parity import Claim, claims
from sabench.cases.plan import Batch, Job, answer, gate_jobs, make_batches, parity_jobs
from sabench.catalog.metrics import METRICS
from sabench.catalog.presets import Preset
from sabench.compare.gate.blocks import SideName
from sabench.compare.gate.folder import GateFolder
from sabench.compare.gate.sides import Checkout
from sabench.launch.limits import allowed_cores, choose_cores
from sabench.launch.one_child import Surroundings, one_child
from sabench.launch.process import ProcessLauncher
from sabench.records import FAILED, Environment, Record
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
    metrics: tuple[str, ...] = ("latency_warm",)  # of a block, as far as a side knows them
    plants: Mapping[str, float] = field(default_factory=dict)  # by case_id, into the candidate
    known: dict[SideName, frozenset[str]] = field(default_factory=dict)  # metrics of each code

    def measure(self, side: SideName, block: int, case_ids: Sequence[str]) -> list[Record]:
        """One process of a side, the cases in an order that the block alone decides."""
        shuffled = sorted(case_ids)
        random.Random(f"{self.seed} {block}").shuffle(shuffled)
        plants = self.plants if side == "candidate" else {}
        jobs = gate_jobs(
            [self._case(side, one) for one in shuffled],
            *(self.device, self.known_to(side, self.metrics), side, block, self.seed),
            plants=plants,
        )
        return self._run(side, jobs)

    def count(self, side: SideName) -> list[Record]:
        """What has no noise, once, of the cases whose implementations are what they claim.

        A case that rests on one that is not, or that could not be held to the reference, ends so.
        """
        cases = [self._case(side, one) for one in self.cases]
        failed = {} if side == "null" else self._disproved(side, cases)
        proved, ended = [], []
        for case in cases:
            held = claims(case)
            record = next((one for claim, one in failed.items() if claim in held), None)
            if record is None:
                proved.append(case)
            else:
                ended.append(self._ended(side, case, record))
        counts = self.known_to(side, COUNTS)
        jobs = gate_jobs(proved, self.device, counts, f"{side}-counts", 0, self.seed)
        return [*ended, *self._run(side, jobs)]

    def known_to(self, side: SideName, metrics: Sequence[str]) -> tuple[str, ...]:
        """Those that a side's sabench can measure: an older one knows fewer."""
        code: SideName = "base" if side == "null" else side
        if code not in self.known:
            with self.around.stop.waiting():
                self.known[code] = self.checkouts[code].metrics()
        return tuple(name for name in metrics if name in self.known[code])

    def _disproved(self, side: SideName, cases: Sequence[Case]) -> dict[Claim, Record]:
        """What a side's implementations claim and the reference does not bear out."""
        jobs = {job.job_id: job for job in parity_jobs(cases, [self.device], self.seed)}
        return {
            claim: record
            for record in self._run(side, list(jobs.values()))
            if record.status in FAILED
            for claim in claims(jobs[record.job_id].case)
        }

    def _ended(self, side: SideName, case: Case, parity: Record) -> Record:
        """The record of a case that is not measured, because its parity failed."""
        (job,) = gate_jobs([case], self.device, (), f"{side}-refused", 0, self.seed)
        record = answer(
            *(job, self._batch((job,))),
            status=parity.status,
            started_utc=parity.started_utc,
            message=f"not measured: {parity.message or 'its parity check failed'}",
        )
        return journal.append(self.folder, record.model_copy(update={"side": side}))

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
        starter = ProcessLauncher(
            checkout.child, code=checkout.code, folder=checkout.root, is_foreign=True
        )
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
