"""The SEN2 return: its specification by year, its shapes in and out. Nothing here imports Prefect."""
