"""The benchmark: what each stage of a run costs."""
