"""Imaging's notes to itself: one unit of work each."""

from uuid import UUID

from contracts.event import PrivateEvent


class SubmissionDue(PrivateEvent):
    """An image version waits to be submitted to the model."""

    routing_key = "imaging.submission_due.v1"

    version_id: UUID


class ResultReady(PrivateEvent):
    """The model has answered an attempt; its outcome is recorded there."""

    routing_key = "imaging.result_ready.v1"

    attempt_id: UUID


class ProjectRemoved(PrivateEvent):
    """A project was deleted; its files and requests still have to go."""

    routing_key = "imaging.project_removed.v1"

    project_id: UUID
