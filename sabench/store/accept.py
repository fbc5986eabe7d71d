"""Which leaderboards are kept: complete, undisturbed, and made by a commit that can be found."""

import re
from pathlib import Path

from sabench.errors import ConfigError, ResultError
from sabench.measure.environment import device_slug, is_as_found
from sabench.measure.fake_script import is_made_up
from sabench.records import FLAG_MEANING, MEASURED, Environment, Flag, Status
from sabench.store import journal
from sabench.store.leaderboard import Leaderboard, leaderboard_of, write_leaderboard
from sabench.store.run_folder import RunFolder, slug
from sabench.store.verify import verify_samples

TOLERATED = MEASURED | {Status.OOM, Status.UNSUPPORTED, Status.SKIPPED}
"""Ends that another run here would have too: what the device cannot do is a result."""

UNFIT = (Flag.PARITY_UNVERIFIED, Flag.DEVICE_DIRTY)
"""Flags of figures that nobody else should build on."""

UNFIT_TIMES = (*UNFIT, Flag.HOST_NOISY)
"""The same of times that a processor took: a training's accuracy does not mind other work."""


def accept(run: Path, results: Path) -> Path:
    """Keep a run's leaderboard as `results/<device>/<suite>.json`, a training's as `-train.json`.

    The leaderboard is made anew from the journal, and the samples are held against their hashes.

    Raises: ConfigError for a preset, launcher or devices never kept; ResultError with the reason
    for any other run that is refused, and if the disk refuses.
    """
    folder = RunFolder.open(run)
    board = leaderboard_of(folder, journal.read(folder))
    if is_made_up(row.case for row in board.rows):
        raise ConfigError(f"{run}: runtime fake makes its figures up; measure with another runtime")
    if board.evidence == "smoke":
        raise ConfigError(f"{run}: preset {board.preset.name} is for a look; run preset standard")
    if board.preset.base == "gate":
        raise ConfigError(f"{run}: preset gate is for comparing in one go; run preset standard")
    if board.preset.is_altered:
        raise ConfigError(
            f"{run}: preset {board.preset.name} is not one that others have; run it without --set"
        )
    if len(folder.info.devices) != 1:
        raise ConfigError(f"{run}: several devices; accept takes runs of one, profile each alone")
    if any(map(is_as_found, board.environments.values())):
        raise ConfigError(f"{run}: launcher inline is for debugging; run it with launcher process")
    if reason := refusal(board) or next(iter(verify_samples(folder)), ""):
        raise ResultError(f"{run}: not accepted: {reason}")
    (environment,) = board.environments.values()
    purpose = folder.info.purpose
    name = slug(board.suite) if purpose == "profile" else f"{slug(board.suite)}-{purpose}"
    path = results / device_slug(environment) / f"{name}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultError(f"{path.parent}: cannot be made: {error.strerror or error}") from error
    write_leaderboard(path, board)
    return path


def refusal(board: Leaderboard) -> str:
    """Why a leaderboard is not fit to be kept; empty if it is."""
    if not board.is_complete:
        missing = sum(row.status is Status.INTERRUPTED for row in board.rows)
        return f"incomplete, {missing} of {len(board.rows)} cases left; --resume goes on"
    for row in board.rows:
        if row.status not in TOLERATED:
            return f"{row.case_id} ended {row.status}: {row.message or 'measure again'}"
        timed_here = board.recipe is None and board.environments[row.device].device_kind == "cpu"
        for flag in UNFIT_TIMES if timed_here else UNFIT:
            if flag in row.flags:
                return f"{row.case_id}: {FLAG_MEANING[flag]}; measure again"
    if not any(row.rank for row in board.rows):
        return "no case has a rank"
    used = {environment for row in board.rows for environment in row.environments}
    if used != {environment.id for environment in board.environments.values()}:
        return f"measured in several environments ({', '.join(sorted(used))})"
    return next(filter(None, map(_unknown_code, board.environments.values())), "")


def _unknown_code(environment: Environment) -> str:
    """Why the code that measured cannot be found again; empty if it can."""
    commit = environment.facts.get("sabench_commit", "not told")
    if not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", commit):
        return f"the commit of sabench is {commit}; measure from a git checkout"
    if environment.facts.get("sabench_dirty") != "false":
        return "sabench had uncommitted changes; commit them and measure again"
    return ""
