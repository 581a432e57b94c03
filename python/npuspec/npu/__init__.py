"""What is known of the device: data and its types, no openvino."""

from npuspec.npu.devices import choose_device
from npuspec.npu.properties import DeviceProperty, property_table

__all__ = ["DeviceProperty", "choose_device", "property_table"]
