"""`sabench selftest`: does the instrument tell the truth here?"""

import json
from typing import Annotated

import typer

from sabench.cli.app import app
from sabench.errors import ConfigError, ExitCode


@app.command()
def selftest(
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    check: Annotated[list[str] | None, typer.Option(help="Only this check; repeatable.")] = None,
    plant: Annotated[
        str, typer.Option(help="Plant a fault, to see its check fail; docs/selftest.md lists them.")
    ] = "",
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for another sabench that holds the device.")
    ] = False,
    no_lock: Annotated[
        bool, typer.Option("--no-lock", help="Measure beside whoever holds the device.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Hold the instrument against work of known amount, a second clock and a busy neighbour."""
    from sabench.launch.run import devices_held, find_lock
    from sabench.launch.selftest import selftest as run_selftest
    from sabench.measure.environment import environment
    from sabench.measure.gpus import resolve_devices
    from sabench.measure.selftest.judge import Verdict, tally
    from sabench.measure.selftest.table import Check, find_checks
    from sabench.report.consoles import stderr, stdout
    from sabench.report.progress import SweepProgress
    from sabench.report.selftest import selftest_json, selftest_lines

    devices = resolve_devices(device)
    if len(devices) > 1:
        raise ConfigError(f"--device {device}: one device at a time")
    lock = find_lock(wait=wait, no_lock=no_lock)
    checks = find_checks(check or [], plant, devices[0].partition(":")[0])
    progress = stderr()

    def say(row: Check) -> None:
        progress.print(f"{row.name} ...", style="dim")

    here, news = [environment(devices[0])], SweepProgress(progress)
    with devices_held(here, lock, run="selftest", listener=news):
        findings = run_selftest(checks, devices[0], plant, say)
    if as_json:
        typer.echo(json.dumps(selftest_json(findings, devices[0], plant), indent=2))
    else:
        stdout().print(selftest_lines(findings, devices[0], plant))
    codes = {Verdict.PASS: ExitCode.OK, Verdict.FAIL: ExitCode.REGRESSION}
    raise typer.Exit(codes.get(tally(findings), ExitCode.UNRELIABLE))
