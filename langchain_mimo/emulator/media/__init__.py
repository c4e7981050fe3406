"""Opens and checks the media of a request, with Pillow and PyAV."""
