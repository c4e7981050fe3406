"""Content blocks for images, videos and audio.

Each function takes a local path, a URL, bytes or a binary file object and returns a LangChain
content block for a message. A path is stored as a reference with its size and SHA-256. The file is
read again while a request is sent, if it is in a folder that the model allows:

    from langchain_core.messages import HumanMessage
    from langchain_mimo import ChatMiMo
    from langchain_mimo.media import audio_block, image_block, video_block

    llm = ChatMiMo(model="mimo-v2.6-flash", allowed_media_dirs=["media"])
    message = HumanMessage(
        [
            image_block("media/photo.jpg"),
            video_block("media/talk.mp4", fps=1),
            audio_block("https://example.com/interview.mp3"),
            {"type": "text", "text": "Do they show the same person?"},
        ]
    )
    print(llm.invoke([message]).text)
"""

from langchain_mimo._media.content_blocks import audio_block, image_block, video_block

__all__ = ["audio_block", "image_block", "video_block"]
