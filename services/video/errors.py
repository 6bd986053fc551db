"""Every way the video service says no."""

from chassis.errors import Refusal


class WorkspaceSuspended(Refusal):
    """Reading stays possible; nothing new may start."""

    status, code, title = 403, "workspace_suspended", "The workspace is suspended"


class VideoNotEditable(Refusal):
    """The film is being made, or is made already."""

    status, code, title = 409, "video_not_editable", "This video can no longer be changed like that"


class TooManyClips(Refusal):
    """A video has at most twenty clips."""

    status, code, title = 409, "too_many_clips", "A video has at most 20 clips"


class VideoNotEmpty(Refusal):
    """A template fills a video that has no clips yet."""

    status, code, title = 409, "video_not_empty", "The video has clips already"


class PhotosDoNotFit(Refusal):
    """A template takes a photo for each of its clips."""

    status, code, title = 422, "photos_do_not_fit", "Choose one photo for each clip"


class OrderIncomplete(Refusal):
    """The order must name each clip of the video once."""

    status, code, title = 422, "order_incomplete", "Name every clip of the video exactly once"


class UnknownMusicTrack(Refusal):
    """There is no such track, or it may not be used any more."""

    status, code, title = 422, "unknown_music_track", "There is no such music track"


class BrandingNotAllowed(Refusal):
    """White label belongs to a plan."""

    status, code = 403, "branding_not_allowed"
    title = "Branded films are part of the enterprise plan"


class BrandMissing(Refusal):
    """There is nothing to end a branded film with."""

    status, code, title = 409, "brand_missing", "The workspace has no logo yet"


class EditsUsedUp(Refusal):
    """What may be generated for one film has a limit."""

    status, code = 409, "edits_used_up"
    title = "No more of this video's clips can be made anew"


class NoChoiceToMake(Refusal):
    """Only a failed clip of a running video waits for its owner."""

    status, code, title = 409, "no_choice_to_make", "This clip does not wait for a choice"


class NothingToUndo(Refusal):
    """Only a change of a finished film that waits for its owner is taken back."""

    status, code, title = 409, "nothing_to_undo", "There is no change to take back"


class FilmNotReady(Refusal):
    """The film is not compiled yet."""

    status, code, title = 409, "film_not_ready", "The film is not finished yet"


class WebhookForged(Refusal):
    """The signature, its age or its key is wrong."""

    status, code, title = 401, "webhook_forged", "The signature is not the vendor's"


class WebhookTooLarge(Refusal):
    """No honest answer of the vendor is that long."""

    status, code, title = 413, "webhook_too_large", "The body is too large"


class KeysUnavailable(Refusal):
    """The vendor's signing keys cannot be read now; it will ask again."""

    status, code, title = 503, "keys_unavailable", "The vendor's keys cannot be read now"
