"""Decides which pieces a film is made of, and when it can be joined. No I/O."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal
from uuid import UUID

from services.video.media.score import Music, Region, regions_of, voices_of
from services.video.media.segments import CROSS_FADE_FRAMES, FPS, RECIPE
from services.video.states import BEING_MADE
from services.video.tables import Segment, VideoClip
from services.video.videos.rules import TRANSITION_SECONDS

Size = tuple[str, int]
"""An output's aspect ratio, and the pixels of its short side."""
SourcePart = Literal["clip", "photo", "transition", "card"]
BRANDED, UNBRANDED = "branded", "unbranded"
CARD_SECONDS = 3


@dataclass(frozen=True)
class Shot:
    """One thing that is played: its file, how many frames, and how the next one follows."""

    part: SourcePart
    clip_id: UUID
    source_key: str
    source_hash: str
    frames: int
    fades_into_next: bool = False


@dataclass(frozen=True)
class Card:
    """The picture that ends a branded film: where it lies, and what it is."""

    key: str
    sha256: str


@dataclass(frozen=True)
class Cut:
    """One version of a film: its shots, with or without the workspace's end card."""

    is_branded: bool
    shots: list[Shot]


@dataclass(frozen=True)
class CutPlan:
    """What a cut is joined from: stretches by aspect ratio, and regions of sound."""

    is_branded: bool
    outputs: dict[str, Any]
    sound: list[dict[str, Any]]

    def as_plan(self) -> dict[str, Any]:
        return {"is_branded": self.is_branded, "outputs": self.outputs, "sound": self.sound}


@dataclass(frozen=True)
class Piece:
    """One segment a film needs; the fingerprint is equal exactly when the result would be."""

    part: Literal["clip", "photo", "transition", "card", "seam"]
    clip_id: UUID
    aspect_ratio: str
    height: int
    source_key: str
    next_source_key: str | None
    frames: int
    fingerprint: str


def shots_of(clips: Sequence[VideoClip], *, expected: bool = False) -> list[Shot]:
    """What is there to play now, in order; with `expected` also what is still being made."""
    kept = [clip for clip in clips if clip.status != "left_out"]
    shots: list[Shot] = []
    following = [*kept[1:], None]
    for clip, after in zip(kept, following, strict=True):
        if clip.status == "completed" or expected:
            shots.append(_shot_of(clip, fades=_fades(clip, after)))
        if _leads_to(clip, after) or (expected and clip.transition_status in BEING_MADE):
            shots.append(_transition_of(clip))
    return shots


def cuts_of(shots: Sequence[Shot], brandings: Sequence[str], card: Card | None) -> list[Cut]:
    """The unbranded one first; the branded one is the same with the card behind its last shot."""
    if not shots:
        return []
    is_branded = BRANDED in brandings and card is not None
    cuts = []
    if UNBRANDED in brandings or not is_branded:
        cuts.append(Cut(False, list(shots)))
    if is_branded and card is not None:
        frames = CARD_SECONDS * FPS
        end = Shot("card", shots[-1].clip_id, card.key, card.sha256, frames)
        cuts.append(Cut(True, [*shots, end]))
    return cuts


def every_shot(cuts: Sequence[Cut]) -> list[Shot]:
    """The last cut holds what the others hold."""
    return cuts[-1].shots if cuts else []


def whole_plan(cuts: Sequence[CutPlan]) -> dict[str, Any]:
    """Of a compilation: the first cut, and under `also` the other one."""
    first, *others = [cut.as_plan() for cut in cuts]
    return first | ({"also": others} if others else {})


def _leads_to(clip: VideoClip, after: VideoClip | None) -> bool:
    return (
        clip.transition_status == "completed"
        and after is not None
        and clip.transition_to_id == after.id
    )


def _fades(clip: VideoClip, after: VideoClip | None) -> bool:
    """A transition that failed, or whose goal was left out, becomes a cross-fade."""
    if after is None or after.status != "completed" or clip.transition_status == "none":
        return False
    if clip.transition_status in BEING_MADE:
        return False
    return not _leads_to(clip, after)


def _shot_of(clip: VideoClip, *, fades: bool) -> Shot:
    is_made = clip.status == "completed"
    key, digest = (clip.clip_key or "", clip.clip_sha256 or "") if is_made else ("", "")
    part: SourcePart = "photo" if clip.is_ken_burns else "clip"
    return Shot(part, clip.id, key, digest, clip.duration_seconds * FPS, fades)


def _transition_of(clip: VideoClip) -> Shot:
    is_made = clip.transition_status == "completed"
    key = clip.transition_key or "" if is_made else ""
    digest = clip.transition_sha256 or "" if is_made else ""
    return Shot("transition", clip.id, key, digest, TRANSITION_SECONDS * FPS)


def fingerprint(*parts: object) -> str:
    return hashlib.sha256("\n".join(map(str, (RECIPE, *parts))).encode()).hexdigest()


def canonical(plan: dict[str, Any]) -> str:
    return json.dumps(plan, sort_keys=True)


def piece_of(shot: Shot, aspect_ratio: str, height: int) -> Piece:
    print_ = fingerprint(shot.part, shot.source_hash, aspect_ratio, height, shot.frames)
    return Piece(
        part=shot.part,
        clip_id=shot.clip_id,
        aspect_ratio=aspect_ratio,
        height=height,
        source_key=shot.source_key,
        next_source_key=None,
        frames=shot.frames,
        fingerprint=print_,
    )


