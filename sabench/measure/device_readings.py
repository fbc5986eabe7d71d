"""Readings of a device in order of time, and what they say of a span of it. Torch-free."""

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection
from threading import Lock
from typing import Any

from pydantic import Field

from sabench.measure.device import Device, Missing
from sabench.measure.device_watch import DeviceSpan, Isolation
from sabench.measure.neighbours import RecentUse, isolation
from sabench.records import Frozen
from sabench.stats import quantile

KEPT = 20_000  # readings: half an hour at ten a second; the oldest make room
STALE_S = 2.0  # a reading that lies further from a span says nothing of it: the reader has ended
WORST_FIRST: tuple[Isolation, ...] = ("shared", "unverified", "idle neighbour", "alone")


class DeviceReading(Frozen):
    """What was read of a device at one moment; `missing` has the reason for every None."""

    at_s: float  # of time.perf_counter
    sm_clock_mhz: float | None = None
    power_w: float | None = None
    temperature_c: float | None = None
    events: frozenset[str] | None = None
    pids: frozenset[int] | None = None  # of processes that hold the device
    users: frozenset[int] | None = None  # of those that used it in the last moments
    missing: dict[str, str] = Field(default_factory=dict)


class DeviceReader:
    """Takes readings of one device, NVML kept open between them."""

    def __init__(self, device: Device, clock: Callable[[], float] = time.perf_counter) -> None:
        self._device, self._clock = device, clock
        self._use = RecentUse(device)

    def read(self) -> DeviceReading:
        """One reading, at the time between its first and its last call."""
        device, begin = self._device, self._clock()
        told: dict[str, Any] = {
            "sm_clock_mhz": device.sm_clock_mhz(),
            "power_w": device.power_w(),
            "temperature_c": device.temperature_c(),
            "events": device.clock_events(),
            "pids": _pids(device),
            "users": self._use.now(begin),
        }
        missing = {name: value.reason for name, value in told.items() if isinstance(value, Missing)}
        values = {name: value for name, value in told.items() if name not in missing}
        return DeviceReading.model_construct(
            at_s=(begin + self._clock()) / 2, missing=missing, **values
        )


def _pids(device: Device) -> frozenset[int] | Missing:
    processes = device.processes()
    return processes if isinstance(processes, Missing) else frozenset(one.pid for one in processes)


class ReadingLog:
    """Readings in order of time, a bounded number of them. One thread writes, another asks.

    `own` is the id by which NVML lists the process that measures.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept, self._lock = kept, Lock()
        self._readings: list[DeviceReading] = []
        self._missing: dict[str, str] = {}  # the first reason for each value
        self.own: int | Missing = Missing("not looked for")
        self.fault = ""  # why there are no readings, or no more

    @property
    def reason(self) -> str:
        """Why something is not told; empty while everything is."""
        if self.fault:
            return self.fault
        own = {"own process": self.own.reason} if isinstance(self.own, Missing) else {}
        return "; ".join(f"{name}: {why}" for name, why in sorted((own | self._missing).items()))

    def add(self, reading: DeviceReading) -> None:
        """Take in one more."""
        with self._lock:
            self._readings.append(reading)
            self._missing = reading.missing | self._missing
            if len(self._readings) > self._kept:
                del self._readings[: max(1, self._kept // 4)]

    def between(self, start_s: float, end_s: float) -> DeviceSpan:
        """What was read in the span; the nearest reading within STALE_S if none was."""
        with self._lock:
            found = self._within(start_s, end_s)
        return span_of(found, self.own)

    def _within(self, start_s: float, end_s: float) -> list[DeviceReading]:
        readings = self._readings
        first = bisect_left(readings, start_s, key=_time)
        last = bisect_right(readings, end_s, key=_time)
        if first < last or not readings:
            return readings[first:last]
        beside = readings[max(0, first - 1) : first + 1]
        apart = {max(start_s - one.at_s, one.at_s - end_s): one for one in beside}
        nearest = min(apart)
        return [apart[nearest]] if nearest <= STALE_S else []


def _time(reading: DeviceReading) -> float:
    return reading.at_s


def span_of(readings: Collection[DeviceReading], own: int | Missing) -> DeviceSpan:
    """Readings put together; `own` is the id by which NVML lists the process that measures."""
    if not readings:
        return DeviceSpan()
    clocks = [one.sm_clock_mhz for one in readings if one.sm_clock_mhz is not None]
    powers = [one.power_w for one in readings if one.power_w is not None]
    found = [isolation(own, one.pids, one.users) for one in readings]
    words = {word for word, _ in found}
    return DeviceSpan(
        readings=len(readings),
        sm_clock_mhz=quantile(clocks, 0.5) if clocks else None,
        power_w=sum(powers) / len(powers) if powers else None,
        temperature_c=max(
            (one.temperature_c for one in readings if one.temperature_c is not None), default=None
        ),
        events=frozenset[str]().union(*(one.events or () for one in readings)),
        foreign=tuple(sorted({pid for _, pids in found for pid in pids})),
        isolation=next(word for word in WORST_FIRST if word in words),
    )
