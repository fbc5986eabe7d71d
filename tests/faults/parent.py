"""A parent process for tests: `parent.py RUN [stand-in]` does what is left of a run.

It tells each event on a line of its own and exits as the command line does.
"""

import sys
from pathlib import Path

from sabench.errors import ExitCode, SabenchError
from sabench.launch.events import Event, JobEnded, JobStarted
from sabench.launch.process import ProcessLauncher
from sabench.launch.sweep import sweep
from sabench.launch.watch import Patience
from sabench.store.leaderboard import exit_code, make_leaderboard, write_leaderboard
from sabench.store.run_folder import RunFolder


def tell(event: Event) -> None:
    job = event.job.job_id if isinstance(event, JobStarted | JobEnded) else ""
    print(type(event).__name__, job, flush=True)


def main(run: Path, stand_in: bool) -> int:
    launcher = ProcessLauncher()
    if stand_in:
        launcher = ProcessLauncher((sys.executable, str(Path(__file__).parent / "stand_in.py")))
    try:
        folder = RunFolder.open(run)
        records = sweep(folder, launcher, listener=tell, patience=Patience(grace_s=0.5))
        board = make_leaderboard(folder.info, records)
        write_leaderboard(folder.leaderboard_file, board)
        return exit_code(board)
    except SabenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), "stand-in" in sys.argv[2:]))
