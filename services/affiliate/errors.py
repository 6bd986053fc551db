"""Every way affiliate can say no."""

from chassis.errors import Refusal


class WorkspaceUnknown(Refusal):
    """We have not heard of this workspace."""

    status, code, title = 404, "workspace_unknown", "There is no such workspace"


class NotEnterprise(Refusal):
    """The affiliate programme belongs to the enterprise plan."""

    status, code = 403, "enterprise_needed"
    title = "The affiliate programme is for workspaces on the enterprise plan"


class SelfReferral(Refusal):
    """Nobody brings themselves."""

    status, code, title = 409, "self_referral", "A workspace cannot refer itself"


class SameCompany(Refusal):
    """Two workspaces with one organisation number are one company."""

    status, code = 409, "same_organization_number"
    title = "Both workspaces belong to the same company"


class ReferralCycle(Refusal):
    """The affiliate was itself brought by the workspace, directly or not."""

    status, code, title = 409, "referral_cycle", "The referral would close a circle"


class AlreadyReferred(Refusal):
    """One affiliate at a time earns on a workspace."""

    status, code, title = 409, "already_referred", "The workspace already has an affiliate"


class NothingToPayOut(Refusal):
    """No pending earnings in this currency, or they sum to nothing."""

    status, code, title = 409, "nothing_to_pay_out", "There is nothing to pay out"


class ReferenceUsed(Refusal):
    """Each payout has a reference of its own."""

    status, code, title = 409, "payout_reference_used", "A payout with this reference exists"


class WorkspaceIsSuspended(Refusal):
    """A suspended workspace reads but does not write."""

    status, code, title = 403, "workspace_suspended", "The workspace is suspended"
