"""A stand-in for fal.ai: its queue, webhooks and CDN, with honest work on real pixels."""
