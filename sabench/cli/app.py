"""The Typer application that the commands are added to."""

import typer

app = typer.Typer(
    name="sabench",
    help="Which spatial layer should a vision network use on this device?",
    epilog="Start with: sabench profile --suite quick",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
