"""Opens and judges the media of a request with Pillow and PyAV."""
