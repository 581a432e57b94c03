"""`python -m npuspec` is `npuspec`."""

from npuspec.cli import main

main()
