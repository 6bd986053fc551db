"""How a request ends: its result, its journal entry and its webhook, each exactly once."""

from typing import Any

from local.vendors.control import StandIn
from local.vendors.fal.inputs import MODELS, parsed
from local.vendors.fal.requests import Request, Requests
from local.vendors.fal.webhooks import Webhooks, path_and_query

MOST_RUNS = 10
CANCELLED = "client_cancelled"


class Outcomes:
    """Writes an outcome first and journals it second; `reconcile` repairs a kill between."""

    def __init__(self, stand_in: StandIn, requests: Requests, webhooks: Webhooks) -> None:
        self._stand_in, self._requests, self._webhooks = stand_in, requests, webhooks

    def submitted(self, request: Request) -> None:
        """Journal a submit with the price its input names; None where the pixels decide it."""
        asked, _ = parsed(MODELS[request.model], request.input)
        self._stand_in.journal.record(
            "submit",
            request_id=request.id,
            model=request.model,
            attempt_url=path_and_query(request.webhook),
            input_sha256=request.digest(),
            cost_usd=(MODELS[request.model].cost_usd(asked, []) or None) if asked else 0.0,
            lifecycle=request.lifecycle,
            no_retry=request.no_retry,
        )

    def finish(
        self, request: Request, code: int, answer: dict[str, Any], cost_usd: float = 0.0
    ) -> None:
        """Complete it unless it already is, and tell its webhook."""
        if not self._requests.finish(request, code, answer, cost_usd):
            return
        done = self._requests.find(request.id)
        assert done is not None  # noqa: S101
        self._completed(done)
        if done.webhook:
            self._webhooks.tell(done)

    def cancel(self, request: Request) -> bool:
        """End it with 499, free of charge and without a webhook; False when it was over."""
        request.error_type = CANCELLED
        answer = {"detail": "Request was cancelled.", "error_type": CANCELLED}
        if not self._requests.finish(request, 499, answer):
            return False
        self._stand_in.journal.record("cancel", request_id=request.id, model=request.model)
        return True

    def again(self, request: Request, status: int) -> None:
        """fal's own retry of a broken run; the tenth, or the only one asked for, is final."""
        if not request.no_retry and request.runs < MOST_RUNS:
            return self._requests.requeue(request)
        request.error_type = "runner_server_error"
        detail = {"loc": ["body"], "msg": "The runner failed.", "type": request.error_type}
        return self.finish(request, status, {"detail": [detail]})

    def reconcile(self) -> None:
        """Journal what a kill kept from the journal."""
        entries = self._stand_in.journal.entries()
        known = {(e["operation"], e["request_id"]) for e in entries if "request_id" in e}
        for request in self._requests.all():
            if ("submit", request.id) not in known:
                self.submitted(request)
            over = request.status == "COMPLETED" and request.error_type != CANCELLED
            if over and ("completion", request.id) not in known:
                self._completed(request)

    def _completed(self, request: Request) -> None:
        self._stand_in.journal.record(
            "completion",
            request_id=request.id,
            model=request.model,
            attempt_url=path_and_query(request.webhook),
            status=request.code,
            cost_usd=round(request.cost_usd, 6),
            runs=request.runs,
        )
