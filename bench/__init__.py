"""What the figures in the documents come from: each prints ratios against a peer in the same run."""
