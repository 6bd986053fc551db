"""Facts the imaging service publishes."""

from uuid import UUID

from contracts.event import Event


class ProjectCreated(Event):
    """A photo project exists and can be paid for."""

    routing_key = "imaging.project_created.v1"

    project_id: UUID
    member_id: UUID
    name: str


class ImageUploaded(Event):
    """A photo passed every check and lies in storage under an immutable key."""

    routing_key = "imaging.image_uploaded.v1"

    project_id: UUID
    image_id: UUID
    room_type: str | None
    original_key: str
    width: int
    height: int


class ProjectStarted(Event):
    """The project is paid for; its photos are on their way to the model."""

    routing_key = "imaging.project_started.v1"

    project_id: UUID
    image_count: int


class ImageCompleted(Event):
    """A photo's enhanced version is stored; width and height in pixels."""

    routing_key = "imaging.image_completed.v1"

    project_id: UUID
    image_id: UUID
    version: int
    room_type: str | None
    result_key: str
    width: int
    height: int


class ImageFailed(Event):
    """A photo could not be enhanced; `reason` is a stable code."""

    routing_key = "imaging.image_failed.v1"

    project_id: UUID
    image_id: UUID
    version: int
    reason: str


class ProjectCompleted(Event):
    """Every newest version is completed."""

    routing_key = "imaging.project_completed.v1"

    project_id: UUID
    completed_count: int


class ProjectFailed(Event):
    """Nothing is open any more and at least one photo failed."""

    routing_key = "imaging.project_failed.v1"

    project_id: UUID
    completed_count: int
    failed_count: int


class ProjectDeleted(Event):
    """The project and its files are gone; its accounting stays."""

    routing_key = "imaging.project_deleted.v1"

    project_id: UUID
