"""A speech service with OpenAI's protocol, real audio, and any misbehaviour a test asks for."""
