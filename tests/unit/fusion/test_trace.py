"""What a compiler's schedule executes for each layer."""

from pathlib import Path

from compilers.test_schedule import task, written

from npuspec.fusion.trace import read_trace


def test_a_layer_is_at_work_while_any_engine_is(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        task("conv?t_Convolution/cluster_0", "DPU", 0, 4),
        task("conv?t_Convolution/cluster_1", "DPU", 2, 4),
        task("conv?t_Convolution/fused_constant", "DMA", 10, 1),
        task("conv", "Layer", 0, 11),
        task("act?t_HSwish/tile_0", "Shave", 12, 0),
    )
    executed = read_trace(path)
    assert executed.whole_us == 12
    conv, act = executed.nodes
    assert (conv.name, conv.operations, conv.type, conv.us, conv.counted) == (
        *("conv", ("conv",), "Convolution on DPU", 7, True),
    )
    assert (act.type, act.us, act.counted) == ("HSwish on SHAVE", 0, False)


def test_what_is_only_carried_about_runs_nothing(tmp_path: Path) -> None:
    [node] = read_trace(written(tmp_path, task("x?t_Parameter/converted_to_f16", "DMA", 0, 2))).nodes
    assert (node.operations, node.converts) == ((), {})


def test_converts_and_moves_have_their_own_time(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        task("y?t_Result/converted_to_f32/tile_0", "Shave", 0, 2),
        task("y?t_Result/converted_to_f32/tile_0", "DMA", 2, 1),
        task("conv?t_Convolution/reorder_in_0/PermuteQuantize/cluster_0", "DPU", 4, 3),
        task("conv?t_Convolution/cluster_0", "DPU", 7, 5),
    )
    result, conv = read_trace(path).nodes
    assert result.converts == {"float32": 3}
    assert (conv.us, conv.moves_us) == (8, 3)
