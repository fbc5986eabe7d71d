"""A run folder measured to its leaderboard."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Literal

from sabench.cases.rates import lessons
from sabench.catalog.launchers import Launcher
from sabench.errors import ConfigError, ResultError, SabenchError
from sabench.known import core_best, load_known, save_known
from sabench.launch.contention import WARN, Policy
from sabench.launch.core_bests import CoreBests
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
    try:
        records = sweep(
            folder,
            starter,
            listener=listener,
            memory_limit=memory_limit,
            contention=None if is_made_up(folder.info.cases) else contention,
            core_best=_core_best(folder),
        )
    except SabenchError:
        with suppress(SabenchError), folder.locked():  # not while another process writes there
            _summarise(folder, journal.read(folder))
        raise
    leaderboard = _summarise(folder, records)
    _learn(folder, records)
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


def _core_best(folder: RunFolder) -> float:
    """How fast earlier runs saw a core of this CPU; 0: it is not known, or none is measured."""
    here = [one for one in folder.info.environments.values() if one.device_kind == "cpu"]
    return min(map(core_best, here), default=0.0)


def _learn(folder: RunFolder, records: Sequence[Record]) -> None:
    """Remember rates and times, for the next dry run, and how fast the cores can be."""
    planned = {job.job_id for job in folder.info.jobs()}  # a parity job's time is no case's
    for device, environment in folder.info.environments.items():
        here = [one for one in records if one.device == device and one.job_id in planned]
        cases = [case for case in folder.info.cases if not is_made_up([case])]
        known = load_known(environment).learn(lessons(cases, here))
        bests = CoreBests(environment.id, apart=folder.info.isolation == "case")
        known = known.learn_cores(environment.settings.get("python", ""), bests.of(here))
        save_known(environment, known)
