"""What one would write with MoviePy 2; runs in an environment of its own.

Arguments: the music, the film to write, the preset, and the clips in order.
"""

import sys

from moviepy import AudioFileClip, CompositeAudioClip, VideoFileClip, afx, concatenate_videoclips


def main(music: str, film: str, preset: str, *paths: str) -> None:
    joined = concatenate_videoclips([VideoFileClip(path).subclipped(0, 5) for path in paths])
    tune = AudioFileClip(music).with_effects(
        [afx.AudioLoop(duration=joined.duration), afx.MultiplyVolume(0.3), afx.AudioFadeOut(2)]
    )
    both = CompositeAudioClip([joined.audio, tune]) if joined.audio is not None else tune
    joined.with_audio(both).write_videofile(
        film,
        codec="libx264",
        audio_codec="aac",
        preset=preset,
        fps=30,
        threads=2,
        logger=None,
        ffmpeg_params=["-movflags", "+faststart", "-crf", "20"],
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
