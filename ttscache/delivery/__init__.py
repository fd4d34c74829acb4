"""From a clip to an HTTP response, and how it is metered."""
