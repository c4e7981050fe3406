"""Cuts videos and audio: an index of the packets, copies without encoding, decoding, verification.

The steps are:

1. `index.build_index` reads every packet once, without decoding, and knows what is shown when.
2. `planning.plan_copy` decides from the index alone which packets a copy needs, or why there is
   no exact copy.
3. `copying.copy_span` writes those packets to a new container; `decoding.decode_span` decodes a
   time range for a caller that encodes.
4. `verification.verify` opens what was written and decodes it.

Times are exact fractions of a second on the time line of the container. Progress and the clock
are one callable, `Tick`: it is called in every loop over packets and frames, and raises when the
caller's time is up.
"""
