"""`sabench doctor`: is this machine fit to measure?"""

import json
import re
from typing import Annotated

import typer

from sabench.cli.app import app
from sabench.errors import ConfigError, ExitCode


@app.command()
def doctor(
    device: Annotated[
        str, typer.Option(help="auto (the host and every GPU there is), cpu, cuda or cuda:N.")
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Is this machine fit to measure? Exit 1 if a line is red."""
    from sabench.launch.core_bests import earlier_best
    from sabench.launch.limits import allowed_cores, choose_cores
    from sabench.measure.doctor import Host, Light, examine
    from sabench.measure.environment import environment
    from sabench.measure.gpus import find_gpu, visible_gpus
    from sabench.report.consoles import stdout
    from sabench.report.doctor import closing, doctor_json, doctor_table, mend_lines, worst

    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,4})?", device):
        raise ConfigError(f"device {device!r} is not known; there are auto, cpu, cuda, cuda:N")
    named = [find_gpu(device)] if device.startswith("cuda") else []
    gpus = visible_gpus() if device == "auto" else named
    allowed = allowed_cores()
    host = Host(allowed=allowed, cores=choose_cores(1, allowed))
    findings = examine(host, gpus, core_best=earlier_best(environment("cpu")))
    if as_json:
        typer.echo(json.dumps(doctor_json(findings), indent=2))
    else:
        console = stdout()
        console.print(doctor_table(findings))
        for line in mend_lines(findings):
            console.print(line, soft_wrap=True, markup=False)
        console.print(closing(findings))
    raise typer.Exit(ExitCode.REGRESSION if worst(findings) is Light.RED else ExitCode.OK)
