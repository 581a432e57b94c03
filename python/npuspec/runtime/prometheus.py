"""What a session does, as Prometheus reads it: `pip install npuspec[prometheus]`."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from npuspec.runtime.session import Session


class SessionCollector(Collector):
    """Collects `Session.stats` of a session whenever it is asked for.

        prometheus_client.REGISTRY.register(SessionCollector(session, model="asr"))
        prometheus_client.start_http_server(9090)

    Args:
        session: what is looked at.
        model: the label `model` of all metrics, to tell sessions apart.

    """

    def __init__(self, session: Session, model: str) -> None:
        self._session = session
        self._model = model

    def describe(self) -> Iterable[Metric]:
        """Return nothing: metrics are known once they are collected."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics."""
        stats = self._session.stats()
        requests = CounterMetricFamily("npuspec_requests", "samples, by how they ended", labels=["model", "outcome"])
        for outcome in ("done", "failed", "cancelled", "expired", "refused"):
            requests.add_metric([self._model, outcome], getattr(stats, outcome))
        yield requests
        batches = CounterMetricFamily("npuspec_batches", "batches, by where they ran", labels=["model", "device"])
        for device, count in stats.batches.items():
            batches.add_metric([self._model, device], count)
        yield batches
        recoveries = CounterMetricFamily("npuspec_recoveries", "devices that failed and were opened", labels=["model"])
        recoveries.add_metric([self._model], stats.recoveries)
        yield recoveries
        for name, help_, value in (
            ("npuspec_waiting", "requests that haven't begun", stats.waiting),
            ("npuspec_rows_ratio", "rows of batches that were samples", stats.rows),
            ("npuspec_padding_ratio", "what the device was given that wasn't of samples", stats.padding),
        ):
            gauge = GaugeMetricFamily(name, help_, labels=["model"])
            gauge.add_metric([self._model], value)
            yield gauge
        seconds = SummaryMetricFamily("npuspec_seconds", "how long a phase takes", labels=["model", "phase"])
        newest = GaugeMetricFamily(
            "npuspec_seconds_newest", "quantiles of the newest", labels=["model", "phase", "quantile"]
        )
        for name, phase in stats.phases.items():
            seconds.add_metric([self._model, name], phase.count, phase.seconds)
            for quantile, value in (("0.5", phase.p50), ("0.95", phase.p95), ("0.99", phase.p99)):
                newest.add_metric([self._model, name, quantile], value)
        yield seconds
        yield newest
