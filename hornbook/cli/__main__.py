"""`python -m hornbook.cli`, for where the command `hornbook` is not on the path."""

from hornbook.cli import main

main()
