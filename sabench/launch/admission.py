"""Which jobs may still be started, and what must be told of them: by what has ended so far."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sabench.cases.case import Case
from sabench.cases.parity import Claim, claims
from sabench.cases.plan import Job
from sabench.records import INFORMATIVE, Flag, Record, Status

TIMEOUTS = 2
"""So often a case may be late on a device, in whichever replicate; then it is given up."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is recorded of a job instead of starting it."""

    status: Status
    message: str


class Admission:
    """Learns from every record of a run, attempts of an earlier start included."""

    def __init__(
        self, plan: Iterable[Job], records: Iterable[Record], auto: Mapping[str, str] | None = None
    ) -> None:
        self._jobs = {job.job_id: job for job in plan}
        self._auto = auto or {}
        self._claims: dict[str, frozenset[Claim]] = {}
        self._failed: dict[tuple[str, Claim], str] = {}
        self._unproved: set[tuple[str, Claim]] = set()
        self._timeouts: Counter[tuple[str, str]] = Counter()
        self._dirty: set[str] = set()
        for record in records:
            self.learn(record)

    def learn(self, record: Record) -> None:
        """Take in how a job ended; of a job that is no longer planned there is nothing to learn."""
        job = self._jobs.get(record.job_id)
        if job is None:
            return
        if job.kind == "parity":
            self._learn_parity(job, record)
        elif record.status is Status.TIMEOUT:
            self._timeouts[record.case_id, record.device] += 1

    def distrust(self, device: str) -> None:
        """From now on, memory of the device is missing that an ended process had taken."""
        self._dirty.add(device)

    def is_given_up(self, job: Job) -> bool:
        """Whether its case was late too often."""
        return self._timeouts[job.case.case_id, job.device] >= TIMEOUTS

    def refusal(self, job: Job) -> Refusal | None:
        """Why a job is not started; None if it may be."""
        if job.kind == "parity":
            return None
        for claim in self._claims_of(job.case):
            if (told := self._failed.get((job.device, claim))) is not None:
                return Refusal(Status.PARITY_FAILED, f"not measured: {told}")
        if self.is_given_up(job):
            return Refusal(
                Status.SKIPPED, f"its case was late {TIMEOUTS} times: it is not tried again"
            )
        return None

    def marked(self, job: Job, record: Record) -> Record:
        """The record with what only the parent knows."""
        flags: list[Flag] = []
        if job.kind != "parity":
            if any((job.device, claim) in self._unproved for claim in self._claims_of(job.case)):
                flags.append(Flag.PARITY_UNVERIFIED)
            if job.device in self._dirty:
                flags.append(Flag.DEVICE_DIRTY)
        if job.kind != "parity" and (why := self._auto.get(job.case.case_id)):
            details = record.details | {"auto": why}
            record = record.model_copy(update={"details": details})
        if not flags:
            return record
        doubtful = record.status is Status.OK and set(flags) - INFORMATIVE
        status = Status.OK_FLAGGED if doubtful else record.status
        return record.model_copy(update={"flags": (*record.flags, *flags), "status": status})

    def _learn_parity(self, job: Job, record: Record) -> None:
        for key in ((job.device, claim) for claim in self._claims_of(job.case)):
            if record.status is Status.PARITY_FAILED:
                self._failed[key] = record.message
            elif record.status is not Status.INTERRUPTED:
                proved = record.status in (Status.OK, Status.OK_FLAGGED)
                (self._unproved.discard if proved else self._unproved.add)(key)

    def _claims_of(self, case: Case) -> frozenset[Claim]:
        if case.case_id not in self._claims:
            self._claims[case.case_id] = claims(case)
        return self._claims[case.case_id]
