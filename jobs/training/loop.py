"""The training loop of one run: steps, agreements between the ranks, epoch ends and checkpoints."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from attnctl.jobs.data import TrainingData
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.tasks import open_task
from attnctl.jobs.tasks.task import Arithmetic, JointTask, Task
from attnctl.jobs.training import checkpoint
from attnctl.jobs.training.context import TrainingContext
from attnctl.jobs.training.environment import deterministic
from attnctl.jobs.training.evaluation import EvaluationStopped, evaluate
from attnctl.jobs.training.events import EventLog
from attnctl.jobs.training.failure import Diverged, Superseded
from attnctl.jobs.training.joint_check import together
from attnctl.jobs.training.learner import Learner
from attnctl.jobs.training.optim import learning_rate, total_steps
from attnctl.jobs.training.pace import Cadence, CheckpointBudget, Meter, TimeLimitMargin
from attnctl.jobs.training.replicas import seed_forward, share
from attnctl.jobs.training.saving import CheckpointWriter, Saved
from attnctl.recipes import own_parts, timm_created
from attnctl.spec import RunSpec
from attnctl.workspace import checkpoints
from attnctl.workspace.events import read_ends
from attnctl.workspace.layout import RunDir
from attnctl.workspace.records import Event

log = logging.getLogger(__name__)

_SUPERSEDED = "a later attempt of the run has taken over"

_CHECK_INTERVAL = 5.0
"""Seconds between checks for a later attempt or incarnation, which replaces this one."""

_RETRY_INTERVAL = 10.0
"""Seconds until a checkpoint is tried again after the disk was full."""


def train(
    spec: RunSpec,
    data: TrainingData,
    network: nn.Module,
    group: Group,
    context: TrainingContext,
    events: EventLog | None = None,
    dtype: torch.dtype = torch.float32,
) -> str:
    """Train a run from its newest checkpoint to its end, or until a signal; returns the outcome.

    network: newly initialised, equal on all ranks; moved to the group's device. events: the log, on rank 0; None on the
    others. dtype: of weights and images. Raises Diverged, Superseded, SpecError (the number of processes does not fit),
    and what torch and the file system raise.
    """
    trainer = Trainer(spec, data, network, group, context, events, dtype)
    trainer.restore()
    return trainer.run()


class Trainer:
    """One rank's part of a training."""

    def __init__(
        self,
        spec: RunSpec,
        data: TrainingData,
        network: nn.Module,
        group: Group,
        context: TrainingContext,
        events: EventLog | None,
        dtype: torch.dtype,
    ) -> None:
        recipe = spec.recipe
        self.spec, self.recipe, self.data = spec, recipe, data
        self.group, self.context, self.events = group, context, events
        self.replicas = share(recipe, group.rank, group.world)
        self.steps = total_steps(recipe, data.steps_per_epoch)
        self.arithmetic = Arithmetic.of(recipe, group.device, dtype)
        self.task = self._make_task(self.arithmetic)
        self.together = 0  # how many replicas share a forward; 0: not decided yet
        self.learner = Learner(recipe, self.task, network, group, self.arithmetic, spec.versions.recipe)
        code = spec.versions.recipe
        self.schedule = timm_created.schedule(recipe, code) or own_parts.schedule(recipe, code)
        # (V, columns): the sums of each replica's forwards in this epoch. They are kept apart so that the total does
        # not depend on the number of processes; rows of other ranks are zero. They are rarely read: it waits for a GPU.
        self.sums = torch.zeros(recipe.replicas, self.task.columns, dtype=torch.float64, device=group.device)
        self.position = context.position
        self.evaluated = 0  # in epochs
        self.best: dict[str, float] = {}
        self.saved = (-1, time.monotonic())  # step and time of the last checkpoint
        self.finished = False
        self.writer = CheckpointWriter(context, events)  # used by rank 0
        self.has_evaluated = False
        self.cadence = Cadence(context.clock.now)
        self.margin = TimeLimitMargin(context.clock)
        self.budget = CheckpointBudget()
        self.next_agreement = 0  # step
        self.last_check = time.monotonic()  # for a later attempt or incarnation
        self.diverged = False
        self.meter = Meter(context.clock.now)

    # ------------------------------------------------------------------------------------------------------- starting

    def restore(self) -> None:
        """Load the newest valid checkpoint of the run, if there is one. Raises Superseded, CheckpointError."""
        self._check_token()
        run, newest = self.context.run, None
        if self.group.first:
            checkpoint.clean(run)
            newest = checkpoint.newest(run, log.warning)
        found = self.group.broadcast(str(newest[0]) if newest else None)
        if self.group.world > 1:
            self.learner.warm_up(next(iter(self.data.train(0, self.replicas, 1))))
        if found is None:
            if self.group.first:
                self._announce_loss(run)
            return
        path = Path(found)
        state = newest[1] if newest else checkpoint.load(path, run)
        self._load(state)
        moved = path.parent != run.checkpoints
        log.info("resuming from %s", path if moved else path.name)
        where = str(path) if moved else f"{run.checkpoints.name}/{path.name}"
        self._event(Event.RESUMED, step=self.position.step, path=where)

    def _announce_loss(self, run: RunDir) -> None:
        """Record that the run starts over although an earlier start of it has saved a checkpoint."""
        earlier = [item for attempt in run.attempts() for item in attempt.incarnations()]
        lost = max((read_ends(item.events).saved for item in earlier if item.token < self.context.token), default=0)
        if lost:
            folders = ", ".join(map(str, (run.checkpoints, *checkpoints.others(run))))
            log.warning("the checkpoint of step %d is gone, so the run starts over; searched: %s", lost, folders)
            self._event(Event.RESTARTED, lost=lost)

    def _load(self, state: dict[str, Any]) -> None:
        self.finished = self.learner.load(state)
        mine = slice(self.replicas.start, self.replicas.stop)
        self.sums[mine] = state["sums"][mine].to(self.group.device)
        self.position.step, self.evaluated, self.best = state["step"], state["evaluated"], state["best"]
        self.position.began = self.position.step
        self.saved = (self.position.step, time.monotonic())

    # ----------------------------------------------------------------------------------------------------------- steps

    def run(self) -> str:
        """Train to the end or until a signal; returns the outcome."""
        with deterministic(self.group.device, self.task.has_dynamic_graph):
            try:
                return self._run()
            except BaseException as error:
                self.writer.end_after(error)
                raise

    def _run(self) -> str:
        batches = self.meter.watched(iter(self.data.train(self.position.step, self.replicas, self.steps)))
        self.meter.restart(self.position.step, self._losses())
        while True:
            epoch, into = divmod(self.position.step, self.data.steps_per_epoch)
            if self.position.step == self.steps and into:
                epoch, into = epoch + 1, 0  # if the recipe counts steps, the last epoch can be shorter
            if into == 0 and epoch > self.evaluated:
                try:
                    self._end_epoch(epoch)
                except EvaluationStopped as stop:
                    self._save(wait=True)  # the resumed run evaluates again
                    return self.group.broadcast(self.context.stopped(stop.signal))
            if self.position.step == self.steps:
                break
            if self.position.step >= self.next_agreement:
                signal, late = self._agree()
                if signal or late:
                    self._save(wait=True)
                    # All ranks must return the same outcome, whatever their clocks and their view of the file system.
                    return self.group.broadcast(self.context.stopped(signal)) if signal else "timeout"
            self._step(batches)
        if not self.finished:
            self._save(last=True)
        return "completed"

    def _step(self, batches: Iterator[Any]) -> None:
        step = self.position.step
        self.learner.set_rate(self._rate(step))
        self.learner.set_no_aug(self.recipe.is_plain(step, self.data.steps_per_epoch))
        given: Iterator[Any] = itertools.islice(batches, len(self.replicas))
        if not self.together:
            given = self._decide_together(given)
        for start in self.replicas[:: self.together]:
            replicas = range(start, min(start + self.together, self.replicas.stop))
            part = list(itertools.islice(given, len(replicas)))
            try:
                self.learner.backward(
                    part, self.sums, replicas, self.replicas, partial(seed_forward, self.spec.seed, step)
                )
            except (ValueError, RuntimeError, AssertionError, IndexError) as error:
                if self._has_diverged():  # with NaN weights a detector may fail before it computes its loss
                    raise Diverged(f"the loss is not finite at step {step} or shortly before: {error}") from error
                raise
        self.learner.update(step)
        self.position.step = step + 1
        self.context.beat()

    def _decide_together(self, batches: Iterator[Any]) -> Iterator[Any]:
        """Decide how many replicas share a forward, on the first of these batches; returns all of them."""
        first = list(itertools.islice(batches, 2))
        self.together = 1
        if len(self.replicas) > 1 and isinstance(self.task, JointTask):
            found = together(
                self.spec, self.learner.network, first, cast(Any, self._make_task), self.arithmetic, len(self.replicas)
            )
            self.together = found.size
            if found.reason:
                log.info("%d of a step's %d forwards are joined: %s", found.size, len(self.replicas), found.reason)
        return itertools.chain(first, batches)

    def _make_task(self, arithmetic: Arithmetic) -> Task:
        return open_task(self.spec, self.data, arithmetic, self.context.run.detections)

    def _rate(self, step: int) -> float:
        return learning_rate(self.recipe, step, self.data.steps_per_epoch, self.schedule)

    def _losses(self) -> float:
        """The sum of this rank's losses in this epoch so far."""
        return self.sums[:, 0].sum().item()

    def _has_diverged(self) -> bool:
        """Whether this rank has had a loss that was not finite; False if its device no longer works."""
        try:
            return not _finite(self._losses())
        except RuntimeError:
            return False

    # ------------------------------------------------------------------------------------------------------ agreements

    def _agree(self) -> tuple[int, bool]:
        """What the ranks decide together between two steps: the signal to stop for (0 for none), and whether the job
        must stop now to save before its time limit.

        The ranks communicate on the CPU first, so a dead rank is noticed before this one waits for its GPU.
        """
        self._finish_save()
        due = self.group.first and time.monotonic() - self.saved[1] >= self.context.save_every
        wait = self.cadence.propose(self.position.step) if self.group.first else 0
        time_up = self.group.first and self.margin.is_due(self.context.end)
        own = (
            self.context.signals.received,
            int(self.diverged),
            int(due),
            int(time_up),
            wait,
            int(self._is_superseded()),
        )
        signal, diverged, save, late, wait, superseded = self.group.maximum(own)
        self.next_agreement = self.position.step + wait
        if superseded:
            raise Superseded(_SUPERSEDED)
        if diverged:
            raise Diverged(f"the loss is not finite at step {self.position.step} or shortly before")
        losses = self._losses()
        self.diverged = not _finite(losses)
        if save and not (signal or late):
            self._save()
        elif not self.diverged:
            self._progress(losses)
        return signal, bool(late)

    def _progress(self, losses: float) -> None:
        """Write the progress event, about once per second. losses: the sum of this rank's losses in this epoch."""
        lap = self.meter.lap(self.position.step, losses)
        if lap is not None:
            used = self.position.usage.sample(lap.waited, lap.cores)
            self._event(
                Event.PROGRESS,
                step=self.position.step,
                loss=lap.loss / len(self.replicas),
                images_per_s=self.recipe.batch * lap.steps_per_s,
                waited=round(lap.waited, 4),
                cores=round(lap.cores, 2),
                **({"used": used} if used else {}),
            )

    def _end_epoch(self, epoch: int) -> None:
        """Save, evaluate, and write the epoch's metrics. epoch: from 1. Raises EvaluationStopped for a signal.

        The checkpoint is saved first, so that an interruption of the evaluation loses only the evaluation; a resumed
        run evaluates again. No checkpoint is saved if that would cost more than one percent of the training time.
        """
        totals = self._totals()
        speed = self.meter.speed(self.position.step)
        self._finish_save()
        since, every = time.monotonic() - self.saved[1], self.context.save_every
        if self.group.broadcast(self.budget.allows(since, every, writing=self.writer.busy)):
            self._save()
        else:
            self._check_token()
        values: dict[str, float] = {}
        if epoch % self.recipe.eval_interval == 0 or self.position.step == self.steps:
            self.learner.share_buffers()  # not done yet if no checkpoint was saved
            if not self.has_evaluated:  # the loader's processes, which are forked now, would keep a copy of the state
                self._finish_save(wait=True)
            self.has_evaluated, signals = True, self.context.signals
            network = self.learner.evaluated_network()
            values = evaluate(self.task, network, self.data, self.group, self._finish_save, lambda: signals.received)
        if not _finite(values.get("loss", 0.0)):
            raise Diverged(f"the loss of the evaluation after epoch {epoch} is not finite")
        steps = self.position.step - (epoch - 1) * self.data.steps_per_epoch
        values |= self.task.summary(totals.sum(0).tolist(), self.recipe.replicas * steps, self.recipe.batch * steps)
        values["lr"] = self._rate(self.position.step - 1)
        if speed:
            values["images_per_s"] = self.recipe.batch * speed
        primary = next((name for name in self.task.primary if name in values), None)
        if primary and values[primary] > self.best.get(primary, -1.0):
            self.best = {"epoch": epoch, primary: values[primary]}
        self._event(Event.METRICS, step=self.position.step, epoch=epoch, values=values)
        if self.group.first:
            shown = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
            log.info("epoch %d, step %d of %d: %s", epoch, self.position.step, self.steps, shown)
        self.evaluated = epoch
        self.sums.zero_()
        self.meter.restart(self.position.step)

    # ----------------------------------------------------------------------------------------------------- checkpoints

    def _totals(self) -> Tensor:
        """The epoch's sums of all replicas, (V, columns) on the CPU, equal on all ranks; raises Diverged."""
        totals = self.group.total(self.sums)
        if not bool(totals.isfinite().all()):
            raise Diverged(f"the loss is not finite at step {self.position.step} or before")
        return totals

    def _save(self, *, last: bool = False, wait: bool = False) -> None:
        """Save a checkpoint; where there is memory for a copy of the state, the training continues while it is written.

        last: the run is complete, so what only more training needs is left out. wait: return when it is written.
        While the disk is full, the training continues without one; the last checkpoint waits for space. Raises
        Superseded, Diverged and OSError.
        """
        started = time.monotonic()
        self._finish_save(wait=True)
        if self.saved[0] == self.position.step and not last:
            return
        totals = self._totals()
        self.learner.share_buffers()
        self._check_token()
        written = None
        if self.group.first:
            state = self.learner.state(complete=last)
            state |= {"sums": totals, "evaluated": self.evaluated, "best": self.best}
            write = partial(self.writer.write, last=last) if last or wait else self.writer.begin
            written = write(self.position.step, state)
        self.saved = (self.position.step, time.monotonic())
        self._note_save(written)
        self.margin.saved(time.monotonic() - started)
        self.context.beat()

    def _finish_save(self, *, wait: bool = False) -> None:
        """Report progress, and take note of a checkpoint that was written in the background. Raises OSError."""
        self.context.beat()
        self._note_save(self.writer.finish(wait=wait))

    def _note_save(self, written: Saved | None) -> None:
        if written is not None:
            if not written.size:  # the disk is full
                wait = max(0.0, self.context.save_every - _RETRY_INTERVAL)
                self.saved = (self.saved[0], time.monotonic() - wait)
            self.margin.saved(written.seconds)
            self.budget.saved(written.seconds)

    def _check_token(self) -> None:
        """Raise Superseded on all ranks if there is a later attempt or incarnation of the run."""
        newest = self.group.first and checkpoint.is_newest(self.context.run, self.context.token)
        if not self.group.broadcast(newest):
            raise Superseded(_SUPERSEDED)

    def _is_superseded(self) -> bool:
        """Whether there is a later attempt or incarnation of the run; rank 0 checks every few seconds."""
        if not self.group.first or time.monotonic() - self.last_check < _CHECK_INTERVAL:
            return False
        self.last_check = time.monotonic()
        return not checkpoint.is_newest(self.context.run, self.context.token)

    def _event(self, kind: str, **values: Any) -> None:
        if self.events is not None:
            self.events.write(kind, **values)


def _finite(value: float) -> bool:
    return abs(value) < float("inf")
