"""How the doors get what the application was made with."""

from typing import Annotated

from fastapi import Depends, Request

from chassis.storage import Storage
from services.imaging.providers.pictures import Pictures
from services.imaging.providers.webhooks import WebhookKeys
from services.imaging.settings import Settings


async def get_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def get_storage(request: Request) -> Storage:
    storage: Storage = request.app.state.storage
    return storage


async def get_pictures(request: Request) -> Pictures:
    pictures: Pictures = request.app.state.pictures
    return pictures


async def get_webhook_keys(request: Request) -> WebhookKeys:
    keys: WebhookKeys = request.app.state.webhook_keys
    return keys


SettingsDep = Annotated[Settings, Depends(get_settings)]
StorageDep = Annotated[Storage, Depends(get_storage)]
PicturesDep = Annotated[Pictures, Depends(get_pictures)]
WebhookKeysDep = Annotated[WebhookKeys, Depends(get_webhook_keys)]
