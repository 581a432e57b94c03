"""All checks, from what the user has chosen down to the device."""

from collections.abc import Callable
from dataclasses import replace
from itertools import chain

from npuspec.doctor.check import Check
from npuspec.doctor.driver import check_driver
from npuspec.doctor.hardware import find_npus
from npuspec.doctor.kernel import check_kernel
from npuspec.doctor.machine import Machine, nameless
from npuspec.doctor.software import check_software


def examine(machine: Machine, done: Callable[[Check], None] = lambda _check: None) -> list[Check]:
    """Return what every check found, in the order in which one thing needs the other.

    Args:
        machine: what to look at.
        done: told each check when it is done.

    """
    npus = find_npus(machine)
    checks = []
    for check in chain(
        check_software(machine, has_npu=bool(npus)),
        check_kernel(machine, npus),
        check_driver(machine, has_npu=bool(npus)),
    ):
        checks.append(replace(check, found=nameless(check.found)))
        done(checks[-1])
    return checks
