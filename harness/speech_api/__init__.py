"""A provider with OpenAI's protocol, real audio, and any misbehaviour that a test wants."""
