"""What a session does, as OpenTelemetry's spans: `pip install npuspec[opentelemetry]`."""

from __future__ import annotations

from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import Link, Status, StatusCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from opentelemetry.trace import Span, Tracer

    from npuspec.runtime.engine import Ran


class Spans:
    """Makes a span of each call and request, and one of each batch, which links to the requests that it serves.

    Args:
        tracer: whose spans they are.

    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def call(self, name: str, **attributes: int) -> AbstractContextManager[Span]:
        """Return the span of what a caller waits for."""
        return self._tracer.start_as_current_span(name, attributes=_named(attributes))

    def request(self, future: Future[Any]) -> Span:
        """Begin the span of a request, in the context of who submits it; it ends with its future."""
        span = self._tracer.start_span("npuspec.request")
        future.add_done_callback(lambda future: _end(span, future))
        return span

    @contextmanager
    def batch(self, variant: str, requests: Iterable[Span]) -> Iterator[Callable[[Ran], Ran]]:
        """Make the span of a batch; yield what says there how it ran, with times in seconds, and returns that."""
        links = [Link(span.get_span_context()) for span in requests]
        with self._tracer.start_as_current_span("npuspec.batch", links=links) as span:
            span.set_attribute("npuspec.variant", variant)

            def tell(ran: Ran) -> Ran:
                times = {"request": ran.waited, "pad": ran.padded, "infer": ran.inferred, "cut": ran.cut}
                span.set_attributes(_named({"device": ran.device, "rows": ran.rows}))
                span.set_attributes(_named({name: taken * 1e-9 for name, taken in times.items()}))
                return ran

            yield tell


def _named(attributes: dict[str, Any]) -> dict[str, Any]:
    return {f"npuspec.{name}": value for name, value in attributes.items()}


def _end(span: Span, future: Future[Any]) -> None:
    try:
        error = future.exception()
    except CancelledError:
        span.set_attribute("npuspec.cancelled", True)
    else:
        if error is not None:
            span.record_exception(error)
            span.set_status(Status(StatusCode.ERROR, str(error)))
    span.end()
