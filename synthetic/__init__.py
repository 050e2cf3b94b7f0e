"""An invented borough: its extracts, and the truth beside them."""
