"""The command `hornbook`: parse, call, print. What it does, the package's functions do; nothing else prints.

In: words on a command line. Out: text for people, or JSON records with --json. Exit codes: 0 done,
1 something was judged and did not pass, 2 the input or the machine must be mended (one readable
error says how), 3 this machine cannot hold programs that a model wrote, 130 stopped by a signal
with everything finished kept. A module here holds the commands of one room (what they are about)
and is imported when one of them is asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

from hornbook import __version__
from hornbook.models.device import set_library_environment
from hornbook.records import UserError

# In the order in which a person meets them. A command NAME is the function NAME_command, with _ for -.
COMMANDS_BY_MODULE = {
    "run": ("new", "plan", "run"),
    "inspection": ("peek", "compare", "doctor"),
    "model": ("ask", "export"),
    "score": ("check", "score"),
    "contamination": ("similar", "audit"),
    "review": ("review",),
    "label": ("score-quality", "label"),
}
MODULE_BY_COMMAND = {name: room for room, names in COMMANDS_BY_MODULE.items() for name in names}


class CommandGroup(click.Group):
    """A group that suggests the nearest command, and turns what people can mend into one line and exit code 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(MODULE_BY_COMMAND)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in MODULE_BY_COMMAND:
            return None
        command = getattr(
            importlib.import_module(f"hornbook.cli.{MODULE_BY_COMMAND[cmd_name]}"),
            f"{cmd_name.replace('-', '_')}_command",
        )
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from hornbook.frame.recipe import suggest_nearest

        if args and args[0] not in MODULE_BY_COMMAND and not args[0].startswith("-"):
            raise click.UsageError(
                f"there is no command {args[0]}{suggest_nearest(args[0], MODULE_BY_COMMAND)}", ctx
            )
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"error: {error}", err=True)
            raise SystemExit(error.exit_code) from None
        except KeyboardInterrupt:
            click.echo(
                "stopped: everything finished is kept; the same command goes on from here", err=True
            )
            raise SystemExit(130) from None


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hornbook")
def main() -> None:
    """Teach small models to code from textbook-quality data.

    \b
    Example: hornbook run pocket        the whole chain, in minutes, on this machine
             hornbook peek runs/pocket filtered --dropped
    """
    set_library_environment()
