"""What becomes of accepted rows: reviewed, audited, exported, traced to their documents."""
