"""`python -m hornbook.cli`, where the command is not on the path."""

from hornbook.cli import main

main()
