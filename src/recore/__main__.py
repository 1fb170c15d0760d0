"""`python -m recore`."""

from recore.cli import main

main()
