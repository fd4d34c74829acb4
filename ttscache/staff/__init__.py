"""What the staff pages of all apps share. Registers no page.

pages         who may do what, and asking before it is done
badges        how a clip or a run stands: icon, word and colour
clip_widgets  players, waveforms, progress bars
wording       moments, prices and plans in words
"""
