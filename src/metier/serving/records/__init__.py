"""What the server keeps on the disk: keys, requests, prompts, artifacts."""
