"""What people do with styles."""

from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from contracts.caller import Caller
from services.imaging.catalogue import BY_ID
from services.imaging.errors import StyleTemplateTaken, StyleTemplateUnknown
from services.imaging.projects.rules import may_manage
from services.imaging.styles import repository
from services.imaging.styles.schemas import CreateStyleTemplate
from services.imaging.tables import StyleTemplate


async def create_template(
    session: AsyncSession, caller: Caller, body: CreateStyleTemplate
) -> StyleTemplate:
    """A style only this workspace sees; names are unique in it."""
    may_manage(caller)
    template = StyleTemplate(
        workspace_id=caller.workspace_id,
        id=uuid7(),
        member_id=caller.member_id,
        **body.model_dump(),
    )
    session.add(template)
    try:
        await session.flush()
    except IntegrityError as error:
        raise StyleTemplateTaken from error
    return template


async def get_prompt(session: AsyncSession, workspace_id: UUID, template_id: str) -> str:
    """The template's own words, built in or of the workspace; raises StyleTemplateUnknown."""
    if template_id in BY_ID:
        return BY_ID[template_id].prompt
    try:
        own = await repository.find_template(session, workspace_id, UUID(template_id))
    except ValueError:
        own = None
    if own is None:
        raise StyleTemplateUnknown
    return own.prompt
