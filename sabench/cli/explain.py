"""`sabench explain`: a case's time beside the least that its device needs for it."""

import json
from typing import Annotated

import typer

from sabench.cli.app import app
from sabench.cli.options import AsJson, NoLock, Wait
from sabench.errors import ConfigError, MeasurementError


@app.command()
def explain(
    name: Annotated[str, typer.Argument(help="A layer or network of `sabench list`.")],
    options: Annotated[
        list[str] | None,
        typer.Argument(help="Axes and options as key=value: channels=128 dtype=bf16 threads=2."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    preset: Annotated[str, typer.Option("--preset", help="quick, standard or strict.")] = "quick",
    operators: Annotated[
        int, typer.Option(min=0, help="How many operators to list, the longest first.")
    ] = 12,
    wait: Wait = False,
    no_lock: NoLock = False,
    as_json: AsJson = False,
) -> None:
    """How far a case is from what its device could do, and where its time goes."""
    from sabench.cases.build import missing_of
    from sabench.cases.choosing import chooser_of
    from sabench.cases.point import single_case
    from sabench.cases.scalars import parse_pairs
    from sabench.catalog.presets import find_preset
    from sabench.launch.explain import explain as run_explain
    from sabench.launch.run import devices_held, find_lock
    from sabench.measure.environment import environment
    from sabench.measure.fake_script import refuse_outside_tests
    from sabench.measure.gpus import resolve_devices
    from sabench.report.consoles import stderr, stdout
    from sabench.report.explain import explanation_json, explanation_lines
    from sabench.report.progress import SweepProgress

    values = parse_pairs(options or [])
    single_case(name, values)  # what is wrong with it is told before a device is looked for
    devices = resolve_devices(device)
    if len(devices) > 1:
        raise ConfigError(f"--device {device}: one device at a time")
    here, news = environment(devices[0]), SweepProgress(stderr())
    chooser = chooser_of([here])
    case = single_case(name, values, chooser)
    (missing,) = missing_of(case, chooser)
    if missing:
        raise ConfigError(missing)
    refuse_outside_tests([case])
    with devices_held([here], find_lock(wait=wait, no_lock=no_lock), run="explain", listener=news):
        found = run_explain(case, devices[0], here, find_preset(preset))
    if as_json:
        typer.echo(json.dumps(explanation_json(found, here), indent=2))
    else:
        stdout().print(explanation_lines(found, here, operators))
    if found.disturbed:
        raise MeasurementError(found.disturbed)
