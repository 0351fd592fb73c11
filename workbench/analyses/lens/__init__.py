"""The logit lens: what residual streams would say."""
