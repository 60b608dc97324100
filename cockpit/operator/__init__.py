"""Everything that the human can see or do: the acts, the view, and the commands that screen and command line share."""
