"""`npuspec apply` end to end, on the real speech model."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from conftest import ASR_SPEC, npuspec
from helpers import files, flip, version
from npuspec.bundle import open_bundle
from npuspec.diagnostics import BundleError


def test_the_speech_spec_passes_its_gates_and_says_by_how_much(asr_bundle: Path) -> None:
    bundle = open_bundle(asr_bundle)
    evidence = json.loads(bundle.path("evidence/evidence.json").read_bytes())
    gates = {(g["of"], g["against"]): g for g in evidence["gates"]}
    assert gates.keys() == {("static", "original"), ("quantized", "static"), ("quantized", "original")}
    assert gates["quantized", "static"]["min"] >= 0.9
    for gate in gates.values():
        assert gate["passed"]
        assert gate["margin"] == pytest.approx(gate["value"] - gate["min"])
    assert evidence["agreement"]["samples"] == 9
    assert len(evidence["agreement"]["pairs"]) == 3
    report = evidence["quantization"]
    assert report["samples_of_variant"] == {"time32000": 6, "time64000": 11, "time128000": 1}
    assert report["quantized_operations"] > 50
    assert report["folded_away"] == report["traps"] == []


def test_buckets_win_back_what_padding_costs(asr_bundle: Path) -> None:
    evidence = json.loads(open_bundle(asr_bundle).path("evidence/evidence.json").read_bytes())
    (row,) = [r for r in evidence["agreement"]["pairs"] if (r["of"], r["against"]) == ("static", "original")]
    padded, natural = (row[how]["time128000"]["frame-agreement"] for how in ("padded", "natural"))
    assert natural == row["frame-agreement"]
    assert natural - padded > 0.03
    assert any("padding holds" in doubt for doubt in evidence["doubts"])


def test_the_latency_of_both_models_stands_in_the_evidence(asr_bundle: Path) -> None:
    bundle = open_bundle(asr_bundle)
    timings = json.loads(bundle.path("evidence/timings.json").read_bytes())
    latencies = timings["stages"]["verify[CPU]"]["latency"]
    assert latencies.keys() == {"time32000", "time64000", "time128000"}
    for latency in latencies.values():
        assert latency["static_ms"] > 0
        assert latency["quantized_ms"] > 0
        assert 0 < latency["quantized_over_static"] < math.inf
    assert timings["identity"] == bundle.manifest.identity


def test_no_clip_calibrates_and_verifies(asr_bundle: Path) -> None:
    samples = json.loads(open_bundle(asr_bundle).path("plan.json").read_bytes())["samples"]
    assert len(samples["calibration"]) == 18
    assert len(samples["validation"]) == 9
    assert not set(samples["calibration"]) & set(samples["validation"])


def test_applying_again_says_nothing_to_do_and_why(asr_bundle: Path) -> None:
    before = version(asr_bundle)
    ran = npuspec("apply", ASR_SPEC, "--locked", "--output", asr_bundle)
    assert ran.code == 0
    assert "nothing to do: " in ran.out
    assert "all its 12 files are whole" in ran.out
    assert version(asr_bundle) == before


def test_the_fallback_is_said_loudly(asr_bundle: Path) -> None:
    ran = npuspec("apply", ASR_SPEC, "--locked", "--output", asr_bundle)
    assert "warning: there is no NPU on this machine: compiling for CPU" in ran.err


def test_a_flipped_byte_anywhere_in_the_bundle_is_refused(asr_bundle: Path, tmp_path: Path) -> None:
    bundle = shutil.copytree(asr_bundle, tmp_path / "bundle")
    places = sorted(p for p in bundle.rglob("*") if p.is_file() and p.name != ".lock")
    assert len(places) >= 8  # six files, the manifest and the pointer
    for path in places:
        size = path.stat().st_size
        for offset in {0, size // 3, size // 2, size - 1}:
            flip(path, offset)
            with pytest.raises(BundleError) as caught:
                open_bundle(bundle)
            assert (caught.value.code, caught.value.exit_code) == ("broken-bundle", 3)
            flip(path, offset)
    open_bundle(bundle)


def test_a_missing_device_without_a_fallback_is_exit_4(small_spec: Path, tmp_path: Path) -> None:
    small_spec.write_text(small_spec.read_text().replace('device = "CPU"', 'device = "NPU"'))
    ran = npuspec("apply", small_spec, "--output", tmp_path / "bundle")
    assert ran.code == 4
    assert "error[no-device]: there is no NPU on this machine" in ran.err
    assert "small.toml:13:10" in ran.err
    assert not (tmp_path / "bundle").exists()


def test_the_device_can_be_overridden(small_spec: Path, tmp_path: Path) -> None:
    small_spec.write_text(small_spec.read_text().replace('device = "CPU"', 'device = "NPU"'))
    ran = npuspec("apply", small_spec, "--device", "CPU", "--output", tmp_path / "bundle")
    assert ran.code == 0, ran.err
    assert "there is no NPU" not in ran.err
    assert open_bundle(tmp_path / "bundle").manifest.device == "CPU"


def test_only_the_stages_behind_a_change_run_again(small_spec: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    assert npuspec("apply", small_spec, "--output", bundle).code == 0
    small_spec.write_text(small_spec.read_text() + '\n[properties]\nperformance-hint = "THROUGHPUT"\n')
    ran = npuspec("apply", small_spec, "--output", bundle)
    assert ran.code == 0, ran.err
    lines = ran.err.splitlines()
    assert "read: unchanged" in lines
    assert "shape[time32000]: unchanged" in lines
    assert not any(line in ("compile[CPU, time32000]: unchanged", "verify[CPU]: unchanged") for line in lines)


def test_a_changed_gate_runs_no_stage_and_a_failed_one_leaves_the_old_bundle(small_spec: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    assert npuspec("apply", small_spec, "--output", bundle).code == 0
    before = version(bundle)
    small_spec.write_text(small_spec.read_text().replace("min = 0.8", "min = 0.999"))
    ran = npuspec("apply", small_spec, "--output", bundle)
    assert ran.code == 1
    assert "error[gate-failed]: frame-agreement of static against original" in ran.err
    assert "[[gates]]" in ran.err
    assert "verify[CPU]: unchanged" in ran.err
    assert version(bundle) == before


def test_the_same_spec_gives_the_same_files_from_an_empty_cache(small_spec: Path, tmp_path: Path, cache: Path) -> None:
    first = npuspec("apply", small_spec, "--output", tmp_path / "one")
    empty = tmp_path / "empty"
    for kind in ("wheels", "sources"):
        shutil.copytree(cache / kind, empty / kind)
    second = npuspec("apply", small_spec, "--output", tmp_path / "two", NPUSPEC_CACHE=str(empty), PYTHONHASHSEED="7")
    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert "unchanged" not in second.err
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_rebuild_runs_every_stage(small_spec: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    assert npuspec("apply", small_spec, "--output", bundle).code == 0
    ran = npuspec("apply", small_spec, "--output", bundle, "--rebuild")
    assert ran.code == 0, ran.err
    assert "unchanged" not in ran.err
    assert "nothing to do" not in ran.out


def test_a_clip_longer_than_the_maximum_is_named(small_spec: Path, tmp_path: Path, clips: list[Path]) -> None:
    longest = max(clips, key=lambda path: path.stat().st_size)
    shutil.copyfile(longest, small_spec.parent / "clips" / "long.wav")
    ran = npuspec("apply", small_spec, "--output", tmp_path / "bundle")
    assert ran.code == 1
    assert "error[sample-too-long]: stage verify[CPU]: `long.wav`: the sample is 72138 long in `time`" in ran.err


def test_a_clip_with_nan_is_named(small_spec: Path, tmp_path: Path) -> None:
    np.save(small_spec.parent / "clips" / "bad.npy", np.full(5000, np.nan, np.float32))
    small_spec.write_text(small_spec.read_text().replace("clips/*.wav", "clips/*"))
    ran = npuspec("apply", small_spec, "--output", tmp_path / "bundle")
    assert ran.code == 1
    assert "error[unreadable-sample]: stage verify[CPU]: `bad.npy` is no usable sample: it holds NaN" in ran.err


def test_a_clip_of_another_rate_is_named(small_spec: Path, tmp_path: Path) -> None:
    soundfile.write(small_spec.parent / "clips" / "slow.wav", np.zeros(8000, np.float32), 8000)
    ran = npuspec("apply", small_spec, "--output", tmp_path / "bundle")
    assert ran.code == 1
    assert "`slow.wav` was recorded at 8000 Hz, and the spec says 16000" in ran.err


def test_a_folder_with_other_files_is_not_taken_over(small_spec: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "thesis.txt").write_text("mine")
    ran = npuspec("apply", small_spec, "--output", taken)
    assert ran.code == 2
    assert "error[output-taken]" in ran.err
    assert sorted(p.name for p in taken.iterdir()) == ["thesis.txt"]


def test_a_damaged_bundle_is_refused_and_made_anew(small_spec: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    assert npuspec("apply", small_spec, "--output", bundle).code == 0
    good = files(bundle)
    weights = open_bundle(bundle).path("models/time32000.bin")
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    with pytest.raises(BundleError):
        open_bundle(bundle)
    assert npuspec("verify", bundle).code == 3
    assert npuspec("apply", small_spec, "--output", bundle).code == 0
    assert files(bundle) == good


def test_a_bundle_without_data_is_made_but_measures_nothing(small_spec: Path, tmp_path: Path) -> None:
    text = small_spec.read_text()
    begin, end = text.index("[data]"), text.index("[target]")
    small_spec.write_text((text[:begin] + text[end:]).partition("[[gates]]")[0])
    ran = npuspec("apply", small_spec, "--output", tmp_path / "bundle")
    assert ran.code == 0, ran.err
    evidence = json.loads(open_bundle(tmp_path / "bundle").path("evidence/evidence.json").read_bytes())
    (doubt,) = evidence.pop("doubts")
    assert doubt.startswith("nothing was measured")
    assert evidence == {
        "gates": [],
        "quantization": None,
        "agreement": None,
        "estimates": [],
        "executed": {"time32000": ["CPU"]},
    }
    assert doubt in ran.err
