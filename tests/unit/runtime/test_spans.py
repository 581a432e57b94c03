"""What a session does, as OpenTelemetry's spans."""

import numpy as np
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from npuspec.bundle.program import Load
from npuspec.diagnostics import InputError
from npuspec.runtime import Engine, Session
from runtime.toys import along, compiled, data, doubled, program

TOY = program(data(finite=True), batch=2, outputs=(along(),))
GOOD, BAD = {"x": np.ones(3, np.float32)}, {"x": np.full(3, np.nan, np.float32)}


def named(spans: tuple[ReadableSpan, ...], name: str) -> list[ReadableSpan]:
    return [span for span in spans if span.name == name]


def test_calls_requests_and_batches_are_spans_that_belong_together() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    with Session(
        Engine(TOY, compiled(TOY, doubled), device="CPU"), load=Load(batch_wait_ms=2_000), tracer=tracer
    ) as session:
        session.infer(GOOD)
        session.infer_many([GOOD] * 2)
        with tracer.start_as_current_span("mine"):
            futures = [session.submit(GOOD), session.submit(GOOD)]
        assert all(future.result(60) for future in futures)
        with pytest.raises(InputError):
            session.submit(BAD).result(60)
        with pytest.raises(InputError):
            session.infer(BAD)
    spans = exporter.get_finished_spans()
    (mine,) = named(spans, "mine")
    good, same, bad = named(spans, "npuspec.request")
    assert mine.context is not None
    assert [span.parent and span.parent.span_id for span in (good, same, bad)] == [mine.context.span_id] * 2 + [None]
    assert [span.status.is_ok for span in (good, same, bad)] == [True, True, False]
    batches = named(spans, "npuspec.batch")
    (shared,) = [span for span in batches if len(span.links) == 2]
    assert {link.context.span_id for link in shared.links} == {span.context.span_id for span in (good, same)}
    assert shared.attributes is not None
    assert (shared.attributes["npuspec.device"], shared.attributes["npuspec.rows"]) == ("CPU", 2)
    seconds = shared.attributes["npuspec.infer"]
    assert isinstance(seconds, float)
    assert 0 < seconds < 60
    assert [span.status.is_ok for span in named(spans, "npuspec.infer")] == [True, False]
    (many,) = named(spans, "npuspec.infer_many")
    assert many.attributes == {"npuspec.samples": 2}


def test_a_request_that_is_refused_ends_its_span() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    session = Session(Engine(TOY, compiled(TOY, doubled), device="CPU"), tracer=provider.get_tracer("test"))
    session.close()
    with pytest.raises(InputError, match="closed"):
        session.submit(GOOD)
    assert len(named(exporter.get_finished_spans(), "npuspec.request")) == 1
