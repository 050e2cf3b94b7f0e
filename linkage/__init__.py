"""Who is the same child where no sure key says so: the policy, the Splink model, the scores and the decisions."""
