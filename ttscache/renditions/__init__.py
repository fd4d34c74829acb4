"""Who plays a listener voice, and how one rendition takes over from another."""
