"""The charts' library: asked for only by what draws."""

from importlib.util import find_spec

from sabench.errors import ConfigError

NEEDED = ("altair", "vl_convert")


def require_charts() -> None:
    """Nothing, where the charts can be drawn.

    Raises: ConfigError with what to install.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"charts need {' and '.join(missing)}: python -m pip install 'sabench[report]'"
        )
