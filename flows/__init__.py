"""The only place that knows the order: Prefect flows and the command line that starts them."""
