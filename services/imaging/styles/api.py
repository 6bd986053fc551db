"""Door: styles, room types and limits."""

from fastapi import APIRouter

from chassis.caller import CallerDep
from chassis.database import DatabaseDep
from services.imaging.catalogue import BUILT_IN, ROOM_KINDS
from services.imaging.dependencies import SettingsDep
from services.imaging.projects.rules import may_read, most_projects
from services.imaging.settings import Settings
from services.imaging.styles import repository, use_cases
from services.imaging.styles.schemas import (
    CreateStyleTemplate,
    LimitsView,
    RoomTypePage,
    RoomTypeView,
    StyleTemplatePage,
    StyleTemplateView,
)
from services.imaging.tables import StyleTemplate
from services.imaging.uploads.rules import FORMATS

RESULT_MAX_LONG_SIDE = 2048

router = APIRouter(prefix="/v1", tags=["styles"])


@router.get("/style-templates")
async def list_style_templates(
    caller: CallerDep, database: DatabaseDep, settings: SettingsDep
) -> StyleTemplatePage:
    may_read(caller)
    async with database.transaction(caller) as session:
        own = await repository.list_templates(session, caller.workspace_id)
    return StyleTemplatePage(items=[*_built_in(settings), *(_view(template) for template in own)])


@router.post("/style-templates", status_code=201)
async def create_style_template(
    body: CreateStyleTemplate, caller: CallerDep, database: DatabaseDep
) -> StyleTemplateView:
    async with database.transaction(caller) as session:
        template = await use_cases.create_template(session, caller, body)
    return _view(template)


@router.get("/room-types")
async def list_room_types(caller: CallerDep) -> RoomTypePage:
    may_read(caller)
    return RoomTypePage(items=[RoomTypeView.model_validate(kind) for kind in ROOM_KINDS])


@router.get("/limits")
async def get_limits(caller: CallerDep, settings: SettingsDep) -> LimitsView:
    may_read(caller)
    return LimitsView(
        plan=caller.plan,
        projects=most_projects(caller.plan, settings.free_plan_projects),
        images_per_project=settings.images_per_project,
        image_max_bytes=settings.image_max_bytes,
        image_max_pixels=settings.image_max_pixels,
        image_content_types=list(FORMATS),
        result_max_long_side=RESULT_MAX_LONG_SIDE,
        upload_lasts_seconds=settings.upload_lasts_seconds,
        retry_days=settings.retry_days,
    )


def _built_in(settings: Settings) -> list[StyleTemplateView]:
    return [
        StyleTemplateView(
            id=style.id,
            name=style.name,
            description=style.description,
            category=style.category,
            coming_soon=style.announced and settings.show_coming_soon,
            is_private=False,
        )
        for style in BUILT_IN
    ]


def _view(template: StyleTemplate) -> StyleTemplateView:
    return StyleTemplateView(
        id=str(template.id),
        name=template.name,
        description=template.description,
        category=template.category,
        coming_soon=False,
        is_private=True,
        prompt=template.prompt,
    )
