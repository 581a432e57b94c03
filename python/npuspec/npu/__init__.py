"""What is known of the device: data and its types, no openvino."""

from npuspec.npu.choosers import explain_chooser
from npuspec.npu.contradictions import Contradiction, contradictions
from npuspec.npu.devices import check_device, choose_device
from npuspec.npu.explain import explain_property
from npuspec.npu.properties import DeviceProperty, property_key, property_table
from npuspec.npu.retired import Retired, retired

__all__ = [
    "Contradiction",
    "DeviceProperty",
    "Retired",
    "check_device",
    "choose_device",
    "contradictions",
    "explain_chooser",
    "explain_property",
    "property_key",
    "property_table",
    "retired",
]
