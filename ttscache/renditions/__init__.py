"""Which rendition plays a listener voice, until when its model is offered, which clips must be kept."""
