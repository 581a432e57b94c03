"""Which PCI devices are NPUs, and which drivers are known to be bad."""

from pathlib import Path

import pytest

from doctor.trees import add_pci, machine
from npuspec.doctor.hardware import driver_name, find_npus, known_of_driver


@pytest.mark.parametrize(
    ("device", "name", "platform"),
    [
        ("0x7d1d", "Meteor Lake", "3720"),
        ("0xad1d", "Arrow Lake", "3720"),
        ("0x643e", "Lunar Lake", "4000"),
        ("0xb03e", "Panther Lake", "5010"),
        ("0xfd3e", "Wildcat Lake", "5020"),
        ("0xd71d", "Nova Lake", ""),
    ],
)
def test_npus_are_known_by_their_pci_device(tmp_path: Path, device: str, name: str, platform: str) -> None:
    add_pci(tmp_path, device=device)
    [found] = find_npus(machine(tmp_path))
    assert (found.name, found.platform, found.nodes) == (name, platform, ("dev/accel/accel0",))


def test_where_only_the_class_is_shown_it_is_found_by_that(tmp_path: Path) -> None:
    add_pci(tmp_path)
    (tmp_path / "sys/bus/pci/devices/0000:00:0b.0").unlink()
    assert [npu.name for npu in find_npus(machine(tmp_path))] == ["Meteor Lake"]


@pytest.mark.parametrize(("vendor", "device"), [("0x1022", "0x17f0"), ("0x8086", "0x0b40"), ("0x1022", "0x7d1d")])
def test_accelerators_of_others_are_none(tmp_path: Path, vendor: str, device: str) -> None:
    add_pci(tmp_path, vendor=vendor, device=device)
    assert find_npus(machine(tmp_path)) == ()


def test_what_the_module_drives_is_one_even_where_its_device_is_new(tmp_path: Path) -> None:
    place = add_pci(tmp_path, device="0x1234")
    driver = tmp_path / "sys/bus/pci/drivers/intel_vpu"
    driver.mkdir(parents=True)
    (place / "driver").symlink_to(driver)
    [found] = find_npus(machine(tmp_path))
    assert (found.name, found.platform) == ("Intel NPU 0x1234", "")


@pytest.mark.parametrize(
    ("system", "platform", "number", "status"),
    [
        ("Windows", "5010", "1004300", "problem"),
        ("Windows", "5010", "1004509", "problem"),
        ("Windows", "5010", "1004512", "problem"),
        ("Windows", "", "1004512", "problem"),
        ("Windows", "5010", "1005540", None),
        ("Windows", "4000", "1004509", None),
        ("Windows", "3720", "1002564", "warning"),
        ("Windows", "3720", "1002565", None),
        ("Linux", "5010", "1004509", None),
        ("Windows", "5010", "unknown", None),
    ],
)
def test_bad_drivers_are_known_by_system_platform_and_number(
    system: str, platform: str, number: str, status: str | None
) -> None:
    known = known_of_driver(system, platform, number)
    assert (known and known.status) == status
    if known is not None:
        assert "OpenVINO" in known.means
        assert "install the NPU driver" in known.todo


def test_a_driver_has_the_name_that_windows_shows() -> None:
    assert driver_name("Windows", "1004509") == "32.0.100.4509"
    assert driver_name("Windows", "2020298") == "32.0.202.298"
    assert driver_name("Linux", "1782212450") == "1782212450"
    assert driver_name("Windows", "") == ""
