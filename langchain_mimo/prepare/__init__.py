"""Convert media that MiMo would refuse. Conversion is always explicit, never silent.

Video, audio and HEIC need the extra `av`: `pip install ".[av]"` in a clone of the repository.

`prepare_image`, `prepare_video` and `prepare_audio` share these arguments:

- `source`: a local path or the bytes. URLs and content blocks are refused.
- `output`: a path to write to; without it, the result is returned in memory. The suffix must match
  the format of the result.
- `max_bytes`: maximum size of the result. The default of 37,500,000 bytes fits MiMo's limit of
  50 MB of base64, whether MiMo counts a megabyte as 10^6 or 2^20.
- `token_budget`: maximum tokens of the result. Default: no limit.
- `start_s`, `end_s` (video and audio): the segment to keep, in seconds. Default: everything.
- `convert`: re-encode even a source that looks acceptable, because MiMo refused it.
- `time_limit`: seconds that the call may take. Default: 600.
- `progress`: a function called with the completed share, 0.0 to 1.0.
- `show_progress`: whether to draw a progress bar on standard error.

`prepare_many` runs such calls in parallel.
"""

from langchain_mimo.prepare.audio import prepare_audio
from langchain_mimo.prepare.images import prepare_image
from langchain_mimo.prepare.many import prepare_many
from langchain_mimo.prepare.output import Prepared
from langchain_mimo.prepare.video import prepare_video

__all__ = ["Prepared", "prepare_audio", "prepare_image", "prepare_many", "prepare_video"]
