"""Tour videos: clips, transitions and music, compiled into films."""
