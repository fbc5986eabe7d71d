"""The runtimes: how a case is executed."""

from dataclasses import dataclass

from sabench.catalog.rows import Row


@dataclass(frozen=True, slots=True)
class Runtime(Row):
    """One way to execute a module. `target` is "module:function": prepare(subject) -> Execution."""

    title: str


RUNTIMES: dict[str, Runtime] = {
    row.name: row
    for row in (
        Runtime("eager", "sabench.measure.runtimes.eager:prepare", "as PyTorch runs it"),
        Runtime("compiled", "sabench.measure.runtimes.compiled:prepare", "torch.compile, defaults"),
    )
}
