"""What hinders an NPU on this machine, and whether bundles run as they should on its devices.

The checks look at files and ask; they compute nothing. Whatever might crash, OpenVINO's plugins and the driver's
libraries, is asked in a child.
"""

from npuspec.doctor.check import Check, Status
from npuspec.doctor.examine import examine
from npuspec.doctor.machine import Machine, this_machine
from npuspec.doctor.record import as_json, as_markdown
from npuspec.doctor.selftest import try_bundle

__all__ = ["Check", "Machine", "Status", "as_json", "as_markdown", "examine", "this_machine", "try_bundle"]
