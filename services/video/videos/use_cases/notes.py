"""Notes to ourselves: what must be submitted, rendered, joined and erased."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.outbox import emit
from services.video.notes import CompilationDue, ErasureDue, Part, SegmentDue, SubmissionDue
from services.video.tables import Compilation, Segment, VideoClip, VideoProject


async def note_submission(session: AsyncSession, clip: VideoClip, part: Part) -> None:
    await emit(
        session,
        SubmissionDue(
            workspace_id=clip.workspace_id, video_id=clip.video_id, clip_id=clip.id, part=part
        ),
    )


async def note_segment(session: AsyncSession, segment: Segment) -> None:
    await emit(
        session,
        SegmentDue(
            workspace_id=segment.workspace_id,
            video_id=segment.video_id,
            segment_id=segment.id,
        ),
    )


async def note_compilation(session: AsyncSession, unit: Compilation) -> None:
    await emit(
        session,
        CompilationDue(
            workspace_id=unit.workspace_id, video_id=unit.video_id, compilation_id=unit.id
        ),
    )


async def note_erasure(session: AsyncSession, video: VideoProject) -> None:
    await emit(session, ErasureDue(workspace_id=video.workspace_id, video_id=video.id))
