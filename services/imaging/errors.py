"""Every way imaging can say no."""

from chassis.errors import NotFound, Refusal


class ProjectNotFound(NotFound):
    """No such project in this workspace."""

    title = "There is no such project"


class ImageNotFound(NotFound):
    """No such image in this workspace."""

    title = "There is no such image"


class UploadNotFound(NotFound):
    """No such upload in this workspace."""

    title = "There is no such upload"


class WorkspaceSuspended(Refusal):
    """A suspended workspace reads, but nothing new starts."""

    status, code = 403, "workspace_suspended"
    title = "The workspace is suspended: reading only"


class ProjectLimitReached(Refusal):
    """The plan allows no further project."""

    status, code = 403, "project_limit_reached"
    title = "Your plan allows no further project"


class ImageLimitReached(Refusal):
    """The project is full."""

    status, code = 409, "image_limit_reached"
    title = "The project holds as many images as it may"


class ProjectAlreadyStarted(Refusal):
    """Photos and settings are fixed once the work has begun."""

    status, code = 409, "project_already_started"
    title = "The project has started and can no longer be changed"


class ProjectNotReady(Refusal):
    """The project is not paid, has no image, or an image lacks its room type."""

    status, code = 409, "project_not_ready"
    title = "The project cannot start yet"


class NothingToRetry(Refusal):
    """Only a project with failed images and nothing open can be retried."""

    status, code = 409, "nothing_to_retry"
    title = "There is nothing to retry"


class RetryEnded(Refusal):
    """Free retries end after some days, and never follow a full refund."""

    status, code = 409, "retry_ended"
    title = "The images of this project can no longer be retried"


class StyleTemplateUnknown(Refusal):
    """Neither a built-in template nor one of the workspace."""

    status, code = 422, "style_template_unknown"
    title = "There is no such style template"


class StyleTemplateTaken(Refusal):
    """The workspace has a style of this name."""

    status, code = 409, "style_template_taken"
    title = "There is a style of this name already"


class CursorInvalid(Refusal):
    """Cursors come from the page before and are not made by hand."""

    status, code = 422, "cursor_invalid"
    title = "The cursor is not one of ours"


class ResultNotReady(Refusal):
    """The image has no finished result yet."""

    status, code = 409, "result_not_ready"
    title = "The image has no result yet"


class FileTooLarge(Refusal):
    """More bytes than an image may have."""

    status, code = 422, "file_too_large"
    title = "The file is larger than an image may be"


class NotUploaded(Refusal):
    """Nothing lies under the signed URL yet."""

    status, code = 409, "not_uploaded"
    title = "The file has not been uploaded yet"


class UploadExpired(Refusal):
    """The upload was never confirmed and has been swept."""

    status, code = 410, "upload_expired"
    title = "The upload has expired"


class UploadBusy(Refusal):
    """Another request is checking this upload, or died doing it: worth asking again."""

    status, code = 409, "upload_in_progress"
    title = "The upload is being checked"

    def __init__(self) -> None:
        super().__init__()
        self.headers = {"retry-after": "1"}


class UploadRefused(Refusal):
    """The uploaded file cannot be used and is gone."""

    status = 422


class SizeMismatch(UploadRefused):
    """Fewer or more bytes than announced."""

    code, title = "size_mismatch", "The file has another size than announced"


class ETagMismatch(UploadRefused):
    """Not the bytes the browser sent."""

    code, title = "etag_mismatch", "The stored file is not the one that was sent"


class WrongType(UploadRefused):
    """The content is of another type than announced."""

    code, title = "wrong_type", "The file is of another type than announced"


class NotAnImage(UploadRefused):
    """The first bytes are of no accepted picture format."""

    code, title = "not_an_image", "The file is not a JPEG, PNG, WebP or HEIC picture"


class ImageTooLarge(UploadRefused):
    """More pixels than we decode."""

    code, title = "image_too_large", "The picture has too many pixels"


class ImageTooSmall(UploadRefused):
    """Too few pixels to enhance."""

    code, title = "image_too_small", "The picture is too small"


class ImageCorrupt(UploadRefused):
    """The picture does not decode."""

    code, title = "image_corrupt", "The picture is damaged"


class UploadTooLate(UploadRefused):
    """The project started or filled up while the file was on its way."""

    code, title = "upload_too_late", "The project takes no further images"


UPLOAD_REFUSALS: dict[str, type[UploadRefused]] = {
    refusal.code: refusal for refusal in UploadRefused.__subclasses__()
}


class WebhookRefused(Refusal):
    """Unsigned, forged, too old, or about another request."""

    status, code = 403, "webhook_refused"
    title = "The webhook could not be verified"


class WebhookKeysMissing(Refusal):
    """The vendor's keys cannot be read now; it will ask again."""

    status, code = 503, "webhook_keys_missing"
    title = "The webhook cannot be verified now"


class AttemptNotFound(NotFound):
    """No such attempt."""

    title = "There is no such attempt"
