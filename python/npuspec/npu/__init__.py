"""What is known of the device: data and its types, no openvino."""

from npuspec.npu.batching import BatchMode, batch_mode, is_split
from npuspec.npu.choosers import DEVICES, explain_chooser
from npuspec.npu.contradictions import Contradiction, contradictions
from npuspec.npu.devices import check_device, choose_device
from npuspec.npu.explain import explain_property
from npuspec.npu.properties import DeviceProperty, ahead_of_time, property_key, property_table
from npuspec.npu.retired import Retired, retired

__all__ = [
    "DEVICES",
    "BatchMode",
    "Contradiction",
    "DeviceProperty",
    "Retired",
    "ahead_of_time",
    "batch_mode",
    "check_device",
    "choose_device",
    "contradictions",
    "explain_chooser",
    "explain_property",
    "is_split",
    "property_key",
    "property_table",
    "retired",
]
