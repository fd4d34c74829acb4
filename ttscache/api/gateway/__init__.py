"""The API that clients of OpenAI's speech speak: /v1/audio/speech and what belongs to it.

Its errors have OpenAI's shape, and its paths, fields and limits are those of
https://platform.openai.com/docs/api-reference/audio/createSpeech.
"""
