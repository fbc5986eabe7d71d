"""What lies on the disk: run folders, the journal, summaries, leaderboards. Torch-free."""
