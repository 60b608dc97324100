"""What each part of the screen looks like, as pure functions from values to lines."""
