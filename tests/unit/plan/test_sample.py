"""The split of the samples: what calibrates is never what the gates run on."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import structs

from builders import DATA, GATE, SMALL, source_of, spec_of
from npuspec.diagnostics import Diagnostic, Path
from npuspec.plan.model import PlannedSource, Samples, SourceFile
from npuspec.plan.passes.sample import check_files, plan_recipe, split_samples

FILES = tuple(f"{i}.npy" for i in range(9))


def text(samples: int | None = 6, *, gates: str = GATE, data: str = DATA) -> str:
    quantization = '\n[quantization]\nmode = "int8"\n' + (f"samples = {samples}\n" if samples is not None else "")
    return SMALL + data + quantization + gates


def split(spec: str, source: PlannedSource) -> Samples:
    samples, faults = split_samples(spec_of(spec), source)
    assert samples is not None, faults
    return samples


def checked(data: str, *files: str) -> list[Diagnostic]:
    read = spec_of(SMALL + data)
    assert read.data is not None
    return check_files(read.data, files)


def refused(spec: str, source: PlannedSource) -> list[tuple[str, Path]]:
    read = spec_of(spec)
    assert read.data is not None
    faults = check_files(read.data, [file.path for file in source.files])
    if not faults:
        samples, faults = split_samples(read, source)
        assert samples is None
    return [(fault.code, fault.labels[0].path) for fault in faults]


@given(st.integers(2, 60))
def test_the_two_sides_share_no_file_and_leave_none_out(count: int) -> None:
    wanted = count // 2
    samples = split(text(wanted), source_of(*(f"{i}.npy" for i in range(count))))
    assert len(samples.calibration) == wanted
    assert sorted(samples.calibration + samples.validation) == sorted(f"{i}.npy" for i in range(count))
    assert list(samples.calibration) == sorted(samples.calibration)
    assert list(samples.validation) == sorted(samples.validation)


@given(st.permutations(FILES))
def test_the_order_in_which_files_are_listed_changes_nothing(files: list[str]) -> None:
    listed = structs.replace(source_of(*files), digest="")
    assert split(text(), listed).calibration == split(text(), source_of(*FILES)).calibration


def test_the_split_follows_the_contents_whatever_the_files_are_called() -> None:
    source = source_of(*FILES)
    renamed = structs.replace(
        source, files=tuple(SourceFile(path=f"other/{9 - i}.npy", sha256=f.sha256) for i, f in enumerate(source.files))
    )
    contents = [{f.sha256 for f in s.files if f.path in split(text(), s).calibration} for s in (source, renamed)]
    assert contents[0] == contents[1]


def test_one_more_calibrating_sample_leaves_the_others_where_they_are() -> None:
    six, seven = (set(split(text(n), source_of(*FILES)).calibration) for n in (6, 7))
    assert six < seven


def test_without_quantization_all_samples_are_the_gates() -> None:
    samples = split(SMALL + DATA + GATE, source_of(*FILES))
    assert (samples.calibration, samples.validation) == ((), FILES)


def test_without_gates_all_samples_may_calibrate() -> None:
    assert split(text(9, gates=""), source_of(*FILES)).validation == ()


def test_without_data_there_is_nothing_to_split() -> None:
    assert split_samples(spec_of(SMALL), None) == (None, [])


@pytest.mark.parametrize(
    ("samples", "path"),
    [(10, ("quantization", "samples")), (9, ("quantization", "samples")), (None, ("quantization",))],
)
def test_too_few_samples_are_a_fault_where_the_number_is_stated(samples: int | None, path: Path) -> None:
    assert refused(text(samples), source_of(*FILES)) == [("too-few-samples", path)]


def test_none_left_for_the_gates_is_said_so() -> None:
    _, [fault] = split_samples(spec_of(text(9)), source_of(*FILES))
    assert fault.message == "all 9 samples calibrate: none is left for the gates"
    assert fault.help == "add data, or state samples = 6, which leaves 3 for the gates"


def test_files_of_the_same_content_are_a_fault() -> None:
    source = source_of(*FILES)
    twin = SourceFile(path="twin.npy", sha256=source.files[3].sha256)
    doubled = structs.replace(source, files=(*source.files, twin))
    _, [fault] = split_samples(spec_of(text()), doubled)
    assert (fault.code, fault.labels[0].path) == ("duplicate-samples", ("data", "source"))
    assert fault.message == "1 sample(s) occur twice: `twin.npy` holds the same as `3.npy`"


def test_files_that_hold_the_same_in_another_form_are_a_fault() -> None:
    contents = {"2.npy": "b" * 64, "5.npy": "a" * 64, "7.npy": "a" * 64, "8.npy": "a" * 64}
    samples, [fault] = split_samples(spec_of(text()), source_of(*FILES), contents=contents)
    assert samples is None
    assert (fault.code, fault.labels[0].path) == ("duplicate-samples", ("data", "source"))
    assert fault.message == "2 sample(s) occur twice: `7.npy` holds the same as `5.npy`"


def test_the_split_follows_the_files_and_not_what_they_hold() -> None:
    contents = {name: f"{9 - number}" * 64 for number, name in enumerate(FILES)}
    samples, _ = split_samples(spec_of(text()), source_of(*FILES), contents=contents)
    assert samples == split(text(), source_of(*FILES))


def test_files_that_are_no_samples_are_one_fault_that_counts_them() -> None:
    [fault] = checked(DATA, *FILES, "README.md", "a.mp3", "B.NPY")
    assert (fault.code, fault.labels[0].path) == ("unsupported-data-format", ("data", "source"))
    assert fault.message == "2 file(s) are no samples that can be read, `README.md` among them"


def test_sound_needs_a_rate_and_arrays_do_not() -> None:
    sound = source_of(*(f"{i}.wav" for i in range(9)))
    assert refused(text(), sound) == [("missing-key", ("data",))]
    assert split(text(data=DATA + "sample-rate = 16000\n"), sound).sample_rate == 16000
    assert split(text(), source_of(*FILES)).sample_rate is None


FOLDER = DATA.replace("samples/*.npy", "clips/")
NPZ = '[data]\nsource = "samples/*"\n'
TOKENIZED = DATA + 'tokenizer = "tokenizer.json"\n'
FIELD = 'field = "talk"\n'


@pytest.mark.parametrize(
    ("data", "files"),
    [
        (DATA, ("a.npy", "b.NPY", "c.png", "d.jpg", "e.JPEG")),
        (NPZ, ("a.npz",)),
        (NPZ, ("a.npz", "b.safetensors")),
        (FOLDER, ("a.jpg", "b/c.PNG")),
        (FOLDER.replace("clips", "pypi:clips==1.0/clips"), ("a.npy",)),
        (TOKENIZED, ("a.txt", "b.TXT")),
        (TOKENIZED + FIELD, ("a.yml", "b.yaml", "c.json", "d.txt")),
    ],
)
def test_files_of_the_kind_that_the_keys_are_for_are_right(data: str, files: tuple[str, ...]) -> None:
    assert checked(data, *files) == []


@pytest.mark.parametrize(
    ("data", "files", "code", "path"),
    [
        (NPZ, ("a.npy",), "missing-key", ("data",)),
        (NPZ, ("a.npz", "b.npy"), "unsupported-data-format", ("data", "source")),
        (NPZ, ("a.safetensors", "b.wav"), "unsupported-data-format", ("data", "source")),
        (DATA, ("a.npz",), "idle-key", ("data", "input")),
        (DATA, ("a.safetensors", "b.npz"), "idle-key", ("data", "input")),
        (FOLDER, ("a.npy", "b.npz"), "unsupported-data-format", ("data", "source")),
        (FOLDER, ("a.png", "masks/a.npy"), "unsupported-data-format", ("data", "source")),
        (DATA, ("a.npz", "b.npy"), "unsupported-data-format", ("data", "source")),
        (DATA, ("a.txt",), "missing-key", ("data",)),
        (DATA, ("a.npy", "notes.txt"), "unsupported-data-format", ("data", "source")),
        (TOKENIZED, ("a.npy",), "unsupported-data-format", ("data", "source")),
        (TOKENIZED, ("a.json",), "missing-key", ("data",)),
        (TOKENIZED + FIELD, ("a.txt",), "idle-key", ("data", "field")),
        (DATA, ("a.txt.gz", "b"), "unsupported-data-format", ("data", "source")),
    ],
)
def test_files_and_keys_that_do_not_belong_together_are_one_fault(
    data: str, files: tuple[str, ...], code: str, path: Path
) -> None:
    [fault] = checked(data, *files)
    assert (fault.code, fault.labels[0].path) == (code, path)


def test_a_folder_of_several_kinds_is_a_fault_that_counts_them_and_says_which_glob() -> None:
    rate = "sample-rate = 16000\n"
    [fault] = checked(FOLDER + rate, "a.txt", "b.txt", "b.wav", "c.json")
    assert fault.message == "`clips/` holds samples of several kinds: sound in 1 file(s), text in 3 file(s)"
    assert fault.help == 'say which are meant, with a glob: source = "clips/**/*.wav"'


def tokenized(samples: int, texts: dict[str, list[str]]) -> Samples:
    spec = text(samples, data=TOKENIZED + FIELD)
    found, faults = split_samples(spec_of(spec), source_of(*texts), source_of("tokenizer.json"), texts)
    assert found is not None, faults
    return found


def test_texts_are_split_by_text_and_called_by_their_place() -> None:
    found = tokenized(2, {"a.yml": ["9", "1", "5"], "b.yml": ["3"]})
    assert found.calibration == ("a.yml:2", "b.yml:1")
    assert found.validation == ("a.yml:1", "a.yml:3")
    assert found.tokenizer == source_of("tokenizer.json")
    assert found.reading["tokenizer"] == source_of("tokenizer.json").digest


def test_the_names_of_texts_stand_in_the_order_of_their_numbers() -> None:
    found = tokenized(11, {"a.yml": [f"{n:02}" for n in range(12)]})
    assert found.calibration == tuple(f"a.yml:{n}" for n in range(1, 12))


def test_a_text_that_is_repeated_counts_once_under_its_first_name() -> None:
    found = tokenized(1, {"b.yml": ["1", "2"], "a.yml": ["2", "2", "3"]})
    assert (found.calibration, found.validation) == (("b.yml:1",), ("a.yml:1", "a.yml:3"))
    assert found.repeated == 2


TEXTS = st.dictionaries(
    st.sampled_from(["a.yml", "b.yml", "d/a.yml"]), st.lists(st.text("abc", max_size=2), min_size=1), min_size=1
)


@given(TEXTS, st.integers(1, 4))
def test_each_text_is_on_one_side_whatever_the_files_are_called(texts: dict[str, list[str]], wanted: int) -> None:
    different = {found for listed in texts.values() for found in listed}
    assume(len(different) > wanted)
    moved = {f"other/{path}": found for path, found in reversed(texts.items())}
    sides = []
    for given_texts in (texts, moved):
        samples = tokenized(wanted, given_texts)
        places = {f"{path}:{n}": t for path, listed in given_texts.items() for n, t in enumerate(listed, 1)}
        sides.append([{places[name] for name in names} for names in (samples.calibration, samples.validation)])
        assert samples.repeated + len(samples.calibration) + len(samples.validation) == len(places)
    assert sides[0] == sides[1]
    assert len(sides[0][0]) == wanted
    assert not sides[0][0] & sides[0][1]
    assert sides[0][0] | sides[0][1] == different


def test_texts_that_are_repeated_do_not_make_up_for_too_few() -> None:
    spec = spec_of(text(3, data=TOKENIZED + FIELD))
    _, [fault] = split_samples(spec, source_of("a.yml"), None, {"a.yml": ["1", "1", "1", "1"]})
    assert (fault.code, fault.message) == ("too-few-samples", "3 samples are to calibrate, and there are 1")


def test_the_recipe_names_each_kept_operation_once_in_sorted_order() -> None:
    recipe = plan_recipe(spec_of(text().replace("samples = 6", 'samples = 6\nkeep = { names = ["/B", "/A", "/B"] }')))
    assert recipe.keep_names == ("/A", "/B")
    assert (recipe.mode, recipe.preset, recipe.model_type, recipe.subset_size) == ("int8", "performance", None, 6)


def test_weights_alone_take_no_samples() -> None:
    weights = SMALL + DATA + '\n[quantization]\nmode = "weights"\n'
    assert split(weights, source_of("a.npy", "b.npy")).calibration == ()


@pytest.mark.parametrize("gates", [GATE, ""])
def test_files_without_a_text_are_no_samples(gates: str) -> None:
    spec = spec_of(SMALL + DATA + 'tokenizer = "tokenizer.json"\n' + gates)
    samples, [fault] = split_samples(spec, source_of("a.txt", "b.txt"), source_of("t.json"), {"a.txt": [], "b.txt": []})
    assert samples is None
    assert (fault.code, fault.labels[0].path) == ("no-data", ("data", "source"))
    assert fault.message == "there is no text in these files"
