"""A short reflection on what a listener has told: by a model, or chosen from the bank."""
