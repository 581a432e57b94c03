"""What a session does, as Prometheus reads it."""

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from npuspec.bundle.program import Load
from npuspec.runtime import Engine, Session
from npuspec.runtime.prometheus import SessionCollector
from runtime.toys import along, compiled, data, doubled, program

TOY = program(data(), batch=2, sizes=({"time": 4}, {"time": 8}), outputs=(along(),))


def test_the_figures_of_a_session_are_metrics_with_its_label() -> None:
    registry = CollectorRegistry()
    with Session(Engine(TOY, compiled(TOY, doubled), device="CPU"), load=Load(batch_wait_ms=60_000)) as session:
        registry.register(SessionCollector(session, "toy"))
        for size in (3, 4, 8):
            session.infer({"x": np.ones(size, np.float32)})
        for future in [session.submit({"x": np.ones(size, np.float32)}) for size in (3, 4)]:
            future.result(60)
        text = generate_latest(registry).decode()
    found = {
        (sample.name, *(value for key, value in sorted(sample.labels.items()) if key != "model")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["npuspec_requests_total", "done"] == 5
    assert found["npuspec_requests_total", "failed"] == 0
    assert found["npuspec_batches_total", "CPU"] == 4
    assert found["npuspec_rows_ratio",] == 5 / 8
    assert found["npuspec_padding_ratio",] == 1 - 22 / (3 * 8 + 16)
    assert found["npuspec_seconds_count", "infer"] == 4
    assert found["npuspec_seconds_sum", "infer"] >= found["npuspec_seconds_newest", "infer", "0.5"] > 0
    assert found["npuspec_seconds_newest", "whole", "0.99"] > 0
    assert 'model="toy"' in text
