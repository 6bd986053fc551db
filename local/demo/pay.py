"""Presses the buttons a person would press on Stripe's pay page and in Fiken."""

import re
from html import unescape
from urllib.parse import urljoin

import httpx

TIMEOUT_SECONDS = 20.0
FORM = re.compile(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', re.DOTALL)
FIELD = re.compile(r'<(?:input|button)[^>]*name="([^"]+)"[^>]*value="([^"]*)"')
SELECT = re.compile(r'<select[^>]*name="([^"]+)"[^>]*>.*?<option value="([^"]*)"', re.DOTALL)


class NoSuchButton(Exception):
    """The page does not offer what was to be pressed."""


async def press(page_url: str, action: str) -> str:
    """Open the page, submit the form of that action, and say where the browser ended up."""
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as browser:
        page = (await browser.get(page_url)).text
        for target, inside in FORM.findall(page):
            fields = dict(FIELD.findall(inside)) | dict(SELECT.findall(inside))
            if fields.get("action", action) == action:
                answer = await browser.post(urljoin(page_url, unescape(target)), data=fields)
                return str(answer.headers.get("location", answer.url))
    raise NoSuchButton(f"{page_url} has no form for {action}")


async def fetch(url: str) -> bytes:
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as browser:
        answer = await browser.get(url)
        answer.raise_for_status()
        return answer.content
