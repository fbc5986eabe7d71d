"""The progress of a sweep: a live line on a terminal, plain lines elsewhere. Always to stderr."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from sabench.cases.plan import Job
from sabench.launch.events import (
    Event,
    JobEnded,
    JobFigure,
    JobProgress,
    JobStarted,
    Notice,
    SweepEnded,
    SweepStarted,
)
from sabench.records import MEASURED, Record
from sabench.report.plain import ending, plain
from sabench.units import show_time

BESIDE_THE_CASE = 48  # columns: counter, bar, remaining time, figure
REFRESH_HZ = 2  # faster costs the measured process a visible share of a core


class SweepProgress:
    """A listener of sweep events; use it as a context so that the terminal is left clean."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = _bar(console) if console.is_terminal else None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Notice):
            self._print(Text(event.text))
        elif self._live:
            self._show_live(self._live, event)
        else:
            self._show_plain(event)

    def _show_live(self, live: Progress, event: Event) -> None:
        match event:
            case SweepStarted(total=total, done=done):
                self._task = live.add_task("starting", total=total, completed=done, figure="")
            case JobStarted(job=job, total=total) if self._task is not None:
                room = max(12, self._console.width - BESIDE_THE_CASE)
                name = _shorten(_name(job), room)
                live.update(self._task, description=name, total=total, figure="warming up")
            case JobFigure(latency_s=latency, n=n) if self._task is not None:
                live.update(self._task, figure=f"{show_time(latency)} (n={n})")
            case JobProgress(text=text) if self._task is not None:
                live.update(self._task, figure=plain(text))
            case JobEnded(job=job, record=record, index=index, total=total) if (
                self._task is not None
            ):
                live.update(self._task, completed=index, total=total, figure=_figure(record))
                if record.status not in MEASURED:
                    live.console.print(_line(job, record, index, total))
            case _:
                pass

    def _show_plain(self, event: Event) -> None:
        match event:
            case SweepStarted(total=total, done=done):
                text = f"{total - done} jobs to do"
                if done:
                    text += f", {done} done before"
                self._print(Text(text))
            case JobEnded(job=job, record=record, index=index, total=total):
                self._print(_line(job, record, index, total))
            case SweepEnded(interrupted=True):
                self._print(Text("interrupted: what was measured is kept"))
            case _:
                pass

    def _print(self, line: Text) -> None:
        self._console.print(line, soft_wrap=True, highlight=False)


def _shorten(text: str, width: int) -> str:
    """The beginning that fits."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        BarColumn(bar_width=10),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.fields[figure]}", style="bold", markup=False),
        console=console,
        refresh_per_second=REFRESH_HZ,
        transient=True,
    )


def _name(job: Job) -> str:
    name = plain(job.case.case_id)
    return f"{job.kind} {name}" if job.kind == "parity" else name


def _line(job: Job, record: Record, index: int, total: int) -> Text:
    return Text(f"[{index}/{total}] {_name(job)} {_figure(record)}")


def _figure(record: Record) -> str:
    latency = record.readings.get("latency_warm")
    told = ending(record.status, plain(record.message))
    if latency is None or latency.median is None:
        return told
    text = show_time(latency.median)
    return text if record.status in MEASURED else f"{text} ({told})"
