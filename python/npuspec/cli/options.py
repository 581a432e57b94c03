"""Arguments and options that several verbs have."""

from pathlib import Path
from typing import Literal

import click

Device = Literal["NPU", "CPU"]
FILE = click.Path(path_type=Path)

allow_code = click.option("--allow-code", is_flag=True, help="Run code that the spec names beside it.")
device = click.option(
    "--device", type=click.Choice(["NPU", "CPU"]), help="Instead of the spec's target and its fallbacks."
)
