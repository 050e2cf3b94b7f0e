"""The strategic dashboard: the catalogue of indicators, their statistics and suppression, the pages, the board pack."""
