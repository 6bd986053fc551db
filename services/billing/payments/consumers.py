"""What moves payments: Stripe's messages, due refunds, and work that ended empty."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.consumers import Consumers
from chassis.database import Database
from contracts.billing import BillableKind
from contracts.imaging import ProjectFailed
from contracts.video import ClipFailed, VideoFailed
from services.billing.notes import RefundDue, StripeEventStored
from services.billing.payments import rules, use_cases
from services.billing.pricing import repository as pricing
from services.billing.providers.stripe import Stripe

consumers = Consumers("billing")


@consumers.on(StripeEventStored)
async def handle_stripe_event(event: StripeEventStored, database: Database, stripe: Stripe) -> None:
    await use_cases.handle_event(database, stripe, event.stripe_event_id)


@consumers.on(RefundDue)
async def pay_refund(event: RefundDue, database: Database, stripe: Stripe) -> None:
    await use_cases.pay_refund(database, stripe, event.workspace_id, event.refund_id)


@consumers.on(ProjectFailed)
async def give_back_project(event: ProjectFailed, session: AsyncSession) -> None:
    kind: BillableKind = "photo_project"
    project_id = event.project_id
    delivered = await pricing.was_delivered(session, event.workspace_id, kind, project_id)
    if rules.ended_empty(event.completed_count, delivered=delivered):
        await use_cases.give_back(session, event.workspace_id, kind, project_id)


@consumers.on(VideoFailed)
async def give_back_video(event: VideoFailed, session: AsyncSession) -> None:
    delivered = await pricing.was_delivered(session, event.workspace_id, "video", event.video_id)
    if rules.ended_empty(0, delivered=delivered):
        await use_cases.give_back(session, event.workspace_id, "video", event.video_id)


@consumers.on(ClipFailed)
async def give_back_clip(event: ClipFailed, session: AsyncSession) -> None:
    if event.paid_clip_count is not None:
        share = rules.Share(f"clip:{event.clip_id}", event.paid_clip_count)
        await use_cases.give_back_share(session, event.workspace_id, "video", event.video_id, share)
