"""A run folder measured to its leaderboard."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Literal

from sabench.cases.rates import lessons
from sabench.catalog.launchers import Launcher
from sabench.errors import ConfigError, ResultError, SabenchError
from sabench.known import load_known, save_known
from sabench.launch.contention import WARN, Policy
from sabench.launch.core_bests import CoreBests, earlier_best, keep_best
from sabench.launch.device_lock import device_locks
from sabench.launch.events import Listener, ignore
from sabench.launch.sweep import sweep
from sabench.measure.environment import as_found, is_as_found
from sabench.measure.fake_script import is_made_up
from sabench.records import Environment, Record
from sabench.store import journal
from sabench.store.leaderboard import Leaderboard, leaderboard_of, write_leaderboard
from sabench.store.run_folder import RunFolder

Lock = Literal["take", "wait", "none"]
"""Whether a device is kept from other sabench processes, and what if one has it."""


def find_lock(*, wait: bool, no_lock: bool) -> Lock:
    """What --wait and --no-lock ask for.

    Raises: ConfigError if both are.
    """
    if wait and no_lock:
        raise ConfigError("--wait waits for a lock and --no-lock takes none: leave one out")
    return "wait" if wait else "none" if no_lock else "take"


def devices_held(
    environments: Iterable[Environment], lock: Lock, *, run: str = "", listener: Listener = ignore
) -> AbstractContextManager[None]:
    """The devices of a run for as long as it measures.

    Raises: DeviceError if another sabench has one and is not to be waited for.
    """
    if lock == "none":
        return nullcontext()
    return device_locks(environments, wait=lock == "wait", run=run, listener=listener)


def measure(
    folder: RunFolder,
    launcher: Launcher,
    *,
    listener: Listener = ignore,
    memory_limit: int | None = None,
    contention: Policy = WARN,
) -> Leaderboard:
    """Do what is left of a run and write its leaderboard, interrupted, broken off or not.

    Raises: ResultError for a launcher that is not of the run's kind; ResultError, DeviceError as
    `sweep`.
    """
    _settle(folder, launcher)
    starter = launcher.load()()
    environments, earlier = folder.info.environments.values(), len(journal.read(folder))
    try:
        records = sweep(
            folder,
            starter,
            listener=listener,
            memory_limit=memory_limit,
            contention=None if is_made_up(folder.info.cases) else contention,
            core_best=min(filter(None, map(earlier_best, environments)), default=0.0),
        )
    except SabenchError:
        with suppress(SabenchError), folder.locked():  # not while another process writes there
            _summarise(folder, journal.read(folder))
        raise
    leaderboard = _summarise(folder, records)
    _learn(folder, records)
    _learn_cores(folder, records[earlier:])
    return leaderboard


def _summarise(folder: RunFolder, records: Sequence[Record]) -> Leaderboard:
    """Write the leaderboard of what there is."""
    leaderboard = leaderboard_of(folder, records)
    write_leaderboard(folder.leaderboard_file, leaderboard)
    return leaderboard


def _settle(folder: RunFolder, launcher: Launcher) -> None:
    """Tell in the run's head if its jobs have no process of their own.

    Raises: ResultError if the run began the other way.
    """
    began_apart = not any(map(is_as_found, folder.info.environments.values()))
    if began_apart is launcher.apart:
        return
    if launcher.apart or journal.read(folder):
        began = "with processes of their own" if began_apart else "without a process of their own"
        raise ResultError(
            f"{folder.path}: its jobs began {began}, and launcher {launcher.name} does the other: "
            "go on with the launcher of the start, or start a new run"
        )
    found = {device: as_found(one) for device, one in folder.info.environments.items()}
    with folder.locked():
        folder.replace_info(folder.info.model_copy(update={"environments": found}))


def _learn(folder: RunFolder, records: Sequence[Record]) -> None:
    """Remember rates and times, so that the next dry run predicts better."""
    planned = {job.job_id for job in folder.info.jobs()}  # a parity job's time is no case's
    for device, environment in folder.info.environments.items():
        here = [one for one in records if one.device == device and one.job_id in planned]
        cases = [case for case in folder.info.cases if not is_made_up([case])]
        known = load_known(environment).learn(lessons(cases, here))
        save_known(environment, known)


def _learn_cores(folder: RunFolder, records: Sequence[Record]) -> None:
    """Remember how fast the cores were, so that the next run sees who shares them."""
    for device, environment in folder.info.environments.items():
        bests = CoreBests(environment.id, apart=folder.info.isolation == "case")
        for record in records:
            if record.device == device:
                bests.learn(record)
        keep_best(environment, bests.seen())
