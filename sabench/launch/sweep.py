"""A run, start to end: plan, batches, children, journal; and the same again after a kill."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sabench.cases.plan import Batch, Job, answer, make_batches
from sabench.launch.admission import Admission
from sabench.launch.contention import Policy, await_quiet
from sabench.launch.core_bests import CoreBests
from sabench.launch.events import (
    JobEnded,
    Listener,
    Notice,
    SweepEnded,
    SweepStarted,
    ignore,
)
from sabench.launch.handle import Starter
from sabench.launch.interruption import Interruption, Stop
from sabench.launch.limits import allowed_cores, choose_cores, default_memory_limit
from sabench.launch.one_child import Surroundings, one_child
from sabench.launch.resume import RETRIED, adopt, attempts_made
from sabench.launch.watch import PATIENCE, Patience, utc_now
from sabench.records import FLAG_MEANING, Flag, Record, Status
from sabench.store import journal
from sabench.store.run_folder import RunFolder

MOST_SLOWED = 0.2  # of a device's jobs, for those to be tried once more
ATTEMPTS = 2  # a disturbed or late job is tried once more, when all others are done


def sweep(
    folder: RunFolder,
    launcher: Starter,
    *,
    listener: Listener = ignore,
    patience: Patience = PATIENCE,
    memory_limit: int | None = None,
    contention: Policy | None = None,
    core_best: float = 0.0,
) -> list[Record]:
    """Do every job of the run that has no record yet; every attempt in the journal afterwards.

    `memory_limit` in bytes of address space, 0 for none; by default 80 % of the machine's memory.
    `contention`: what to do if others are at work, before the start and before the retries.
    `core_best`: the best reading of a CPU core by earlier runs; 0: none.
    After a first Ctrl-C the job at hand is recorded as interrupted and the sweep returns.

    Raises: ResultError if another process writes to the folder or the disk refuses;
    DeviceError if children die before they begin, a CUDA device no longer computes, or as
    `contention` says.
    """
    with folder.locked(), Interruption() as stop:
        folder.leaderboard_file.unlink(missing_ok=True)  # of an earlier stop: the journal goes on
        limit = default_memory_limit() if memory_limit is None else memory_limit
        state = _Sweep(folder, launcher, listener, patience, limit, stop, contention, core_best)
        state.run()
    return journal.read(folder)


@dataclass(slots=True)
class _Sweep:
    folder: RunFolder
    launcher: Starter
    listener: Listener
    patience: Patience
    memory_limit: int
    stop: Interruption
    contention: Policy | None
    earlier_best: float  # of a CPU core, by runs before this; 0: none
    ended: int = 0
    total: int = 0
    bests: dict[str, CoreBests] = field(init=False)  # by device, of CPUs
    admission: Admission = field(init=False)
    around: Surroundings = field(init=False)

    def run(self) -> None:
        self.around = Surroundings(
            self.folder.outbox, self.patience, self.listener, self.stop, self._place
        )
        for scratch in self.folder.path.rglob(".*.tmp"):  # a killed parent was writing it
            scratch.unlink(missing_ok=True)
        plan = self.folder.info.plan()
        records = journal.read(self.folder)
        self.admission = Admission(plan, records, self.folder.info.auto)
        records = adopt(self.folder, records, self.admission)
        self.bests = {
            device: CoreBests(one.id, self.folder.info.isolation == "case", self.earlier_best)
            for device, one in self.folder.info.environments.items()
            if one.device_kind == "cpu"
        }
        for record in records:
            self._learn_speed(record)
        jobs = unfinished(plan, records)
        self.total, self.ended = len(plan), len(plan) - len(jobs)
        self.listener(SweepStarted(self.total, self.ended))
        try:
            self._await_quiet(jobs)
            self._do(jobs)
            again = [
                job
                for job in retries(plan, journal.read(self.folder))
                if not self.admission.is_given_up(job)
            ]
            self.total += len(again)
            self._await_quiet(again)
            self._do(again)
        except Stop:
            self.listener(SweepEnded(interrupted=True))
        else:
            self.listener(SweepEnded(interrupted=False))

    def _await_quiet(self, jobs: list[Job]) -> None:
        if jobs and self.contention is not None:
            threads = max((job.case.threads for job in jobs if job.device == "cpu"), default=1)
            with self.stop.waiting():
                await_quiet(
                    self.folder.info.devices,
                    self.contention,
                    self.listener,
                    threads=threads,
                    core_best=self.earlier_best,
                )

    def _do(self, jobs: list[Job]) -> None:
        for batch in make_batches(jobs, self.folder.info.isolation):
            left, dead_starts = self._admitted(batch), 0
            while left:
                left, did_something = self._one_child(left, dead_starts)
                dead_starts = 0 if did_something else dead_starts + 1

    def _admitted(self, jobs: Iterable[Job]) -> tuple[Job, ...]:
        """Those that may be started; of the others it is recorded why not."""
        admitted = []
        for job in jobs:
            refusal = self.admission.refusal(job)
            if refusal is None:
                admitted.append(job)
                continue
            record = answer(
                job,
                self._batch((job,)),
                status=refusal.status,
                message=refusal.message,
                started_utc=utc_now(),
            )
            self._finish(job, record)
        return tuple(admitted)

    def _one_child(self, jobs: tuple[Job, ...], dead_starts: int) -> tuple[tuple[Job, ...], bool]:
        """Give the jobs to one child; those it did not come to, and whether it did any."""
        batch = self._batch(jobs)
        ended = one_child(
            batch,
            self.launcher,
            self.folder.info.environments[batch.device],
            self.around,
            self._finish,
            is_last_try=dead_starts > 0,
        )
        if not ended.is_clean:
            self.admission.distrust(batch.device)
            self.listener(Notice(f"{batch.device}: {FLAG_MEANING[Flag.DEVICE_DIRTY]}"))
        return ended.left, ended.did_something

    def _batch(self, jobs: tuple[Job, ...]) -> Batch:
        info, first = self.folder.info, jobs[0]
        cores = choose_cores(first.case.threads, allowed_cores())
        on_cpu = info.environments[first.device].device_kind == "cpu"
        return Batch(
            batch_id=self.around.next_batch_id(),
            suite=info.suite,
            preset=info.preset,
            environment=info.environments[first.device].id,
            device=first.device,
            threads=first.case.threads,
            cores=cores,
            core_best=self.bests[first.device].told(cores) if on_cpu else 0.0,
            memory_limit=self.memory_limit if on_cpu else 0,  # CUDA reserves far more than it uses
            recipe=info.recipe,
            checkpoints=str(self.folder.checkpoints.resolve()) if info.purpose == "train" else "",
            jobs=jobs,
        )

    def _learn_speed(self, record: Record) -> None:
        """How its cores read while nothing shared them: the next process need not find it out."""
        if record.device in self.bests:
            self.bests[record.device].learn(record)

    def _place(self) -> tuple[int, int]:
        return self.ended + 1, self.total

    def _finish(self, job: Job, record: Record) -> Record:
        stored = journal.append(self.folder, self.admission.marked(job, record))
        if record.status not in (Status.INTERRUPTED, *RETRIED):  # the record outlives its state
            (self.folder.checkpoints / f"{job.job_id}.pt").unlink(missing_ok=True)
        self.admission.learn(stored)
        self._learn_speed(stored)
        place = self._place()
        if record.status is not Status.INTERRUPTED:
            self.ended += 1
        self.listener(JobEnded(job, stored, *place))
        return stored


def unfinished(plan: list[Job], records: list[Record]) -> list[Job]:
    """The jobs without a record, and those whose last attempt was interrupted, in plan order."""
    last = journal.last_attempts(records)
    return [
        job.model_copy(update={"attempt": last[job.job_id].attempt + 1})
        if job.job_id in last
        else job
        for job in plan
        if job.job_id not in last or last[job.job_id].status is Status.INTERRUPTED
    ]


def retries(plan: list[Job], records: list[Record]) -> list[Job]:
    """The jobs that were late or disturbed and have a try left. Parity is worth one only.

    Where a device slowed itself down in more than a few, those would only be slow again.
    """
    last, made = journal.last_attempts(records), attempts_made(records)
    planned = Counter(job.device for job in plan if job.kind != "parity")
    slowed = Counter(one.device for one in last.values() if one.status is Status.THROTTLED)
    return [
        job.model_copy(update={"attempt": last[job.job_id].attempt + 1})
        for job in plan
        if job.kind != "parity"
        and job.job_id in last
        and last[job.job_id].status in RETRIED
        and made[job.job_id] < ATTEMPTS
        and not (
            last[job.job_id].status is Status.THROTTLED
            and slowed[job.device] > MOST_SLOWED * planned[job.device]
        )
    ]
