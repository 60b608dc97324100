"""The operator's door at a distance: a face whose cockpit runs in another process, and what goes over the line between them."""
