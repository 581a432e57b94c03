"""A model, running: the caller's unpadded arrays in, outputs cut to their valid length out."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from functools import partial
from threading import Thread
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any

from npuspec.bundle.program import Load
from npuspec.diagnostics import NpuspecError, QueueFull
from npuspec.runtime import forked
from npuspec.runtime.blobs import Origin
from npuspec.runtime.engine import Engine
from npuspec.runtime.gather import Gatherer, in_order
from npuspec.runtime.opening import Step
from npuspec.runtime.overflow import Piece, Pieces, batches_of, stitch
from npuspec.runtime.request import Part, Request, Result, wrong
from npuspec.runtime.serving import Failed, Opener, Serving, for_another
from npuspec.runtime.stats import Recorder, Stats

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from npuspec.runtime.spans import Spans


class Session:
    """Static variants of one model on one device.

    Any number of threads may call anything. `infer` and `infer_many` run in the order in which they are called, next to
    what `submit`, `ainfer` and `stream` gather into batches. Of each variant as many inferences are under way as the
    device finds best (OPTIMAL_NUMBER_OF_INFER_REQUESTS) and one more, which is padded meanwhile; others wait.

    Attributes:
        program: the model's inputs, outputs and variants.

    """

    def __init__(
        self,
        engine: Engine,
        *,
        load: Load | None = None,
        openers: Mapping[str, Opener] | None = None,
        steps: Sequence[Step] = (),
        tracer: "Tracer | None" = None,
    ) -> None:
        load = load or Load()
        self.program = program = engine.program
        self._steps = steps
        self._recorder = Recorder(program)
        self._pieces: Callable[[Mapping[str, Any]], list[Piece]] = Pieces(program)
        self._gatherer = Gatherer(
            self._serve,
            self._recorder,
            engine.pools,
            rows=program.batch,
            threads=engine.most,
            most=load.queue,
            wait=load.batch_wait_ms / 1000,
        )
        self._serving = Serving(engine, openers, lambda engine: self._gatherer.resize(engine.most))
        self._queue = load.queue
        self._spans: Spans | None = None
        if tracer is not None:
            from npuspec.runtime import spans  # noqa: PLC0415  OpenTelemetry, where it is used

            self._spans = spans.Spans(tracer)
        self._is_forked = False
        forked.watch(self)

    def go_over(self, opener: Opener, stop: Callable[[], object]) -> None:
        """Open another device in the background, and let it serve then; `stop` tells that nobody waits any more."""
        self._serving.begin(opener, stop)

    @property
    def ready(self) -> Future[str]:
        """The device, once it is the one that was asked for; or why it isn't.

        Done from the beginning unless another answers meanwhile (`load.warm`).
        """
        return self._serving.ready

    @property
    def device(self) -> str:
        """Where it runs now, `NPU` or `CPU`."""
        return self._serving.engine.device

    @property
    def executed(self) -> dict[str, list[str]]:
        """For each variant what OpenVINO says of that (EXECUTION_DEVICES); anything else is refused."""
        return self._serving.engine.executed

    @property
    def notes(self) -> tuple[str, ...]:
        """What the caller should know: a fallback that was taken, a blob that isn't used, a device that failed."""
        return tuple(self._serving.notes)

    @property
    def steps(self) -> tuple[Step, ...]:
        """What loading did, and how long each step took; a device that is opened later adds its own."""
        return tuple(self._steps)

    @property
    def origins(self) -> dict[str, Origin]:
        """Where each variant's compiled model is from.

        `blob`, the bundle; `hit`, npuspec's cache; `miss`, it was compiled, and is in the cache from now on;
        `compiled`, it was, and isn't kept.
        """
        return self._serving.engine.origins

    def infer(self, inputs: Mapping[str, Any], *, copy: bool = True) -> Result:
        """Run one sample, at once.

        Args:
            inputs: for each data input an array of the model's dtype, without the batch axis and unpadded. Lengths and
                masks are made here.
            copy: with False, outputs of a sample that isn't run in chunks show the device's own memory. They are valid
                until anything else is inferred by this session, in any thread; with NPUSPEC_DEBUG=1, an inference that
                would overwrite an array that is still held is refused (`outputs-held`).

        Returns:
            Output name to array, without the batch axis, cut to the sample's valid length; the arrays are the caller's.

        Raises:
            InputError: the sample doesn't fit.
            DeviceError: `infer-failed`, with what the device said.

        """
        if self._spans is not None:
            with self._spans.call("npuspec.infer"):
                return self._infer(inputs, copy=copy)
        engine = self._serving.engine
        if copy and (lane := engine.lane) is not None:
            try:
                result = lane.infer(inputs, self._recorder.lane)
            except RecursionError:
                raise
            except RuntimeError as error:
                return self._infer(inputs, copy=copy, failed=(engine.device, error))
            if result is not None:
                self._recorder.thin()
                return result
        return self._infer(inputs, copy=copy)

    def _infer(self, inputs: Mapping[str, Any], *, copy: bool, failed: Failed | None = None) -> Result:
        begin = perf_counter()
        pieces = self._pieces(inputs)
        try:
            if len(pieces) == 1:
                result = self._run(pieces[0].fit.variant, pieces, alone=True, copy=copy, failed=failed)[0]
            else:
                result = stitch(self.program, pieces, self._run_all(pieces))
        except NpuspecError:
            self._recorder.failed(1)
            raise
        self._recorder.done(perf_counter() - begin)
        return result

    def infer_many(self, samples: Sequence[Mapping[str, Any]]) -> list[Result]:
        """Run any number of samples of any sizes, as many at a time as a batch has rows.

        Args:
            samples: each as `infer` takes it.

        Returns:
            For each sample, in the order in which they were given, what `infer` returns.

        Raises:
            InputError: a sample doesn't fit, and there is no result of any.
            DeviceError: `infer-failed`, with what the device said.

        """
        if not isinstance(samples, Sequence):
            raise wrong("samples", "a sequence", samples)
        with nullcontext() if self._spans is None else self._spans.call("npuspec.infer_many", samples=len(samples)):
            return self._infer_many(samples)

    def _infer_many(self, samples: Sequence[Mapping[str, Any]]) -> list[Result]:
        begin = perf_counter()
        pieces = [self._pieces(sample) for sample in samples]
        try:
            done = iter(self._run_all([piece for parts in pieces for piece in parts]))
        except NpuspecError:
            self._recorder.failed(len(samples))
            raise
        results = [stitch(self.program, parts, [next(done) for _ in parts]) for parts in pieces]
        for _ in samples:
            self._recorder.done(perf_counter() - begin)
        return results

    def submit(self, inputs: Mapping[str, Any], *, timeout: float | None = None, block: bool = True) -> Future[Result]:
        """Let one sample run together with others of its variant, and go on.

        A batch runs when it is full, or when its first sample has waited for `load.batch-wait-ms`; what is missing then
        is filled up, and never seen. The arrays are read when the batch begins: don't write to them before the future
        is done.

        Args:
            inputs: as `infer` takes them.
            timeout: seconds in which it must have begun.
            block: where `load.queue` requests wait, wait for room, for `timeout` at most; never in a future's callback.

        Returns:
            What `infer` returns, or raises, once it is there; `RequestTimeout` if it hasn't begun in time. `cancel()`
            succeeds before it has begun.

        Raises:
            InputError: the sample doesn't fit.
            QueueFull: there is no room, without `block` or in a callback.
            RequestTimeout: there was no room in time.

        """
        request = self._request(inputs, timeout)
        try:
            self._gatherer.put(request, block=block and not self._gatherer.is_within)
        except BaseException as error:
            self._gatherer.refused += isinstance(error, QueueFull)
            request.future.cancel()
            raise
        return request.future

    async def ainfer(self, inputs: Mapping[str, Any], *, timeout: float | None = None) -> Result:
        """Run one sample as `submit` does, and wait for it in asyncio. Cancelled before it begins, it doesn't run."""
        from asyncio import wrap_future  # noqa: PLC0415  whoever awaits has it, and nobody else needs it

        request = self._request(inputs, timeout)
        try:
            try:
                self._gatherer.put(request, block=False)
            except QueueFull:
                self._gatherer.put_later(request)
            return await wrap_future(request.future)
        except BaseException:
            request.future.cancel()
            raise

    def _request(self, inputs: Mapping[str, Any], timeout: float | None) -> Request:
        inputs = dict(inputs) if isinstance(inputs, dict) else inputs  # the caller may put another sample into it
        request = Request(self.program, self._pieces(inputs), timeout)
        if self._spans is not None:
            request.span = self._spans.request(request.future)
        return request

    def stream(self, samples: Iterable[Mapping[str, Any]]) -> Generator[Result, None, None]:
        """Run samples as they come, and yield results in their order.

        So many samples are taken ahead as fill the batches that may be under way, of every variant, twice.

        Args:
            samples: each as `infer` takes it. Their arrays must stay as they are until their result is there.

        Raises:
            InputError: a sample doesn't fit; those before it have been yielded.
            DeviceError: `infer-failed`, with what the device said.

        """
        if not isinstance(samples, Iterable):
            raise wrong("samples", "an iterable", samples)
        batches = 2 * self._gatherer.threads * len(self.program.variants)
        return in_order(samples, self._submit_or_say, min(self._queue, batches * self.program.batch))

    def _submit_or_say(self, inputs: Mapping[str, Any]) -> Future[Result]:
        """Submit a sample; what is wrong with it is said in its turn."""
        try:
            return self.submit(inputs)
        except NpuspecError as error:
            refused = Future[Result]()
            refused.set_exception(error)
            return refused

    def _run_all(self, pieces: Sequence[Piece]) -> list[Result]:
        """Run pieces in full batches of each variant, and return their outputs in the order of the pieces."""
        batches = batches_of(pieces, self.program.batch)
        if len(batches) == 1:
            return self._run(batches[0][0], pieces, alone=True)
        results: list[Result] = [{} for _ in pieces]
        work = [partial(self._run, name, [pieces[number] for number in numbers]) for name, numbers in batches]
        ran = in_order(work, self._gatherer.call, self._gatherer.threads)
        if self._gatherer.is_within:
            ran = (run() for run in work)  # the thread that another would have to wait for
        for (_, numbers), outputs in zip(batches, ran, strict=True):
            for number, result in zip(numbers, outputs, strict=True):
                results[number] = result
        return results

    def _run(
        self,
        variant: str,
        pieces: Sequence[Piece],
        *,
        alone: bool = False,
        copy: bool = True,
        requests: Sequence[Request] = (),
        failed: Failed | None = None,
    ) -> list[Result]:
        """Run one batch, and count it."""
        if failed is not None:
            ran = self._serving.again(*failed, variant, pieces)
        elif self._spans is None:
            ran = self._serving.run(variant, pieces, alone=alone, copy=copy)
        else:
            with self._spans.batch(variant, [request.span for request in requests]) as tell:
                ran = tell(self._serving.run(variant, pieces, alone=alone, copy=copy))
        outputs = ran.outputs
        self._recorder.batch(ran, sum([piece.fit.volume for piece in pieces]), variant)
        return outputs

    def _serve(self, variant: str, parts: list[Part]) -> None:
        """Run a batch of requests, and end those that it completes. What is wrong with one concerns no other."""
        try:
            results: Sequence[Result | Exception] = self._run(
                variant, [r.pieces[index] for r, index in parts], requests=[request for request, _ in parts]
            )
        except Exception as error:  # noqa: BLE001  whatever it is, whoever waits has to learn of it
            if len(parts) > 1 and (not isinstance(error, NpuspecError) or error.code in _OF_ONE):
                for part in parts:
                    self._serve(variant, [part])
                return
            results = [for_another(error) for _ in parts]
        for part, result in zip(parts, results, strict=True):
            self._gatherer.finish(part, result)

    def tell(self, name: str) -> dict[str, Any]:
        """Return what each variant's compiled model says of one of OpenVINO's properties, such as EXECUTION_DEVICES.

        Raises InputError, `property-refused`, where the device doesn't know it.
        """
        self._check_process()
        return self._serving.tell(name)

    def set_property(self, properties: Mapping[str, Any]) -> None:
        """Change properties while it runs: `{"WORKLOAD_TYPE": "EFFICIENT"}`, `{"MODEL_PRIORITY": "HIGH"}`.

        They hold for a device that is opened later, too.

        Raises:
            InputError: `property-refused`: the device doesn't take one, and none is changed.

        """
        self._check_process()
        if not isinstance(properties, Mapping):
            raise wrong("properties", "a mapping of OpenVINO's names to values", properties)
        self._serving.set(properties)

    def stats(self) -> Stats:
        """Return what this session has done so far, in figures."""
        return self._recorder.tell(
            device=self.device,
            cancelled=self._gatherer.cancelled,
            expired=self._gatherer.expired,
            refused=self._gatherer.refused,
            waiting=self._gatherer.waiting,
            recoveries=self._serving.recoveries,
        )

    def close(self, *, cancel: bool = False) -> None:
        """Let go of the device. What is called later is refused.

        In a callback of a future, or of `progress`, it only begins with that: the callback's thread is waited for.

        Args:
            cancel: cancel the requests that haven't begun; without, they run first.

        """
        if self._is_forked:
            return
        if self._gatherer.is_within or self._serving.is_within:
            Thread(target=self.close, kwargs={"cancel": cancel}, name="npuspec-close").start()
            return
        self._gatherer.close(cancel=cancel)
        self._serving.close()

    def _check_process(self) -> None:
        if self._is_forked:
            forked.refuse({})

    def leave_to_parent(self) -> None:
        """Refuse everything in a process that was forked: neither OpenVINO's threads nor the session's are there."""
        self._is_forked = True
        self._serving.engine.lane = None
        self._pieces = forked.refuse

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(cancel=error is not None)


_OF_ONE = ("infer-failed", "not-finite", "sample-changed")
"""What is wrong with a batch where it may be one of its samples that is."""
