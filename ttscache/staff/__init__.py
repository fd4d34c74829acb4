"""Parts that the staff pages of all apps share. This package registers no page.

pages         permissions, and confirmation pages before an action
badges        the state of a clip or a run: icon, word and colour
clip_widgets  players, waveforms, progress bars
wording       moments, prices and plans in words
"""