def seam_of(before: Segment, after: Segment) -> Piece | None:
    """The cross-fade between two rendered segments; None while one of them is not ready."""
    if before.key is None or after.key is None:
        return None
    print_ = fingerprint("seam", before.fingerprint, after.fingerprint)
    return Piece(
        part="seam",
        clip_id=before.clip_id,
        aspect_ratio=before.aspect_ratio,
        height=before.height,
        source_key=before.key,
        next_source_key=after.key,
        frames=before.frames,
        fingerprint=print_,
    )


def seams_of(
    shots: Sequence[Shot], aspect_ratio: str, height: int, ready: dict[str, Segment]
) -> list[Piece]:
    seams = []
    for before, after in pairwise(shots):
        if not before.fades_into_next:
            continue
        sides = [ready.get(piece_of(s, aspect_ratio, height).fingerprint) for s in (before, after)]
        if sides[0] is not None and sides[1] is not None:
            seams.append(seam_of(sides[0], sides[1]))
    return [seam for seam in seams if seam is not None]


def nothing_is_open(clips: Iterable[VideoClip]) -> bool:
    """Every clip is made or left out, every transition is made or became a cross-fade."""
    return all(
        clip.status in ("completed", "left_out")
        and (clip.status == "left_out" or clip.transition_status not in BEING_MADE)
        for clip in clips
    )


def film_plan(
    shots: Sequence[Shot], aspect_ratio: str, height: int, ready: dict[str, Segment]
) -> list[dict[str, Any]] | None:
    """The stretches of one output in order, frames counted; None while a segment is missing."""
    plan: list[dict[str, Any]] = []
    skipped = 0
    for number, shot in enumerate(shots):
        segment = ready.get(piece_of(shot, aspect_ratio, height).fingerprint)
        if segment is None or segment.key is None:
            return None
        fades = shot.fades_into_next and number + 1 < len(shots)
        frames = shot.frames - skipped - (CROSS_FADE_FRAMES if fades else 0)
        plan.append(_stretch(segment, skipped, frames))
        skipped = 0
        if fades:
            seam = _seam_between(segment, shots[number + 1], height, ready)
            if seam is None:
                return None
            plan.append(_stretch(seam, 0, CROSS_FADE_FRAMES))
            skipped = CROSS_FADE_FRAMES
    return plan


def _seam_between(
    before: Segment, shot: Shot, height: int, ready: dict[str, Segment]
) -> Segment | None:
    after = ready.get(piece_of(shot, before.aspect_ratio, height).fingerprint)
    seam = seam_of(before, after) if after is not None else None
    found = ready.get(seam.fingerprint) if seam is not None else None
    return found if found is not None and found.key is not None else None


def _stretch(segment: Segment, first: int, frames: int) -> dict[str, Any]:
    return {"key": segment.key, "first": first, "frames": frames}


@dataclass(frozen=True)
class Listening:
    """The sound of a film: its regions, and which of them can be made now."""

    regions: list[Region]
    possible: list[bool]

    def as_plan(self) -> list[dict[str, Any]]:
        return [region.as_plan() for region in self.regions]


def listen(
    shots: Sequence[Shot], size: Size, ready: dict[str, Segment], music: Music | None
) -> Listening:
    """Lay the shots' own sound and the music along the film.

    Regions between clips that are there do not change any more, unless the film's length does.
    """
    found = [ready.get(piece_of(shot, *size).fingerprint) for shot in shots]
    made = [one if one is not None and one.status == "completed" else None for one in found]
    keys = [one.sound_key if one is not None else None for one in made]
    overlaps = [CROSS_FADE_FRAMES if shot.fades_into_next else 0 for shot in shots[:-1]] + [0]
    frames = [shot.frames for shot in shots]
    regions = regions_of(voices_of(list(zip(keys, frames, overlaps, strict=True))), music)
    is_made = [True, *(one is not None for one in made), True]
    return Listening(regions, [all(both) for both in pairwise(is_made)])


def heard_as(fingerprint: str, sound_key: str | None) -> Segment:
    """A shot's segment for `listen`, as it will be once its pictures are there too."""
    return Segment(fingerprint=fingerprint, status="completed", sound_key=sound_key)


def heard_around(
    done: Segment, shots: Sequence[Shot], size: Size, ready: dict[str, Segment], music: Music | None
) -> list[Region]:
    """The regions beside a shot that was just rendered, where their other shot is there too."""
    heard = listen(shots, size, ready, music)
    prints = [piece_of(shot, *size).fingerprint for shot in shots]
    around = {n + side for n, p in enumerate(prints) if p == done.fingerprint for side in (0, 1)}
    return [
        region
        for number, region in enumerate(heard.regions)
        if number in around and heard.possible[number]
    ]


def key_of(region: Region, workspace_id: UUID, video_id: UUID) -> str:
    """Where a region lies: equal regions of a video have one key."""
    print_ = fingerprint("sound", canonical(region.as_plan()))
    return f"workspaces/{workspace_id}/videos/{video_id}/sound/{print_}.m4a"
