"""How each operation is called: the body it takes and the things it uses up."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.security.belongings import Ids

BOGUS = "bogus-secret-of-nobody"


@dataclass(frozen=True)
class Call:
    """`{name}` in a body stands for an id; `uses` are made anew for a caller who may succeed."""

    uses: tuple[str, ...] = ()
    body: Any = None
    names: tuple[tuple[str, str], ...] = ()
    """Path parameters that are not named after what they identify."""


PARAMETERS = {
    "project_id": "project",
    "image_id": "image",
    "video_id": "video",
    "clip_id": "clip",
    "payment_id": "payment",
    "invoice_id": "invoice",
    "workspace_id": "workspace",
    "user_id": "user",
    "member_id": "member",
    "session_id": "session",
    "key_id": "key",
    "invitation_id": "invitation",
    "upload_id": "upload",
    "relationship_id": "relationship",
    "name": "provider",
    "template": "template",
    "attempt_id": "image",
}
FIXED = {"provider": "google", "template": "verify_email"}
PLAIN = Call()
_ORDER = {"billable_kind": "photo_project", "billable_id": "{ready_project}", "method": "stripe"}
_GRANT = {"workspace_id": "{workspace}", "billable_id": "{ready_project}", "reason": "a test"}
_COMPANY = {
    "name": "Nordlys AS",
    "organization_number": "974760673",
    "contact_email": "post@nordlys.example",
    "contact_person": "Kari Nordmann",
}
_STYLE = {"name": "{random}", "description": "Ours", "category": "staging", "prompt": "Calm."}
_PAIR = {"affiliate_workspace_id": "{affiliate}", "referred_workspace_id": "{workspace}"}
_PAYOUT = {"affiliate_workspace_id": "{workspace}", "reference": "{random}", "currency": "nok"}
_PROVIDER = {"attempt": BOGUS, "state": "s", "code": "c"}
_SIGN_UP = {"name": "New", "email": "{random}@ai-studio.example", "password": "{random}"}
_UPLOAD = {"file_name": "a.jpg", "content_type": "image/jpeg", "size_bytes": 1000}

CALLS: dict[str, Call] = {
    "POST /v1/admin/affiliate/payouts": Call(body=_PAYOUT),
    "POST /v1/admin/affiliate/relationships": Call(("workspace",), _PAIR),
    "PATCH /v1/admin/affiliate/relationships/{relationship_id}": Call(
        ("relationship",), {"is_active": False}
    ),
    "POST /v1/admin/billing/grants": Call(
        ("ready_project",), {**_GRANT, "billable_kind": "photo_project"}
    ),
    "PUT /v1/admin/billing/workspaces/{workspace_id}": Call(body={"invoice_eligible": True}),
    "POST /v1/admin/invoices": Call(("line",), {"workspace_id": "{workspace}"}),
    "POST /v1/admin/invoices/{invoice_id}/mark-paid": Call(
        ("sent",), names=(("invoice_id", "sent"),)
    ),
    "POST /v1/admin/invoices/{invoice_id}/send": Call(("draft",), names=(("invoice_id", "draft"),)),
    "POST /v1/admin/mails/suppressions/lift": Call(body={"email": "a@ai-studio.example"}),
    "PATCH /v1/admin/users/{user_id}": Call(
        ("user",), {"is_system_admin": False, "reason": "a test"}
    ),
    "PUT /v1/admin/users/{user_id}/ban": Call(("user",), {"reason": "a test"}),
    "DELETE /v1/admin/users/{user_id}/ban": Call(("banned",), names=(("user_id", "banned"),)),
    "POST /v1/admin/users/{user_id}/impersonation": Call(("user",), {"reason": "a test"}),
    "PATCH /v1/admin/workspaces/{workspace_id}": Call(("workspace",), {"plan": "pro"}),
    "POST /v1/api-keys": Call(body={"name": "a key", "scopes": ["projects:read"]}),
    "DELETE /v1/api-keys/{key_id}": Call(("key",)),
    "POST /v1/api-keys/{key_id}/rotation": Call(("key",)),
    "POST /v1/auth/email/change": Call(body={"email": "n@ai-studio.example", "password": BOGUS}),
    "POST /v1/auth/email/confirm": Call(body={"token": BOGUS}),
    "POST /v1/auth/email/verify": Call(body={"token": BOGUS}),
    "POST /v1/auth/impersonation/stop": Call(body={}),
    "POST /v1/auth/password/change": Call(body={"password": BOGUS, "new_password": BOGUS}),
    "POST /v1/auth/password/forgot": Call(body={"email": "nobody@ai-studio.example"}),
    "POST /v1/auth/password/reset": Call(body={"token": BOGUS, "password": BOGUS}),
    "POST /v1/auth/providers/{name}/finish": Call(body=_PROVIDER),
    "POST /v1/auth/sign-in": Call(
        body={"email": "{random}@ai-studio.example", "password": "wrong"}
    ),
    "POST /v1/auth/sign-up": Call(body=_SIGN_UP),
    "PATCH /v1/clips/{clip_id}": Call(("clip",), {"room_label": "Kitchen"}),
    "DELETE /v1/clips/{clip_id}": Call(("clip",)),
    "POST /v1/clips/{clip_id}/remake": Call(body={}),
    "PATCH /v1/images/{image_id}": Call(("image",), {"room_type": "kitchen"}),
    "POST /v1/invitations": Call(body={"email": "{random}@ai-studio.example"}),
    "POST /v1/invitations/accept": Call(body={"token": BOGUS}),
    "POST /v1/invitations/look-up": Call(body={"token": BOGUS}),
    "DELETE /v1/invitations/{invitation_id}": Call(("invitation",)),
    "POST /v1/invitations/{invitation_id}/resend": Call(("invitation",)),
    "PATCH /v1/members/me": Call(body={"language": "nb"}),
    "PATCH /v1/members/{member_id}": Call(("member",), {"role": "member"}),
    "DELETE /v1/members/{member_id}": Call(("member",)),
    # To themselves: it passes the same checks and changes nothing.
    "POST /v1/members/{member_id}/ownership": Call(names=(("member_id", "owner"),)),
    "POST /v1/payments": Call(("ready_project",), _ORDER),
    "POST /v1/projects": Call(body={"name": "A", "style_template_id": "scandinavian"}),
    "PATCH /v1/projects/{project_id}": Call(("project",), {"name": "B"}),
    "DELETE /v1/projects/{project_id}": Call(("project",)),
    "POST /v1/projects/{project_id}/uploads": Call(("project",), _UPLOAD),
    "DELETE /v1/sessions/{session_id}": Call(("session",)),
    "POST /v1/style-templates": Call(body=_STYLE),
    "POST /v1/uploads/{upload_id}/confirm": Call(("upload",), {}),
    "POST /v1/videos": Call(body={"name": "A"}),
    "PATCH /v1/videos/{video_id}": Call(("video",), {"name": "B"}),
    "DELETE /v1/videos/{video_id}": Call(("video",)),
    "POST /v1/videos/{video_id}/auto-order": Call(("video",)),
    "POST /v1/videos/{video_id}/clips": Call(("video",), {"image_id": "{image}"}),
    "PUT /v1/videos/{video_id}/order": Call(("video", "clip"), {"clip_ids": ["{clip}"]}),
    "POST /v1/videos/{video_id}/template": Call(
        ("video",), {"template_id": "before-after", "image_ids": ["{image}", "{image}"]}
    ),
    "PATCH /v1/workspace": Call(body={"contact_person": "Kari Nordmann"}),
    "PUT /v1/workspace/branding": Call(body={"primary_color": "#123456", "secondary_color": None}),
    # Not the slug: whoever may close the workspace is asked to repeat it.
    "POST /v1/workspace/closing": Call(body={"confirm": "wrong"}),
    "POST /v1/workspace/logo-uploads": Call(body={"content_type": "image/png", "size_bytes": 100}),
    "POST /v1/workspace/logo-uploads/{upload_id}/confirm": Call(
        ("logo",), names=(("upload_id", "logo"),)
    ),
    "POST /v1/workspace/onboarding": Call(body=_COMPANY),
    "POST /webhooks/stripe": Call(body={}),
}
ENDS_SESSIONS = (
    "POST /v1/auth/sign-out",
    "POST /v1/auth/impersonation/stop",
    "DELETE /v1/sessions",
)


def call_of(operation: str) -> Call:
    return CALLS.get(operation, PLAIN)


def path_of(operation: str, ids: Ids) -> str:
    """The operation's path about these things."""
    call, path = call_of(operation), operation.partition(" ")[2]
    known = FIXED | ids
    for parameter, name in (PARAMETERS | dict(call.names)).items():
        if f"{{{parameter}}}" in path:
            path = path.replace(f"{{{parameter}}}", known[name])
    return path


def body_of(operation: str, ids: Ids) -> Any:
    """The body about these things, with something new wherever it says `{random}`."""
    return _filled(call_of(operation).body, ids)


def _filled(value: Any, ids: Ids) -> Any:
    if isinstance(value, dict):
        return {name: _filled(inner, ids) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, ids) for inner in value]
    if not isinstance(value, str):
        return value
    for name, known in ({"random": uuid4().hex} | ids).items():
        value = value.replace(f"{{{name}}}", known)
    return value


def with_bodies(document: dict[str, Any]) -> dict[str, list[str]]:
    """Operation → the fields of its JSON body; without those that would end what others need."""
    found = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            name = f"{method.upper()} {path}"
            if content is not None and name not in ENDS_SESSIONS:
                found[name] = _fields_of(document, content["schema"])
    return found


def _fields_of(document: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    parts = [schema, *schema.get("anyOf", ())]
    names = [part["$ref"].rpartition("/")[2] for part in parts if "$ref" in part]
    schemas = document["components"]["schemas"]
    return [field for name in names for field in schemas[name].get("properties", {})]
