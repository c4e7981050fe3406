"""Content blocks for media: images, videos and audio as references that are read when sent."""

from langchain_mimo._media.content_blocks import audio_block, image_block, video_block

__all__ = ["audio_block", "image_block", "video_block"]
