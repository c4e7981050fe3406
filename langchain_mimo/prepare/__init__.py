"""Turning what MiMo would refuse into what it takes: explicit calls, never silent.

The `av` extra brings what this needs: `pip install 'langchain-mimo[av]'`.
"""

from langchain_mimo.prepare.audio import prepare_audio
from langchain_mimo.prepare.images import prepare_image
from langchain_mimo.prepare.output import Prepared
from langchain_mimo.prepare.video import prepare_video

__all__ = ["Prepared", "prepare_audio", "prepare_image", "prepare_video"]
