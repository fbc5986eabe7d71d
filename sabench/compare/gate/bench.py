"""What a gate measures with: a process of a side for each block, its records in one journal."""

import random
from collections.abc import Callable, Mapping, Sequence
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
from sabench.launch.turns import Entry, in_turns
from sabench.records import FAILED, Environment, Record, Status
from sabench.store import journal

COUNTS = tuple(name for name, metric in METRICS.items() if metric.exact)
"""The metrics that have no noise: the same work gives the same figure, to the last unit."""

TURNS = 36  # of a sampling: each of two or three sides begins a round as often


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
    in_turns: bool = False  # whether the sides of a block are measured in turns

    def measure(
        self, sides: Sequence[SideName], block: int, case_ids: Sequence[str]
    ) -> dict[SideName, list[Record]]:
        """One process of each side, the cases in an order that the block alone decides."""
        jobs = {side: self._jobs(side, block, case_ids) for side in sides}
        if self.in_turns and len(sides) > 1:
            return self._run_in_turns(jobs)
        return {side: self._run(side, of_side) for side, of_side in jobs.items()}

    def _jobs(self, side: SideName, block: int, case_ids: Sequence[str]) -> list[Job]:
        shuffled = sorted(case_ids)
        random.Random(f"{self.seed} {block}").shuffle(shuffled)
        plants = self.plants if side == "candidate" else {}
        return gate_jobs(
            [self._case(side, one) for one in shuffled],
            *(self.device, self.known_to(side, self.metrics), side, block, self.seed),
            plants=plants,
        )

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

    def _run_in_turns(self, jobs: Mapping[SideName, list[Job]]) -> dict[SideName, list[Record]]:
        """Every side at once. What one side lacks then is measured again on all, one by one.

        That is what stood behind a job that ended its process, or what ran out of the memory that
        it had beside the others.
        """
        records: dict[SideName, list[Record]] = {side: [] for side in jobs}
        again, dead = set[str](), set[SideName]()
        together = zip(*(make_batches(of_side, "suite") for of_side in jobs.values()), strict=True)
        for batches in together:
            entries = [
                Entry(
                    self._batch(tuple(batch), turns=TURNS, sides=len(jobs), ahead=place),
                    *(self._starter(side), self._keep(side, into)),
                )
                for place, ((side, into), batch) in enumerate(
                    zip(records.items(), batches, strict=True)
                )
            ]
            ends = in_turns(entries, self.environment, self.around)
            for side, ended in zip(records, ends, strict=True):
                again |= {job.case.case_id for job in ended.left}
                dead |= set() if ended.did_something else {side}
        again |= {
            one.case_id for told in records.values() for one in told if one.status is Status.OOM
        }
        for side, told in records.items():
            told[:] = [one for one in told if one.case_id not in again]
            left = [job for job in jobs[side] if job.case.case_id in again]
            for batch in make_batches([_once_more(job) for job in left], "suite"):
                self._run_alone(side, tuple(batch), told, is_last_try=side in dead)
        return records

    def _run(self, side: SideName, jobs: Sequence[Job]) -> list[Record]:
        records: list[Record] = []
        for batch in make_batches(jobs, "suite"):
            self._run_alone(side, tuple(batch), records)
        return records

    def _run_alone(
        self,
        side: SideName,
        left: tuple[Job, ...],
        into: list[Record],
        *,
        is_last_try: bool = False,
    ) -> None:
        starter, finish = self._starter(side), self._keep(side, into)
        while left:
            ended = one_child(
                *(self._batch(left), starter, self.environment, self.around, finish),
                is_last_try=is_last_try,
            )
            left, is_last_try = ended.left, not ended.did_something

    def _starter(self, side: SideName) -> ProcessLauncher:
        checkout = self._checkout(side)
        return ProcessLauncher(
            checkout.child, code=checkout.code, folder=checkout.root, is_foreign=True
        )

    def _keep(self, side: SideName, into: list[Record]) -> Callable[[Job, Record], Record]:
        """What takes a side's records: to the journal, and to `into`."""

        def finish(job: Job, record: Record) -> Record:
            stored = journal.append(self.folder, record.model_copy(update={"side": side}))
            into.append(stored)
            return stored

        return finish

    def _batch(
        self, jobs: tuple[Job, ...], *, turns: int = 0, sides: int = 1, ahead: int = 0
    ) -> Batch:
        threads = jobs[0].case.threads
        return Batch(
            batch_id=self.around.next_batch_id(ahead),
            suite=self.suite,
            preset=self.preset,
            environment=self.environment.id,
            device=self.device,
            threads=threads,
            cores=choose_cores(threads, allowed_cores()),
            memory_limit=self.memory_limit // sides,
            turns=turns,
            jobs=jobs,
        )


def _once_more(job: Job) -> Job:
    return job.model_copy(update={"attempt": job.attempt + 1})
