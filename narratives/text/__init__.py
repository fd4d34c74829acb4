"""Words in, words out: nothing here knows the database or a request."""
