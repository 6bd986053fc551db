"""What crosses HTTP when somebody signs up or in."""

from typing import Annotated, Literal

from pydantic import BaseModel, EmailStr, Field, SecretStr, StringConstraints

from chassis.bodies import Body
from contracts.private import Language
from services.identity.workspaces.rules import NOT_BLANK, PLAIN_TEXT

PersonName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=NOT_BLANK),
]
MailToken = Annotated[str, StringConstraints(min_length=1, max_length=100)]
NewPassword = Annotated[SecretStr, Field(min_length=8, max_length=128)]
# No minimum: too short is simply wrong. The limit keeps hashing cheap.
Password = Annotated[SecretStr, Field(max_length=128)]


class SignUp(Body):
    """A new person with a workspace of their own, or in the one whose invitation they show."""

    name: PersonName
    email: EmailStr
    password: NewPassword
    referral_code: Annotated[str, StringConstraints(max_length=64, pattern=PLAIN_TEXT)] | None = (
        None
    )
    invitation_token: MailToken | None = None
    language: Language = "en"


class SignIn(Body):
    """An address and its password."""

    email: EmailStr
    password: Password


class CheckYourMail(BaseModel):
    """The answer that is the same whether or not the address has an account."""

    status: Literal["check_your_mail"] = "check_your_mail"


class UseToken(Body):
    """The secret of a mailed link."""

    token: MailToken


class ForgotPassword(Body):
    """The address to mail a reset link to, if it has an account."""

    email: EmailStr


class ResetPassword(Body):
    """The secret of the reset link, and the new password."""

    token: MailToken
    password: NewPassword


class ChangePassword(Body):
    """The present password, and the new one."""

    password: Password
    new_password: NewPassword


class ChangeEmail(Body):
    """The new address, and the present password."""

    email: EmailStr
    password: Password


class ProviderList(BaseModel):
    """The other ways to sign in that are offered here."""

    items: list[str]


class BeginProvider(BaseModel):
    """Send the browser to the URL; keep the attempt in it, and show it when it comes back."""

    authorization_url: str
    attempt: str


class FinishProvider(Body):
    """What the provider's redirect carried, and the attempt this browser kept."""

    attempt: Annotated[str, StringConstraints(min_length=20, max_length=100)]
    state: Annotated[str, StringConstraints(max_length=200)]
    code: Annotated[str, StringConstraints(min_length=1, max_length=4000)]
    language: Language = "en"
