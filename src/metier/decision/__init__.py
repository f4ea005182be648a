"""From scorecards to a verdict and its report; pure functions."""
