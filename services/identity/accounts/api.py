"""Doors: signing up, in and out; mailboxes, passwords and other providers."""

from fastapi import APIRouter, Response

from chassis.caller import CallerDep
from chassis.database import DatabaseDep
from services.identity.accounts.rules import normal_email
from services.identity.accounts.schemas import (
    BeginProvider,
    ChangeEmail,
    ChangePassword,
    CheckYourMail,
    FinishProvider,
    ForgotPassword,
    ProviderList,
    ResetPassword,
    SignIn,
    SignUp,
    UseToken,
)
from services.identity.accounts.use_cases import (
    entry,
    mailbox,
    passwords,
    providers,
    signing_up,
)
from services.identity.dependencies import (
    EntranceDep,
    PasswordsDep,
    ProvidersDep,
    SessionCookieDep,
)
from services.identity.members.schemas import MeView
from services.identity.providers.openid import ProviderName
from services.identity.sessions.use_cases.own import sign_out as end_current_session

router = APIRouter(prefix="/v1/auth", tags=["auth"])


@router.post("/sign-up", status_code=201, responses={202: {"model": CheckYourMail}})
async def sign_up(
    body: SignUp,
    response: Response,
    database: DatabaseDep,
    hasher: PasswordsDep,
    door: EntranceDep,
) -> MeView | CheckYourMail:
    """Where sign-up does not sign in, 202 whether or not the address has an account."""
    signed_in = await signing_up.sign_up(database, hasher, body, door)
    if signed_in is None:
        response.status_code = 202
        return CheckYourMail()
    door.cookie.set(response, signed_in.token)
    return signed_in.me


@router.post("/sign-in")
async def sign_in(
    body: SignIn,
    response: Response,
    database: DatabaseDep,
    hasher: PasswordsDep,
    door: EntranceDep,
) -> MeView:
    signed_in = await entry.sign_in(database, hasher, body, door)
    door.cookie.set(response, signed_in.token)
    return signed_in.me


@router.post("/sign-out", status_code=204)
async def sign_out(
    caller: CallerDep, response: Response, database: DatabaseDep, cookie: SessionCookieDep
) -> None:
    async with database.transaction(caller) as session:
        await end_current_session(session, caller)
    cookie.delete(response)


@router.post("/email/verification", status_code=202)
async def resend_verification(caller: CallerDep, database: DatabaseDep) -> CheckYourMail:
    async with database.transaction(caller) as session:
        await mailbox.resend_verification(session, caller)
    return CheckYourMail()


@router.post("/email/verify", status_code=204)
async def verify_email(body: UseToken, database: DatabaseDep) -> None:
    """By the secret of the mailed link; nobody need be signed in."""
    await mailbox.verify_email(database, body.token)


@router.post("/email/change", status_code=202)
async def change_email(
    body: ChangeEmail, caller: CallerDep, database: DatabaseDep, hasher: PasswordsDep
) -> CheckYourMail:
    """The present address counts until the new one confirms."""
    await passwords.check_password(database, hasher, caller, body.password.get_secret_value())
    async with database.transaction(caller) as session:
        await mailbox.request_change(session, caller, normal_email(body.email))
    return CheckYourMail()


@router.post("/email/confirm", status_code=204)
async def confirm_email(body: UseToken, database: DatabaseDep) -> None:
    """By the secret mailed to the new address; every session ends."""
    await mailbox.confirm_change(database, body.token)


@router.post("/password/change", status_code=204)
async def change_password(
    body: ChangePassword, caller: CallerDep, database: DatabaseDep, hasher: PasswordsDep
) -> None:
    """Every other session ends."""
    await passwords.change_password(database, hasher, caller, body)


@router.post("/password/forgot", status_code=202)
async def forget_password(body: ForgotPassword, database: DatabaseDep) -> CheckYourMail:
    """The same answer, in the same time, whether or not the address has an account."""
    await passwords.forget_password(database, body.email)
    return CheckYourMail()


@router.post("/password/reset", status_code=204)
async def reset_password(body: ResetPassword, database: DatabaseDep, hasher: PasswordsDep) -> None:
    """By the secret of the mailed link; every session ends."""
    await passwords.reset_password(database, hasher, body)


@router.get("/providers")
async def list_providers(offered: ProvidersDep) -> ProviderList:
    return ProviderList(items=offered.names)


@router.post("/providers/{name}/begin")
async def begin_provider(name: ProviderName, offered: ProvidersDep) -> BeginProvider:
    return await providers.begin(offered.get(name))


@router.post("/providers/{name}/finish")
async def finish_provider(
    name: ProviderName,
    body: FinishProvider,
    response: Response,
    database: DatabaseDep,
    offered: ProvidersDep,
    door: EntranceDep,
) -> MeView:
    signed_in = await providers.finish(database, offered.get(name), body, door.origin)
    door.cookie.set(response, signed_in.token)
    return signed_in.me
