"""What becomes of a video: drafted, started, rendered as clips arrive, joined, deleted."""

from services.video.videos.use_cases.advancing import advance, cuts_of, heard_in, music_of
from services.video.videos.use_cases.drafting import change_video, create_video
from services.video.videos.use_cases.ending import (
    close_workspace,
    delete_video,
    fail_video,
    publish_film,
    undo_change,
)
from services.video.videos.use_cases.former import keep_former
from services.video.videos.use_cases.notes import (
    note_compilation,
    note_erasure,
    note_segment,
    note_submission,
)
from services.video.videos.use_cases.starting import start_video

__all__ = [
    "advance",
    "change_video",
    "close_workspace",
    "create_video",
    "cuts_of",
    "delete_video",
    "fail_video",
    "heard_in",
    "keep_former",
    "music_of",
    "note_compilation",
    "note_erasure",
    "note_segment",
    "note_submission",
    "publish_film",
    "start_video",
    "undo_change",
]
