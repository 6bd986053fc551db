"""What the mail stand-in is told at start."""

from pydantic import BaseModel


class ResendSettings(BaseModel):
    """One account: its key, and where and with which secret it hears of its mails."""

    api_key: str
    webhook_url: str | None = None
    webhook_secret: str
