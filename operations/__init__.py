"""What runs and people leave behind: runs, check results, findings with their history, and publications."""
