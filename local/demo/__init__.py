"""The main job on real photos, through the gateway only, without any account or key."""
