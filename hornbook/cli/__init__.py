"""The command `hornbook`: parse the arguments, call the package, print the result.

In: the command line. Out: text for people, or JSON lines with --json. Only this package prints.
Each module of it holds the commands about one topic and is imported when one of them is called.

Exit codes:
    0: success.
    1: a program, sample or file was checked and did not pass.
    2: the input or the machine has to be fixed; one line on standard error says how.
    3: this machine cannot isolate programs that a model wrote.
    130: stopped by a signal; everything finished is kept.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

from hornbook import __version__
from hornbook.models.device import set_library_environment
from hornbook.records import UserError

# In the order in which the help lists them. The command NAME is the function NAME_command, with
# `_` for `-`.
COMMANDS_BY_MODULE = {
    "run": ("new", "plan", "run"),
    "inspection": ("peek", "compare", "doctor"),
    "model": ("ask", "export"),
    "score": ("check", "score"),
    "contamination": ("similar", "audit"),
    "review": ("review",),
    "label": ("score-quality", "label"),
}
MODULE_BY_COMMAND: dict[str, str] = {}
for _module, _commands in COMMANDS_BY_MODULE.items():
    MODULE_BY_COMMAND |= dict.fromkeys(_commands, _module)


class CommandGroup(click.Group):
    """Imports a command when it is called, and turns a UserError into one line and exit code 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(MODULE_BY_COMMAND)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in MODULE_BY_COMMAND:
            return None
        # Only this command's module, so that `hornbook --help` loads neither torch nor numpy.
        module = importlib.import_module(f"hornbook.cli.{MODULE_BY_COMMAND[cmd_name]}")
        command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from hornbook.frame.recipe import suggest_nearest

        if args and args[0] not in MODULE_BY_COMMAND and not args[0].startswith("-"):
            suggestion = suggest_nearest(args[0], MODULE_BY_COMMAND)
            raise click.UsageError(f"there is no command {args[0]}{suggestion}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"error: {error}", err=True)
            # `from None`: the traceback says nothing that the person can act on.
            raise SystemExit(error.exit_code) from None
        except KeyboardInterrupt:
            click.echo(
                "stopped: everything finished is kept; run the same command to resume", err=True
            )
            # 128 + SIGINT, as shells report it.
            raise SystemExit(130) from None


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hornbook")
def main() -> None:
    """Train small code models on textbook-quality data, from raw code to a report.

    \b
    Example: hornbook run pocket        every step, in minutes, on this machine
             hornbook peek runs/pocket filtered_code --dropped
    """
    # Before torch or tokenizers are imported: they read these variables once.
    set_library_environment()
