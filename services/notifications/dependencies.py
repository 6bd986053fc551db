"""What the doors of notifications hand to their use cases."""

from typing import Annotated

from fastapi import Depends, Request

from services.notifications.mails.use_cases import Post


async def get_post(request: Request) -> Post:
    post: Post = request.app.state.post
    return post


PostDep = Annotated[Post, Depends(get_post)]
