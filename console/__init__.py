"""Web pages for stewards, the officer and the board: sign in, findings, gates, dashboards; reads what was published."""
