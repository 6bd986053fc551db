"""The models we stand in for: what each takes, what it costs and which child work it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

Url = Annotated[str, Field(min_length=1, max_length=8192)]
Prompt = Annotated[str, Field(min_length=1, max_length=5000)]
Ratio = Literal["auto", "21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16"]


class PhotoInput(BaseModel):
    """`fal-ai/nano-banana-pro/edit`."""

    prompt: Prompt
    image_urls: list[Url] = Field(min_length=1, max_length=14)
    num_images: int = Field(1, ge=1, le=4)
    output_format: Literal["jpeg", "png", "webp"] = "png"
    resolution: Literal["1K", "2K", "4K"] = "1K"
    aspect_ratio: Ratio = "auto"

    def urls(self) -> dict[str, str]:
        return {f"image_urls.{number}": url for number, url in enumerate(self.image_urls)}


class InpaintInput(BaseModel):
    """`fal-ai/qwen-image-edit/inpaint`; the mask's white is what changes."""

    prompt: Prompt
    image_url: Url
    mask_url: Url
    strength: float = Field(0.93, ge=0.01, le=1)
    num_images: int = Field(1, ge=1, le=4)
    num_inference_steps: int = Field(30, ge=2, le=50)
    guidance_scale: float = Field(4, ge=0, le=20)
    output_format: Literal["jpeg", "png"] = "png"

    def urls(self) -> dict[str, str]:
        return {"image_url": self.image_url, "mask_url": self.mask_url}


class FilmInput(BaseModel):
    """`fal-ai/kling-video/v2.6/pro/image-to-video`; the start image decides the proportions."""

    prompt: Prompt
    start_image_url: Url
    end_image_url: Url | None = None
    duration: Literal["5", "10"] = "5"
    generate_audio: bool = True
    negative_prompt: str = Field("blur, distort, and low quality", max_length=2500)

    def urls(self) -> dict[str, str]:
        urls = {"start_image_url": self.start_image_url}
        return urls | ({"end_image_url": self.end_image_url} if self.end_image_url else {})


Input = PhotoInput | InpaintInput | FilmInput
Outputs = list[dict[str, Any]]


def _photo_cost(asked: Any, outputs: Outputs) -> float:
    return float(asked.num_images * (0.30 if asked.resolution == "4K" else 0.15))


def _inpaint_cost(asked: Any, outputs: Outputs) -> float:
    return float(sum(0.03 * out["width"] * out["height"] / 1_000_000 for out in outputs))


def _film_cost(asked: Any, outputs: Outputs) -> float:
    return float(int(asked.duration) * (0.14 if asked.generate_audio else 0.07))


@dataclass(frozen=True)
class Model:
    """One endpoint: its input, its child work, its price in US dollars, and its answer's shape."""

    takes: type[PhotoInput] | type[InpaintInput] | type[FilmInput]
    work: str
    cost_usd: Callable[[Any, Outputs], float]
    answer: Callable[[Outputs], dict[str, Any]]


MODELS = {
    "fal-ai/nano-banana-pro/edit": Model(
        PhotoInput, "photo", _photo_cost, lambda files: {"images": files, "description": ""}
    ),
    "fal-ai/qwen-image-edit/inpaint": Model(
        InpaintInput,
        "inpaint",
        _inpaint_cost,
        lambda files: {"images": files, "seed": 7, "has_nsfw_concepts": [False] * len(files)},
    ),
    "fal-ai/kling-video/v2.6/pro/image-to-video": Model(
        FilmInput, "film", _film_cost, lambda files: {"video": files[0] if files else None}
    ),
}


def parsed(model: Model, body: Any) -> tuple[Input | None, list[dict[str, Any]]]:
    """The checked input, or None and fal's `detail` list (without echoing what was sent)."""
    try:
        return model.takes.model_validate(body), []
    except ValidationError as error:
        return None, [
            {"loc": ["body", *e["loc"]], "msg": e["msg"], "type": e["type"]}
            for e in error.errors(include_url=False, include_input=False)
        ]
