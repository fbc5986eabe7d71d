"""The error tree and the exit codes, both a contract with the user.

SabenchError
├── ConfigError        values that cannot go together
├── SuiteError         a suite file: file:line:column, key, value
├── ResultError        a run folder, record or leaderboard: file, schema
├── DeviceError        a device or counter that is not there
└── MeasurementError   nothing usable was measured
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller."""

    OK = 0
    REGRESSION = 1  # also a failed verification or self-test, a red doctor
    USAGE = 2
    NOT_COMPARABLE = 3  # also a bad file or schema
    UNRELIABLE = 4  # no case measured, a null control that fired
    DEVICE = 5
    CASE_FAILED = 6
    INTERRUPTED = 130


class SabenchError(Exception):
    """A mistake or a fault with one clear line: what, where, remedy."""

    exit_code = ExitCode.USAGE


class ConfigError(SabenchError):
    """Values that cannot go together."""


class SuiteError(SabenchError):
    """A suite that cannot be used; a mistake in its file starts with file:line:column."""


class ResultError(SabenchError):
    """A run folder, record or leaderboard that cannot be read."""

    exit_code = ExitCode.NOT_COMPARABLE


class DeviceError(SabenchError):
    """A device or one of its counters is absent, busy or faulted."""

    exit_code = ExitCode.DEVICE


class MeasurementError(SabenchError):
    """Nothing usable was measured."""

    exit_code = ExitCode.UNRELIABLE
