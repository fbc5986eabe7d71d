"""The runtimes: how a case is executed."""

from dataclasses import dataclass
from typing import Any

from sabench.catalog.rows import load_target


@dataclass(frozen=True, slots=True)
class Runtime:
    """One way to execute a module. `target` is "module:function": prepare(subject) -> Execution."""

    name: str
    target: str
    title: str

    def load(self) -> Any:
        """The function that `target` names."""
        return load_target(self.target)


RUNTIMES: dict[str, Runtime] = {
    row.name: row
    for row in (
        Runtime("eager", "sabench.measure.runtimes.eager:prepare", "as PyTorch runs it"),
        Runtime("compiled", "sabench.measure.runtimes.compiled:prepare", "torch.compile, defaults"),
    )
}
