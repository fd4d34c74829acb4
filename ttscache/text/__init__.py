"""Pure functions about text: words in, words or places out."""
