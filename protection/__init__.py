"""Data protection: what is held on a child, what is kept how long, and how it is removed with proof."""
