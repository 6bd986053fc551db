"""Every state a row may be in; the rules say how one becomes another."""

VIDEO_STATUSES = ("draft", "generating", "compiling", "completed", "failed")
CLIP_STATUSES = ("pending", "processing", "completed", "failed", "left_out")
TRANSITION_STATUSES = ("none", "pending", "processing", "completed", "cross_fade")
BEING_MADE = ("pending", "processing")
"""Of a clip or a transition: the model owes it to us."""
OPEN_ATTEMPTS = ("intended", "submitted", "unknown", "answered")
ATTEMPT_STATUSES = (*OPEN_ATTEMPTS, "succeeded", "failed", "discarded")
UNIT_STATUSES = ("pending", "rendering", "completed", "failed")
BRANDINGS = ("unbranded", "branded")
ASPECT_RATIOS = ("16:9", "9:16", "1:1")
