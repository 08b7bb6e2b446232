"""Turn-taking, measured: recorded callers, pauses drawn from a law, and what each policy would have done with them."""
