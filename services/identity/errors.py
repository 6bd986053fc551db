"""Every way identity can say no."""

from chassis.errors import Refusal


class SignUpRefused(Refusal):
    """No account was made; deliberately without a reason, the address may be taken."""

    status, code = 409, "sign_up_refused"
    title = "An account with these details cannot be made; sign in or use another address"


class WrongCredentials(Refusal):
    """The address or the password is wrong; which one is not said."""

    status, code, title = 401, "wrong_credentials", "The address or the password is wrong"


class PasswordsBusy(Refusal):
    """So many people sign in at once that this one would wait too long."""

    status, code, title = 503, "passwords_busy", "Too many people sign in at once; try again"


class Banned(Refusal):
    """An administrator keeps this person out for now."""

    status, code, title = 403, "banned", "This account is blocked"


class WorkspaceIsSuspended(Refusal):
    """A suspended workspace reads but does not write."""

    status, code, title = 403, "workspace_suspended", "The workspace is suspended"


class OwnSessionNeeded(Refusal):
    """Keys and impersonators may not change what lets people in."""

    status, code = 403, "own_session_needed"
    title = "Only a person with a session of their own may do this"


class ReasonNeeded(Refusal):
    """A suspension is always explained."""

    status, code, title = 422, "reason_needed", "A suspension needs a reason"


class ExpiryInThePast(Refusal):
    """A key must be valid for a while."""

    status, code, title = 422, "expiry_in_the_past", "The expiry must lie in the future"


class TokenNotValid(Refusal):
    """Unknown, used, replaced or expired; which one is not said."""

    status, code = 410, "token_not_valid"
    title = "This link was used, replaced or has expired; ask for a new one"


class EmailTaken(Refusal):
    """Somebody else confirmed the address first."""

    status, code, title = 409, "email_taken", "The address can no longer be used"


class PasswordNotSet(Refusal):
    """The person signs in with Google or Microsoft only."""

    status, code = 409, "password_not_set"
    title = "This account has no password; set one by a password reset"


class ProviderNotConfigured(Refusal):
    """Nobody told us to accept this provider."""

    status, code, title = 404, "provider_not_configured", "This way to sign in is not offered"


class ProviderRefused(Refusal):
    """The provider did not confirm who it is."""

    status, code, title = 401, "provider_refused", "The provider did not confirm who you are"


class ProviderUnavailable(Refusal):
    """The provider did not answer as it should."""

    status, code, title = 503, "provider_unavailable", "The provider does not answer; try again"


class AccountExists(Refusal):
    """Linking would hand an account to whoever signed up with the address first."""

    status, code = 409, "account_exists"
    title = "Sign in the way you did before"


class MailboxNotVerified(Refusal):
    """Only a verified mailbox proves who is invited."""

    status, code, title = 403, "mailbox_not_verified", "Verify your address first"


class InvitationForAnother(Refusal):
    """The invitation was mailed to another address."""

    status, code, title = 403, "invitation_for_another", "The invitation is for another address"


class WouldLeaveWorkspace(Refusal):
    """Nobody is moved silently: the answer says what would happen."""

    status, code = 409, "would_leave_workspace"
    title = "Accepting ends your membership in your present workspace"


class OwnerCannotLeave(Refusal):
    """A workspace always has exactly one owner."""

    status, code = 409, "owner_cannot_leave"
    title = "Hand the workspace over before you leave it"


class AlreadyMember(Refusal):
    """The invited person is a member of this workspace already."""

    status, code, title = 409, "already_member", "This person is a member already"


class AlreadyInvited(Refusal):
    """There is one open invitation per address."""

    status, code = 409, "already_invited"
    title = "This address has an open invitation; resend it instead"


class RoleTooHigh(Refusal):
    """Nobody gives more than they have."""

    status, code, title = 403, "role_too_high", "You cannot give a role above your own"


class OwnerIsUntouchable(Refusal):
    """The owner's role moves by a transfer only."""

    status, code, title = 409, "owner_is_untouchable", "The owner's role moves by a transfer only"


class NotConfirmed(Refusal):
    """What cannot be undone is typed out."""

    status, code, title = 422, "not_confirmed", "Repeat the workspace's slug to confirm"


class NotWhileImpersonating(Refusal):
    """Money, credentials, roles and deletion are the member's own."""

    status, code = 403, "not_while_impersonating"
    title = "An administrator may not do this on behalf of a member"


class PlanTooSmall(Refusal):
    """White label is part of the enterprise plan."""

    status, code, title = 403, "plan_too_small", "This needs the enterprise plan"


class LogoRefused(Refusal):
    """`reason` says what is wrong with the file."""

    status, code, title = 422, "logo_refused", "The logo cannot be used"


class NotUploaded(Refusal):
    """Nothing arrived under the signed address."""

    status, code, title = 409, "not_uploaded", "Upload the file first"


class CannotTouchAdministrator(Refusal):
    """Administrators are neither impersonated nor banned, and nobody bans themselves."""

    status, code = 409, "cannot_touch_administrator"
    title = "This cannot be done to an administrator"


class LastAdministrator(Refusal):
    """Somebody has to remain who can administer."""

    status, code, title = 409, "last_administrator", "This is the last system administrator"
