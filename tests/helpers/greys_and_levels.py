"""Videos of plain greys and audio of plain loudness: their changes are where they were put."""

import io

import av


def scenes(*colours, seconds=2, rate=10, gop=5):
    """Encode a video with a key frame each half second, of scenes in shades of grey."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        parameters = f"keyint={gop}:min-keyint={gop}:scenecut=0"
        stream = out.add_stream("libx264", rate=rate, options={"x264-params": parameters})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(len(colours) * seconds * rate):
            frame = av.VideoFrame(64, 48, "yuv420p")
            shade = colours[number // (seconds * rate)]
            shade = shade(number % (seconds * rate)) if callable(shade) else shade
            frame.planes[0].update(bytes([int(shade)]) * frame.planes[0].buffer_size)
            for plane in frame.planes[1:]:
                plane.update(b"\x80" * plane.buffer_size)
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return buffer.getvalue()


def levels(*amplitudes, container="wav", codec="pcm_s16le"):
    """Encode audio with one amplitude per second."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        stream = out.add_stream(codec, rate=16_000)
        stream.layout = "mono"
        resampler = av.AudioResampler(stream.format.name, "mono", 16_000)
        for second, amplitude in enumerate(amplitudes):
            for tenth in range(10):
                frame = av.AudioFrame("s16", "mono", 1600)
                wave = (amplitude if at // 20 % 2 else -amplitude for at in range(1600))
                samples = b"".join(value.to_bytes(2, "little", signed=True) for value in wave)
                frame.planes[0].update(samples.ljust(frame.planes[0].buffer_size, b"\0"))
                frame.sample_rate, frame.pts = 16_000, second * 16_000 + tenth * 1600
                for each in resampler.resample(frame):
                    out.mux(stream.encode(each))
        out.mux(stream.encode(None))
    return buffer.getvalue()
