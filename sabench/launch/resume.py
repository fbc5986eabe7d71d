"""Going on with a run: is it still the same run, and what had not reached its journal."""

from collections.abc import Mapping
from pathlib import Path

from sabench import jsonl
from sabench.catalog.presets import Preset
from sabench.errors import ResultError
from sabench.launch.admission import Admission
from sabench.measure.environment import as_found, is_as_found
from sabench.records import Environment, Record, Status
from sabench.store import journal
from sabench.store.run_folder import RunFolder, RunInfo
from sabench.store.schema import parse_left

RETRIED = frozenset({Status.TIMEOUT, Status.CONTENDED, Status.THROTTLED})
"""Ends that another try may mend. Every other one is the case's own."""


def resume(
    path: Path,
    environments: Mapping[str, Environment],
    *,
    suite_text: str | None = None,
    preset: Preset | None = None,
    allow_environment: bool = False,
) -> RunFolder:
    """The run of a folder, fit to go on here. `suite_text` and `preset`: if named again.

    With `allow_environment` another environment is written into the run beside the first.

    Raises: ResultError if it is no run, or another suite, preset or environment.
    """
    folder = RunFolder.open(path)
    info = folder.info
    if suite_text is not None and suite_text != info.suite_text:
        raise ResultError(f"{path}: suite {info.suite} has been edited since; start a new run")
    if preset is not None and preset != info.preset:
        raise ResultError(f"{path}: made at preset {info.preset.name}, not {preset.name}")
    if missing := [device for device in info.devices if device not in environments]:
        raise ResultError(f"{path}: measured on {', '.join(missing)}, which is not there now")
    now = _now(info, environments)
    if not (changed := _changed(info, now)):
        return folder
    if not allow_environment:
        told = "; ".join(
            f"{device}: {difference(info.environments[device], now[device])}" for device in changed
        )
        raise ResultError(f"{path}: the environment is not that of the run: {told}")
    with folder.locked():
        info = RunFolder.open(path).info  # another start may have changed it until now
        now = _now(info, environments)
        before = tuple(info.environments[device] for device in _changed(info, now))
        earlier = info.earlier_environments + before
        folder.replace_info(
            info.model_copy(update={"environments": now, "earlier_environments": earlier})
        )
    return folder


def _now(info: RunInfo, environments: Mapping[str, Environment]) -> dict[str, Environment]:
    """The run's devices as they are now, for jobs started as those of the run were."""
    return {
        device: (
            as_found(environments[device])
            if is_as_found(info.environments[device])
            else environments[device]
        )
        for device in info.devices
    }


def _changed(info: RunInfo, now: Mapping[str, Environment]) -> list[str]:
    return [device for device in info.devices if now[device].id != info.environments[device].id]


def difference(before: Environment, now: Environment) -> str:
    """What two environments do not share, of all that makes them comparable."""
    told = []
    if before.device_name != now.device_name:
        told.append(f"{before.device_name} -> {now.device_name}")
    for key in sorted(before.settings.keys() | now.settings.keys()):
        lacking = "absent" if key.startswith("env_") else "untold"  # another version may not tell
        one, other = before.settings.get(key, lacking), now.settings.get(key, lacking)
        if one != other:
            told.append(f"{key} {one} -> {other}")
    return ", ".join(told)


def adopt(folder: RunFolder, records: list[Record], admission: Admission) -> list[Record]:
    """All attempts, those added that a killed parent left in an outbox; they are journalled."""
    known = {(record.job_id, record.attempt) for record in records}
    jobs = {job.job_id: job for job in folder.info.plan()}
    adopted = []
    for outbox in sorted(folder.outbox.glob("*.jsonl")):
        for line in jsonl.read_lines(outbox):
            if str(line.item.get("job_id")) not in jobs:
                continue
            try:
                record = parse_left(line, str(outbox))
            except ResultError:  # damaged, say: its job is done again
                continue
            if (record.job_id, record.attempt) in known or record.status is Status.INTERRUPTED:
                continue
            job = jobs[record.job_id]
            if record.case_id == job.case.case_id:
                stored = journal.append(folder, admission.marked(job, record))
                admission.learn(stored)
                adopted.append(stored)
                known.add((record.job_id, record.attempt))
    return records + adopted


def attempts_made(records: list[Record]) -> dict[str, int]:
    """How often each job came to an end of its own: interruptions are not counted."""
    made: dict[str, int] = {}
    for record in records:
        if record.status is not Status.INTERRUPTED:
            made[record.job_id] = made.get(record.job_id, 0) + 1
    return made
