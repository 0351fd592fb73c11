"""The embedded model: a small world of clips, and a Video-LLM trained on it that ships with the project."""
