"""The few widgets of the screen: they draw lines that pure functions made, and parse nothing."""
