"""The tasks of training: classify, detect, instance and segment, behind a small interface.

A batch is (images, targets); only the task knows what these contain. The task computes the loss of a forward, defines
what a training counts, and scores an evaluation, so checkpoints, resuming, events and reports are the same for all
tasks.
"""

from __future__ import annotations

from pathlib import Path

from attnctl import models
from attnctl.jobs.data import TrainingData
from attnctl.jobs.tasks.task import Arithmetic, Task
from attnctl.spec import RunSpec


def open_task(spec: RunSpec, data: TrainingData, arithmetic: Arithmetic, detections: Path) -> Task:
    """The task of a run. detections: the file to which a detector's evaluation writes its detections."""
    from attnctl.jobs.tasks.classify import Classify

    task = models.task(spec.model)
    if task == "classify":
        return Classify(spec.recipe, arithmetic, spec.versions.recipe)
    if task == "segment":
        from attnctl.jobs.tasks.segment import Segment

        return Segment(spec, arithmetic)
    from attnctl.jobs.tasks.detect import Detect, Instance

    return (Detect if task == "detect" else Instance)(spec, data, arithmetic, detections)
